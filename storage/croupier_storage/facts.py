"""The immutable entries of the log."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """The kind of a fact. New kinds may be added; the meaning of a kind never changes."""

    DECISION = "decision"
    ACTIVATION = "activation"  # a deferred decision took effect
    TAKEN = "taken"  # the application used another action than the one drawn
    REWARD = "reward"
    DEFAULT = "default"  # the window closed without a reward
    CORRECTION = "correction"  # of an earlier reward; takes effect at the next rebase
    RETRACTION = "retraction"  # of an earlier reward; takes effect at the next rebase
    REBASE = "rebase"  # from here the state is the fold of the effective facts up to this position
    ERASURE = "erasure"  # the tombstone of a fact of an erased unit
    CONFIGURATION = "configuration"  # the configuration has changed
    EXPERIMENT = "experiment"  # start, change of weights, stop, conclusion
    PROMOTION = "promotion"  # also a rollback
    DRIFT = "drift"
    OUTAGE = "outage"  # the store was unavailable: how many decisions were served unlogged, how many facts were lost
    OBSERVATION = "observation"  # behaviour that answers no decision


class Fact(NamedTuple):
    """One row of the log. Fields that its kind does not use are None.

    `position` counts from 1 without gaps; `at` is in seconds since 1970. A decision has `id`, `action`, `propensity`,
    `as_of` (the last position folded into the state in which it was made), `policy` (a `PolicyRecord.id`), `context`
    (encoded) and `actions` (the digest of its encoded candidates). A fact about a decision refers to it by position, in
    `decision`. `key` makes a reward idempotent; `body` is JSON with the content specific to a kind.
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
    """The tombstone of an erased fact: its position, its time, and in `body` the time of its erasure."""
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
    """A decision, built by position: fifteen keyword arguments cost more than the tuple itself.

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
    """A policy that decided, and its arithmetic; decisions refer to it by `id` in their field `policy`."""

    id: int
    name: str
    config: bytes  # canonical JSON
    hash: str
    arithmetic: str


class Snapshot(NamedTuple):
    """The state at one position: `body` is the encoded state, `hash` the hex digest of its canonical encoding."""

    position: int
    at: float
    hash: str
    body: bytes


class SnapshotInfo(NamedTuple):
    """A snapshot without its body: `size` in bytes, and whether it is `pinned`, that is, kept by pruning."""

    position: int
    at: float
    hash: str
    size: int
    pinned: bool
