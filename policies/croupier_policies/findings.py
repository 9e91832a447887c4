"""What a policy or learner could not learn, as data: the contract's `findings`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

NAMED = 5  # names that a sentence lists
KEPT = 64  # names that are kept of what was refused


class Reason(StrEnum):
    """Why something was not learned; the name of its counter."""

    FEATURES_WITHOUT_ROOM = "features without room"
    REWARDS_WITHOUT_ROOM = "rewards without room"
    NAMES_WITHOUT_ROOM = "names without room"
    MODEL_UNABLE = "events that a model could not take"
    ALL_UNABLE = "decisions that no model could take"
    FAR_VALUES = "values far outside those seen before"
    LOST_SCALE = "features lost in their scale"
    NEVER_VARY = "features that never vary"
    DIVERGED = "models that diverged"


@dataclass(frozen=True)
class Finding:
    """One reason for which something is not learned.

    Attributes:
        reason: Why.
        count: How often, or of how many features; a lower bound where each case cannot be counted.
        names: The features, actions or users concerned, as far as they are known.
        text: A sentence: what happened, what follows from it, what to do.
    """

    reason: Reason
    count: int
    names: tuple[str, ...]
    text: str


def listed(names: Collection[str], nouns: str = "others") -> str:
    """The first names in quotes, and how many more there are.

    >>> listed(["a", "b"]), listed("abcdefgh")
    ("'a' and 'b'", "'a', 'b', 'c', 'd', 'e' and 3 others")
    """
    quoted = [f"'{name}'" for name in names]
    shown = quoted if len(quoted) <= NAMED + 1 else [*quoted[:NAMED], f"{len(quoted) - NAMED} {nouns}"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


class RefusedNames:
    """The first names that were refused for lack of room; not part of a state, so a restored object has none yet."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str) -> None:
        """Note a name, if there is room."""
        if len(self._names) < KEPT:
            self._names[name] = None

    def clear(self) -> None:
        """Forget the names."""
        self._names.clear()

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order of their refusal."""
        return tuple(self._names)

    def of(self) -> str:
        """' (…)' with the names, or nothing."""
        return f" ({listed(self._names)})" if self._names else ""


def united(parts: Sequence[tuple[str, Iterable[Finding]]]) -> list[Finding]:
    """The findings of several objects; what all of them found is said once, the rest with the object's title.

    >>> one = Finding(Reason.NEVER_VARY, 1, ("x",), "'x' never varies")
    >>> [each.text for each in united([("model 1", [one]), ("model 2", [one])])]
    ["'x' never varies"]
    >>> [each.text for each in united([("model 1", [one]), ("model 2", [])])]
    ["model 1: 'x' never varies"]
    """
    found: dict[tuple[Reason, tuple[str, ...]], list[tuple[str, Finding]]] = {}
    for title, findings in parts:
        for finding in findings:
            found.setdefault((finding.reason, finding.names), []).append((title, finding))
    result = []
    for group in found.values():
        title, largest = max(group, key=lambda pair: pair[1].count)
        shared = len(group) == len(parts)
        result.append(largest if shared else replace(largest, text=f"{title}: {largest.text}"))
    return result
