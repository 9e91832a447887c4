"""The immutable entries of the log, as frozen rows."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a fact says. New kinds may be added; the meaning of one never changes."""

    DECISION = "decision"
    ACTIVATION = "activation"  # a deferred decision was shown
    TAKEN = "taken"  # the application showed another action than the one drawn
    REWARD = "reward"
    DEFAULT = "default"  # the window closed without a reward
    CORRECTION = "correction"  # of an earlier reward, effective at the next rebase
    RETRACTION = "retraction"  # likewise
    REBASE = "rebase"  # from here the state is the fold of the effective facts up to this position
    ERASURE = "erasure"  # what a forgotten unit leaves behind
    CONFIGURATION = "configuration"  # the store goes on under another configuration
    EXPERIMENT = "experiment"  # start, change of weights, stop, conclusion
    PROMOTION = "promotion"  # also a rollback
    DRIFT = "drift"
    OUTAGE = "outage"  # the store was unavailable: how many decisions were served unlogged, how many facts were lost
    OBSERVATION = "observation"  # behaviour that answers no decision


class Fact(NamedTuple):
    """One row of the log. Fields that a kind does not use are None.

    `position` is gapless from 1 and `at` counts seconds since 1970. A decision has `id`, `action`, `propensity`,
    `as_of` (the last position folded into the state that made it), `policy` (a `PolicyRecord.id`), `context` (encoded)
    and `actions` (the digest of its encoded candidates). A fact about a decision names it by position, in `decision`.
    `key` makes a reward idempotent; `body` is JSON, for what only some kinds say.
    """

    position: int
    kind: str
    at: float
    id: str | None = None
    decision: int | None = None
    unit: str | None = None
    action: str | None = None
    reward: float | None = None
    propensity: float | None = None
    as_of: int | None = None
    policy: int | None = None
    context: bytes | None = None
    actions: bytes | None = None
    key: str | None = None
    body: bytes | None = None


def tombstone(position: int, at: float, erased: float) -> Fact:
    """What erasure leaves of a fact: its place, its time, and in `body` the time of its erasure."""
    return Fact(position, Kind.ERASURE.value, at, body=b'{"erased":%s}' % repr(erased).encode())


def decision_fact(
    position: int,
    at: float,
    id: str,
    unit: str | None,
    action: str,
    propensity: float,
    as_of: int,
    policy: int,
    context: bytes,
    actions: bytes,
) -> Fact:
    """A decision; by position, since naming fifteen fields costs more than making them.

    >>> decision_fact(1, 0.0, "d1", None, "a", 0.5, 0, 1, b"{}", b"digest").kind
    'decision'
    """
    return Fact(position, "decision", at, id, None, unit, action, None, propensity, as_of, policy, context, actions)


def reward_fact(position: int, at: float, decision: int, reward: float, key: str | None) -> Fact:
    """A reward of the decision at a position.

    >>> reward_fact(2, 0.0, 1, 1.0, None).reward
    1.0
    """
    return Fact(position, "reward", at, None, decision, None, None, reward, None, None, None, None, None, key)


class PolicyRecord(NamedTuple):
    """Which policy decided, in which arithmetic: `id` is what decisions carry in `policy`."""

    id: int
    name: str
    config: bytes  # canonical JSON
    hash: str
    arithmetic: str


class Snapshot(NamedTuple):
    """State at one position: `body` is the encoded state, `hash` the hex digest of the state's canonical encoding."""

    position: int
    at: float
    hash: str
    body: bytes


class SnapshotInfo(NamedTuple):
    """What is known of a snapshot without its body: `size` in bytes, and whether it was `pinned` against pruning."""

    position: int
    at: float
    hash: str
    size: int
    pinned: bool
