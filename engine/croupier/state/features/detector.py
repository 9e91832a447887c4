"""One of River's drift detectors, kept as what it was fed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from croupier.errors import InputError

MEMORY = 512  # values from which a detector is made again once there are twice as many


class Detector:
    """Feeds one of River's detectors, and says when the mean has moved away from 0.

    Half of a detector's state lies in River's compiled part, out of reach. So what is kept is what it was fed since it
    last began, and another one that is fed the same is in the same state, bit for bit. That it may not grow without
    end, it begins again from the latest values now and then.

    Args:
        spec: "name", and River's arguments.
        fed: What one like it was fed.
    """

    __slots__ = ("_river", "_spec", "fed")

    def __init__(self, spec: Mapping[str, Any], fed: Iterable[float] = ()) -> None:
        self._spec = spec
        self._begin(fed)

    def _begin(self, fed: Iterable[float] = ()) -> None:
        self.fed: list[float] = []
        self._river = _river(self._spec)
        for value in fed:
            self.fed.append(value)
            self._river.update(value)

    def note(self, value: float) -> tuple[float, float] | None:
        """Take in a value; the means before and after a move away from 0. It begins anew after any move."""
        self.fed.append(value)
        self._river.update(value)
        if not self._river.drift_detected:
            if len(self.fed) >= 2 * MEMORY:
                self._begin(self.fed[-MEMORY:])
            return None
        late = max(len(self.fed) // 4, 1)
        before, after = _mean(self.fed[:-late]), _mean(self.fed[-late:])
        self._begin()
        return (before, after) if abs(after) > abs(before) else None


def _mean(values: list[float]) -> float:
    return sum(values) / max(len(values), 1)


def _river(spec: Mapping[str, Any]) -> Any:
    from river import drift  # takes half a second

    kinds: Any = {"adwin": drift.ADWIN, "page-hinkley": drift.PageHinkley}  # typed in part only
    rest = {name: value for name, value in spec.items() if name != "name"}
    return kinds[spec["name"]](**rest)


def checked_spec(spec: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The description of a detector, or None for none. Raises InputError."""
    if spec is None:
        return None
    if not isinstance(spec, Mapping) or spec.get("name") not in ("adwin", "page-hinkley"):
        raise InputError(f'a detector is {{"name": "adwin" or "page-hinkley"}} with its arguments, not {spec!r}')
    if not all(type(value) in (int, float, str) for value in spec.values()):
        raise InputError(f"the arguments of a detector are numbers, not {dict(spec)!r}")
    try:
        _river(spec)
    except (TypeError, ValueError) as error:
        raise InputError(f"River makes no detector of {dict(spec)!r}: {error}") from error
    return dict(spec)
