"""The limits of what an application may pass: one table, which the checks use and docs/limits.md prints."""

from __future__ import annotations

from typing import NamedTuple


class Limit(NamedTuple):
    """One limit.

    Attributes:
        of: What is limited.
        maximum: The largest number.
        unit: What it counts.
        reason: The harm that more would do.
    """

    of: str
    maximum: int
    unit: str
    reason: str


NAME = Limit(
    "a decision's id, a key, a unit, an action, an item, a kind of event, the name of a feature or attribute",
    1_024,
    "bytes in UTF-8",
    "PostgreSQL cannot index more than 2,704 bytes, and one such id would end the log",
)
EXPERIMENT = Limit(
    "the name of an experiment, of a variant, of a guardrail", 256, "bytes in UTF-8", "every decision logs it"
)
ACTIONS = Limit("the actions of a call", 100_000, "actions", "every call checks and hashes them; use a `Catalogue`")
ITEMS = Limit(
    "the items of a `Catalogue`, the ids in `exclude`",
    1_000_000,
    "ids",
    "a list without an end (a generator, an unlimited query) would exhaust the memory",
)
FEATURES = Limit(
    "the features of a context, of an action or of an observation",
    65_536,
    "names, tags and numbers",
    "models grow with them",
)
DEPTH = Limit("the depth of features", 2, "levels", "a value nested deeper has no meaning for a model; flatten it")
ENCODED = Limit(
    "a context, an observation, the actions of a call or, where they have arrays, the features of one, encoded",
    1 << 20,
    "bytes",
    "every decision logs its context",
)
CATALOGUE = Limit(
    "a `Catalogue`, all features of the actions of a call, encoded", 1 << 26, "bytes", "it is read into memory whole"
)
PLACES = Limit("the places of a list", 1_000, "places", "every place is a draw and a fact, under one lock")
TIME = Limit(
    "a time, before or after 1970",
    100_000_000_000,
    "seconds",
    "what is larger is not in seconds; every reward window would close at once",
)
KEYS = Limit("the keys of one call of `used_keys`", 100_000, "keys", "one query asks for them all")

POLICIES = Limit("the policies of a call", 1_000, "policies", "every one is described and compared")

LIMITS = (NAME, EXPERIMENT, ACTIONS, ITEMS, FEATURES, DEPTH, ENCODED, CATALOGUE, PLACES, TIME, KEYS)

#: Seconds by which a reward may be dated before its decision, because clocks of two machines differ a little.
CLOCK_SKEW = 5.0

#: A reward, before or above 0; squares of rewards must be finite, and so must one divided by the range's width.
MAX_REWARD = 1e150
MIN_WIDTH = 1e-150  # of the range of rewards
