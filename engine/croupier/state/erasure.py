"""The erasure of a unit, step by step, so that an interrupted one can be completed; and what it leaves in the log.

1. The setting "forgetting" names the unit. It is in the store anyway, until
2. one transaction turns its facts into tombstones and replaces the name by the positions of what was erased.
3. The back end removes the bytes of both from its files. From here, nothing in the store says who the unit was.
4. The state is relearned, and the fact that brings it in has the same positions, as "erased".
5. The setting is cleared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from croupier.errors import CorruptStore
from croupier.log.configuration import canonical_json
from croupier_storage import Fact, Kind, Storage

_SETTING = "forgetting"


class Erased(NamedTuple):
    """The first position of what was erased (0 for nothing), and the number of tombstones."""

    first: int
    number: int


def unfinished(storage: Storage) -> Any:
    """What an interrupted erasure left in the settings; None if there is none.

    Raises:
        CorruptStore: It is neither the name of a unit nor the positions of what was erased.
    """
    try:
        found = orjson.loads(storage.settings().get(_SETTING, b"null"))
    except orjson.JSONDecodeError as error:
        raise CorruptStore(f"the setting {_SETTING!r} is damaged ({error}); restore a backup") from error
    if found is None or isinstance(found, str) or _is_pair(found):
        return found
    raise CorruptStore(f"the setting {_SETTING!r} is damaged; restore a backup")


def erase(storage: Storage, unit: str, at: float) -> Erased:
    """Steps 1 to 3. Everything of the unit must be in the store, and nothing of it may be written meanwhile."""
    storage.save_settings({_SETTING: canonical_json(unit)})
    positions = storage.erase(unit, at, lambda positions: {_SETTING: canonical_json(list(_summary(positions)))})
    return _summary(positions)


def resume(storage: Storage, at: float) -> Erased:
    """Steps 1 to 3 of an interrupted erasure, where they are missing; what it erased, if step 4 is missing."""
    found = unfinished(storage)
    if isinstance(found, str):
        erased = erase(storage, found, at)
        return erased if erased.number else _unaccounted(storage)
    if found is None:
        return Erased(0, 0)
    storage.scrub()
    erased = Erased(*found)
    return Erased(0, 0) if erased in (each for _, each in rebases(storage)) else erased


def finish(storage: Storage) -> None:
    """Step 5."""
    storage.save_settings({_SETTING: b"null"})


def rebases(storage: Storage) -> list[tuple[int, Erased]]:
    """The facts that brought in a state without what was erased, by position, each with what it is without."""
    found = ((fact.position, _content(fact)) for fact in storage.facts(kinds=[Kind.REBASE.value]))
    return [(position, Erased(*body["erased"])) for position, body in found if _is_pair(body.get("erased"))]


def tombstones(storage: Storage) -> list[int]:
    """The positions of the erased facts."""
    return [fact.position for fact in storage.facts(kinds=[Kind.ERASURE.value])]


def affected(storage: Storage) -> list[range]:
    """The positions at which the state depended on facts that have been erased.

    An erasure that an older release completed after an interruption says that it erased nothing. Where there are more
    tombstones than the other erasures account for, such a one may have begun at the first tombstone.
    """
    known, positions = rebases(storage), tombstones(storage)
    if isinstance(found := unfinished(storage), list):
        known.append((storage.head() + 1, Erased(*found)))
    complete = sum(erased.number for _, erased in known) >= len(positions)
    ranges = []
    for end, erased in known:
        if erased.number:
            ranges.append(range(erased.first, end))
        elif not complete:
            ranges.append(range(positions[0], end))
    return ranges


def _unaccounted(storage: Storage) -> Erased:
    """What an interrupted erasure of an older release erased, which did not write it down with the transaction."""
    positions = tombstones(storage)
    count = len(positions) - sum(erased.number for _, erased in rebases(storage))
    return Erased(positions[0], count) if count > 0 else Erased(0, 0)


def _summary(positions: Sequence[int]) -> Erased:
    return Erased(min(positions, default=0), len(positions))


def _content(fact: Fact) -> dict[str, Any]:
    try:
        body = orjson.loads(fact.body or b"{}")
    except orjson.JSONDecodeError as error:
        raise CorruptStore(f"the rebase at position {fact.position} is damaged; restore a backup") from error
    return body if isinstance(body, dict) else {}


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(each) is int and each >= 0 for each in value)
