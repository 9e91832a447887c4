"""Erasure of a unit in SQL, inside the caller's transaction."""

from __future__ import annotations

from sqlalchemy import Connection, LargeBinary, bindparam, delete, func, or_, select, update

from croupier_storage.encoding.references import REFERRING, references
from croupier_storage.encoding.rows import row
from croupier_storage.facts import Fact, Kind, tombstone
from croupier_storage.sql import schema

_facts, _sets = schema.facts.c, schema.action_sets.c
_TOMBSTONE = (
    update(schema.facts)
    .where(_facts.position == bindparam("of"))
    .values({name: bindparam(f"new_{name}") for name in _facts.keys() if name != "position"})  # noqa: SIM118  (no dict)
)


def erase_unit(connection: Connection, unit: str, at: float) -> list[int]:
    """Replace the unit's facts by tombstones and delete what only they refer to; returns their positions."""
    # Locks out appends until the commit: a reward for an erased decision must not be added meanwhile.
    connection.execute(update(schema.head).values(position=schema.head.c.position))
    erased = _found(connection, unit, at)
    if erased:
        connection.execute(_TOMBSTONE, [_values(tombstone(position, when, at)) for position, when in erased])
        _delete_sets(connection)
        connection.execute(delete(schema.snapshots).where(schema.snapshots.c.position >= erased[0][0]))
    return [position for position, _ in erased]


def _delete_sets(connection: Connection) -> None:
    """Delete the action sets to which neither a decision refers nor a set of one."""
    referred = select(_facts.actions).where(_facts.actions.is_not(None))
    first = func.substr(_sets.body, 1, 1, type_=LargeBinary)
    bodies = connection.execute(select(_sets.body).where(_sets.digest.in_(referred), first == REFERRING))
    items = {item for (body,) in bodies for item in references(body)[0]}
    unreferred = connection.execute(select(_sets.digest).where(_sets.digest.not_in(referred)))
    gone = [{"of": digest} for (digest,) in unreferred if digest not in items]
    if gone:
        connection.execute(delete(schema.action_sets).where(_sets.digest == bindparam("of")), gone)


def _found(connection: Connection, unit: str, at: float) -> list[tuple[int, float]]:
    """Position and time of every fact of the unit, and of every fact about one of its decisions."""
    decisions = select(_facts.position).where(_facts.unit == unit, _facts.kind == Kind.DECISION.value)
    named = or_(_facts.unit == unit, _facts.decision.in_(decisions))
    found = connection.execute(select(_facts.position, _facts.at).where(named).order_by(_facts.position))
    # Another program may have changed the type of a time; that must not prevent the erasure.
    return [(position, when if type(when) is float else at) for position, when in found]


def _values(fact: Fact) -> dict[str, object]:
    values = zip(_facts.keys(), row(fact), strict=True)
    return {"of" if name == "position" else f"new_{name}": value for name, value in values}
