"""Features of units and items, updated with every observation: x = φ(h, c)."""

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
    """Computes named features of units and items from observations: `Engine.open(features=…)`.

    The events of a unit's current session c are kept apart from those of its history h. Each of the two gives, for
    every kind of event with n events of ages a₁ … aₙ, the features log(1 + n) and Σᵢ 2^(-aᵢ/t) for every half-life t;
    and for every attribute the mean over the items of the events, weighted by 2^(-aᵢ/t) with the last half-life. Names
    begin with "h." for the history, "c." for the session and "u." for both.

    Only observations change the features; reading them does not. Time is the `at` of observations and decisions, in
    seconds since 1970. A number or vector that is not known yet is 0, and the feature "….missing" is then 1.

    Args:
        kinds: The kinds of events that are counted. An event of another kind only prolongs the session.
        half_lives: Half-lives in seconds, ascending; attributes decay with the last one.
        windows: Windows in seconds, within which the events of each kind are counted; only the latest 64 events of a
            unit are considered.
        session_gap: A session ends after this many seconds without an event.
        last: The number of latest items that are given as string features. A linear policy learns a separate weight for
            every item.
        numbers: From the names of numeric attributes to their scaling: "standard" (River's running standardisation) or
            "min-max".
        categories: From the names of string attributes to their encoding: "one-hot" for the share of each value, or
            "target" for the rate of `targets` among the observations of the value, shrunk to the overall rate.
        text: From the names of text attributes to the dimensions that their TF-IDF terms are hashed into.
        vectors: From the names of vector attributes, for example image embeddings, to their dimensions.
        events: The attributes that describe the event only; all others are remembered for the item.
        targets: The kinds of events that count as success in target encodings.
        units: The largest number of units remembered; the least recently observed is dropped.
        items: The largest number of items remembered; the least recently observed is dropped.
        values: The largest number of values of a target-encoded category with an encoding of their own.
        terms: The largest number of terms of a text attribute with a document frequency.

    Raises:
        InputError: An argument is out of its range, or an attribute is declared twice.

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
        self.kinds = settings.distinct_names(kinds, "kinds")
        self.targets = settings.distinct_names(targets, "targets")
        self.half_lives = settings.durations(half_lives, "half_lives")
        self.windows = settings.durations(windows, "windows")
        if not self.half_lives:
            raise InputError("half_lives is empty: decayed counts need a half-life; give at least one")
        self.session_gap = settings.duration(session_gap, "session_gap")
        self.last = settings.integer(last, "last", 0)
        self.attributes = Attributes(
            settings.choices(numbers, settings.SCALES, "numbers"),
            settings.choices(categories, settings.ENCODINGS, "categories"),
            settings.dimensions(text, "text"),
            settings.dimensions(vectors, "vectors"),
            max_terms=settings.integer(terms, "terms"),
            max_values=settings.integer(values, "values"),
        )
        declared = self.attributes
        every = (*declared.numbers, *declared.categories, *declared.text, *declared.vectors)
        settings.distinct_names(every, "the declaration of attributes")
        self.events = settings.distinct_names(events, "events")
        self._limits = settings.integer(units, "units"), settings.integer(items, "items")
        self._units: OrderedDict[str, Unit] = OrderedDict()
        self._items: OrderedDict[str, Item] = OrderedDict()
        self.dropped = [0, 0]  # numbers of units and items dropped
        self._rows = ItemFeatures(self.kinds, self.half_lives, self.windows, self.attributes)

    def config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        declared = self.attributes
        return {
            "kinds": list(self.kinds),
            "half_lives": list(self.half_lives),
            "windows": list(self.windows),
            "session_gap": self.session_gap,
            "last": self.last,
            "numbers": dict(declared.numbers),
            "categories": dict(declared.categories),
            "text": dict(declared.text),
            "vectors": dict(declared.vectors),
            "events": list(self.events),
            "targets": list(self.targets),
            "units": self._limits[0],
            "items": self._limits[1],
            "values": declared.max_values,
            "terms": declared.max_terms,
        }

    def check(self, attributes: Mapping[str, Attribute]) -> None:
        """Raises InputError for an attribute of an observation that does not have its declared type."""
        self.attributes.check(attributes)

    def observe(self, fact: Fact) -> None:
        """Fold in an observation."""
        observation = decode(fact.body)
        kind = observation.kind if observation.kind in self.kinds else None
        values = self._learn(fact, observation, kind)
        target = None if fact.unit is None else float(observation.kind in self.targets)
        vectors, categories = self.attributes.split(values, target)
        if fact.unit is not None:
            unit = self._get_or_create(self._units, fact.unit, Unit, 0)
            counts = unit.counts_for(fact.at, self.session_gap, self.half_lives)
            counts.add(fact.at, kind, self.half_lives, vectors, categories)
            unit.remember(fact.at, kind if self.windows else None, observation.item, self.last)

    def _learn(self, fact: Fact, observation: Observation, kind: str | None) -> Mapping[str, Any]:
        """Update the item and the statistics of attributes; returns the attributes of the event and of its item."""
        attributes = self.attributes.valid(observation.attributes)
        if observation.item is None:
            return self.attributes.learn(attributes, {})
        item = self._get_or_create(self._items, observation.item, Item, 1)
        values = {**item.attributes, **self.attributes.learn(attributes, item.attributes)}
        item.attributes = {name: value for name, value in values.items() if name not in self.events}
        if fact.unit is not None:
            item.activity.add(fact.at, kind, self.half_lives, {}, ())
        return values

    def _get_or_create(self, entries: OrderedDict[str, T], name: str, cls: type[T], which: int) -> T:
        """The entry of this name, a new one if there is none; it becomes the most recently observed."""
        existing = entries.get(name)
        if existing is not None:
            entries.move_to_end(name)
            return existing
        new = entries[name] = cls()
        if len(entries) > self._limits[which]:
            entries.popitem(last=False)
            self.dropped[which] += 1
        return new

    def discount(self, unit: str | None, retain: float) -> None:
        """Multiply the decayed values of one unit, or of all where it is None, by `retain`."""
        for name in self._units if unit is None else [unit]:
            if (entry := self._units.get(name)) is not None:
                entry.discount(retain)

    def unit(self, unit: str | None, at: float) -> dict[str, float | str]:
        """φ(h, c) of a unit at a time.

        Args:
            unit: Its id. None, or a unit that is not remembered, has the features of a new unit.
            at: In seconds since 1970.
        """
        entry = self._units.get(unit or "") or Unit()
        history, session = entry.history_and_session(at, self.session_gap, self.half_lives)
        return self._rows.unit(entry, history, session, at)

    def item(self, item: str, at: float) -> dict[str, float | str]:
        """The features of an item at a time, in seconds since 1970; those of a new item if it is not remembered."""
        return self._rows.item(self._items.get(item) or Item(), at)

    def owns(self, name: str) -> bool:
        """Whether a name in a context is reserved for the features of units."""
        return name.startswith(("h.", "c.", "u."))

    def state(self) -> State:
        """All units, items and statistics, the least recently observed first."""
        return {
            "units": [list(self._units), [unit.to_json() for unit in self._units.values()]],
            "items": [list(self._items), [item.to_json() for item in self._items.values()]],
            "dropped": list(self.dropped),
            "attributes": self.attributes.state(),
        }

    def restore(self, state: State) -> None:
        """Restore a `state()`."""
        self._units = OrderedDict((name, Unit.from_json(body)) for name, body in zip(*state["units"], strict=True))
        self._items = OrderedDict((name, Item.from_json(body)) for name, body in zip(*state["items"], strict=True))
        self.dropped = [int(count) for count in state["dropped"]]
        self.attributes.restore(state["attributes"])
