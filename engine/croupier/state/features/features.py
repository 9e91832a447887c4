"""Features of units and items, kept online in the fold: x = φ(h, c)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from croupier.errors import InputError
from croupier.state.features import settings
from croupier.state.features.attributes import Attributes
from croupier.state.features.items import ItemFeatures
from croupier.state.features.observation import Attribute, Observation, decode
from croupier.state.features.unit import Item, Unit
from croupier_policies import Configurable, State
from croupier_storage import Fact

T = TypeVar("T", Unit, Item)
KINDS = ("view", "click", "cart", "purchase", "rate")


class Features(Configurable):
    """What a unit did, and what items are like, as named numbers: given to `Engine.open(features=…)`.

    A unit's history h and its current session c are kept apart. For each of them and every kind of event: log(1 + n)
    and Σ 2^(-age/half-life). For each attribute: the mean of what the items of its events were like, faded by age.
    Changed by observations alone; what is asked about changes nothing. Time is the `at` of observations and decisions.

    Args:
        kinds: Which kinds of events are counted; others only keep a session alive.
        half_lives: Seconds, rising; attributes fade at the last.
        windows: Seconds; events of each kind within them are counted, up to the latest 64 events.
        session_gap: Seconds without an event that end a session.
        last: So many of the last items are shown, as strings. A linear policy gives every item a weight of its own.
        numbers: Attributes that are numbers: "standard" (River's running standardisation) or "min-max".
        categories: Attributes that are strings: "one-hot" shares, or "target": the rate of `targets`, shrunk.
        text: Attributes that are text, to the dimensions that their TF-IDF terms are hashed into.
        vectors: Attributes that are vectors (of a picture, a sound), to their dimensions.
        events: Attributes that describe the event alone; all others are remembered of the item.
        targets: Kinds that count as success, for target encoding.
        units: How many units are remembered; the least recently seen drops out.
        items: How many items are, likewise.
        values: How many values of each target-encoded category are told apart.
        terms: How many terms of each text attribute keep a document frequency.

    Where nothing is known of a number or vector yet, it is 0 and "….missing" is 1.

    >>> from croupier import Engine
    >>> with Engine.open("sqlite://", seed=7, learner=None, features=Features(numbers={"price": "min-max"})) as engine:
    ...     position = engine.observe("u1", "view", "lamp", price=20, at=0.0)
    ...     decision = engine.choose(None, ["lamp", "chair"], unit="u1", at=60.0)
    ...     engine.unit_features("u1", at=60.0)["c.count.view"]
    0.6931471805599453
    """

    name: ClassVar[str] = "features"

    def __init__(
        self,
        *,
        kinds: Sequence[str] = KINDS,
        half_lives: Sequence[float] = (3_600.0, 604_800.0),
        windows: Sequence[float] = (),
        session_gap: float = 1_800.0,
        last: int = 0,
        numbers: Mapping[str, str] | None = None,
        categories: Mapping[str, str] | None = None,
        text: Mapping[str, int] | None = None,
        vectors: Mapping[str, int] | None = None,
        events: Sequence[str] = (),
        targets: Sequence[str] = ("purchase",),
        units: int = 10_000,
        items: int = 10_000,
        values: int = 1_000,
        terms: int = 10_000,
    ) -> None:
        self.kinds, self.targets = settings.words(kinds, "kinds"), settings.words(targets, "targets")
        self.half_lives = settings.durations(half_lives, "half_lives")
        self.windows = settings.durations(windows, "windows")
        if not self.half_lives:
            raise InputError("half_lives is empty; give one at least: what fades needs a pace")
        self.gap, self.last = settings.duration(session_gap, "session_gap"), settings.whole(last, "last", 0)
        self.attributes = Attributes(
            settings.choices(numbers, settings.SCALES, "numbers"),
            settings.choices(categories, settings.CODES, "categories"),
            settings.sizes(text, "text"),
            settings.sizes(vectors, "vectors"),
            terms=settings.whole(terms, "terms"),
            values=settings.whole(values, "values"),
        )
        declared = (numbers or {}, categories or {}, text or {}, vectors or {})
        settings.words([name for names in declared for name in names], "the attributes")
        self.events = settings.words(events, "events")
        self._limits = settings.whole(units, "units"), settings.whole(items, "items")
        self._units: OrderedDict[str, Unit] = OrderedDict()
        self._items: OrderedDict[str, Item] = OrderedDict()
        self.dropped = [0, 0]  # units and items that are no longer remembered
        self._shown = ItemFeatures(self.kinds, self.half_lives, self.windows, self.attributes)

    def config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        a = self.attributes
        return {
            "kinds": list(self.kinds),
            "half_lives": list(self.half_lives),
            "windows": list(self.windows),
            "session_gap": self.gap,
            "last": self.last,
            "numbers": dict(a.numbers),
            "categories": dict(a.categories),
            "text": dict(a.text),
            "vectors": dict(a.vectors),
            "events": list(self.events),
            "targets": list(self.targets),
            "units": self._limits[0],
            "items": self._limits[1],
            "values": a.values,
            "terms": a.terms,
        }

    def check(self, attributes: Mapping[str, Attribute]) -> None:
        """Raises InputError for an attribute of an observation that is not of its declared type."""
        self.attributes.check(attributes)

    def observe(self, fact: Fact) -> None:
        """Fold in an observation."""
        seen = decode(fact.body)
        kind = seen.kind if seen.kind in self.kinds else None
        known = self._learn(fact, seen, kind)
        target = None if fact.unit is None else float(seen.kind in self.targets)
        vectors, categories = self.attributes.split(known, target)
        if fact.unit is not None:
            unit = self._at_hand(self._units, fact.unit, Unit, 0)
            unit.turn(fact.at, self.gap, self.half_lives).add(fact.at, kind, self.half_lives, vectors, categories)
            unit.note(fact.at, kind if self.windows else None, seen.item, self.last)

    def _learn(self, fact: Fact, seen: Observation, kind: str | None) -> Mapping[str, Any]:
        """What is known of the event: of its item, and what it says itself."""
        given = self.attributes.fitting(seen.attributes)
        if seen.item is None:
            return self.attributes.learn(given, {})
        item = self._at_hand(self._items, seen.item, Item, 1)
        known = {**item.known, **self.attributes.learn(given, item.known)}
        item.known = {name: value for name, value in known.items() if name not in self.events}
        if fact.unit is not None:
            item.trace.add(fact.at, kind, self.half_lives, {}, ())
        return known

    def _at_hand(self, held: OrderedDict[str, T], name: str, kind: type[T], which: int) -> T:
        """What is remembered under a name, now the most recently seen; something new if nothing is."""
        found = held.get(name)
        if found is not None:
            held.move_to_end(name)
            return found
        new = held[name] = kind()
        if len(held) > self._limits[which]:
            held.popitem(last=False)
            self.dropped[which] += 1
        return new

    def discount(self, unit: str | None, keep: float) -> None:
        """Let what fades count for `keep` of what it did, for one unit or for all."""
        for name in self._units if unit is None else [unit]:
            if (found := self._units.get(name)) is not None:
                found.discount(keep)

    def unit(self, unit: str | None, at: float) -> dict[str, float | str]:
        """φ(h, c) of a unit at a time, in seconds since 1970; of one never seen where it is None or not remembered."""
        found = self._units.get(unit or "")
        history, session = (found or Unit()).apart(at, self.gap, self.half_lives)
        return self._shown.unit(found or Unit(), history, session, at)

    def item(self, item: str, at: float) -> dict[str, float | str]:
        """What is known of an item at a time, likewise."""
        return self._shown.item(self._items.get(item) or Item(), at)

    def owns(self, name: str) -> bool:
        """Whether a feature of this name is of this kind, and not the application's."""
        return name.startswith(("h.", "c.", "u."))

    def state(self) -> State:
        """All that is remembered, the least recently seen first."""
        return {
            "units": [list(self._units), [unit.plain() for unit in self._units.values()]],
            "items": [list(self._items), [item.plain() for item in self._items.values()]],
            "dropped": list(self.dropped),
            "attributes": self.attributes.state(),
        }

    def restore(self, state: State) -> None:
        """Take over a `state()`."""
        self._units = OrderedDict((name, Unit.of(plain)) for name, plain in zip(*state["units"], strict=True))
        self._items = OrderedDict((name, Item.of(plain)) for name, plain in zip(*state["items"], strict=True))
        self.dropped = [int(count) for count in state["dropped"]]
        self.attributes.restore(state["attributes"])
