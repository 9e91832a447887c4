"""What the attributes of observations become: scaled numbers, categories, vectors of text, vectors as given."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from croupier.errors import CorruptSnapshot, InputError
from croupier.state.features.observation import Attribute
from croupier_policies import State

LARGEST = 1e30  # a number beyond it is no measurement, and its square would soon be no number

AttributeValues = dict[str, Any]  # by name: a number, a category, or a list of numbers


class Attributes:
    """Declared attributes, and the running statistics that they need.

    Numbers are scaled by River's `StandardScaler` or `MinMaxScaler`, over every observation that brings one. Text
    becomes River's incremental `TFIDF`, its terms hashed with signs into a vector of fixed length (Weinberger et al.
    2009); a text counts as a document once per item, when it is new. A target-encoded category is replaced by
    (Σy + weight·ȳ)/(n + weight) over the earlier observations of its value, y = 1 for the target kinds and 0 otherwise.
    """

    def __init__(
        self,
        numbers: Mapping[str, str],
        categories: Mapping[str, str],
        text: Mapping[str, int],
        vectors: Mapping[str, int],
        *,
        terms: int,
        values: int,
        weight: float = 10.0,
    ) -> None:
        self.numbers, self.categories, self.text, self.vectors = numbers, categories, text, vectors
        self.names = {*numbers, *categories, *text, *vectors}
        self.terms, self.values, self.weight = terms, values, weight
        self._scalers = {name: _scaler(how) for name, how in numbers.items()}
        self._tfidf = {name: _tfidf() for name in text}
        self._targets: dict[str, dict[str, list[float]]] = {c: {} for c, code in categories.items() if code == "target"}
        self._totals = {name: [0.0, 0.0] for name in self._targets}

    def check(self, given: Mapping[str, Attribute]) -> None:
        """Raises InputError for an attribute that is not of its declared type."""
        for name, value in given.items():
            if name in self.names and not self._fits(name, value):
                raise InputError(
                    f"attributes[{name!r}] is {str(value)[:60]}, and {name!r} was declared {self._declared(name)}: it "
                    "would be passed over; give what was declared, or leave it out"
                )

    def fitting(self, given: Mapping[str, Attribute]) -> dict[str, Attribute]:
        """The declared attributes of an observation that are of their type; a log may hold others."""
        return {name: value for name, value in given.items() if name in self.names and self._fits(name, value)}

    def _fits(self, name: str, value: Attribute) -> bool:
        if name in self.numbers:
            return _measured(value)
        if name in self.vectors:
            return type(value) is list and len(value) == self.vectors[name] and all(map(_measured, value))
        return type(value) is str

    def _declared(self, name: str) -> str:
        if name in self.numbers:
            return "a number"
        return f"a vector of {self.vectors[name]}" if name in self.vectors else "a string"

    def learn(self, given: Mapping[str, Attribute], known: Mapping[str, Any]) -> AttributeValues:
        """What these attributes become, after the statistics learned them. `known` is what was known of the item."""
        became: AttributeValues = {}
        for name, value in given.items():
            if name in self.text:
                became |= self._read(name, str(value), known)
            else:
                became[name] = value
            if name in self.numbers:
                self._scalers[name].learn_one({name: value})
        return became

    def split(self, known: Mapping[str, Any], target: float | None) -> tuple[dict[str, list[float]], list[str]]:
        """The vectors, numbers as vectors of one, and the categories "name=value" of what is known.

        Target encodings are taken before they learn the `target`, if there is one.
        """
        vectors: dict[str, list[float]] = {}
        shown: list[str] = []
        for name, value in known.items():
            if name in self.numbers:
                vectors[name] = [value]
            elif name in self.text or name in self.vectors:
                vectors[name] = value
            elif self.categories.get(name) == "target":
                vectors[name] = [self.encoding(name, value) if target is None else self._aim(name, value, target)]
            elif name in self.categories:
                shown.append(f"{name}={value}")
        return vectors, shown

    def _read(self, name: str, text: str, known: Mapping[str, Any]) -> AttributeValues:
        """The vector of a text, and a mark by which the same text is known again."""
        mark = blake2b(text.encode(), digest_size=8).hexdigest()
        model = self._tfidf[name]
        if known.get(f"{name}#") != mark:
            model.learn_one(text)
            if len(model.dfs) > 2 * self.terms:
                kept = sorted(model.dfs.items(), key=lambda item: (-item[1], item[0]))[: self.terms]
                model.dfs = type(model.dfs)(dict(kept))
        return {name: hashed(model.transform_one(text), self.text[name]), f"{name}#": mark}

    def _aim(self, name: str, value: str, target: float) -> float:
        """The target encoding of a category from what came before; then it learns the target."""
        held = self._targets[name]
        encoded = self.encoding(name, value)
        if value not in held and len(held) < self.values:
            held[value] = [0.0, 0.0]
        for entry in (held.get(value), self._totals[name]):
            if entry is not None:
                entry[0] += 1.0
                entry[1] += target
        return encoded

    def encoding(self, name: str, value: str) -> float:
        """(Σy + weight·ȳ)/(n + weight) of a category's value; ȳ, the mean over all values, where it is new."""
        n, total = self._totals[name]
        count, reached = self._targets[name].get(value, (0.0, 0.0))
        return (reached + self.weight * (total / n if n else 0.0)) / (count + self.weight)

    def scaled(self, name: str, value: float) -> float:
        """A number on its declared scale, by what was seen so far."""
        return float(self._scalers[name].transform_one({name: value})[name])

    @property
    def dense(self) -> dict[str, int]:
        """The dimensions of whatever becomes a vector."""
        single = [*self.numbers, *self._targets]
        return {**dict.fromkeys(single, 1), **self.text, **self.vectors}

    def state(self) -> State:
        """The statistics, as plain data."""
        from croupier_policies.river.state import model_state

        return {
            "scalers": {name: model_state(scaler) for name, scaler in self._scalers.items()},
            "terms": {name: {"n": model.n, "dfs": dict(model.dfs)} for name, model in self._tfidf.items()},
            "targets": {c: {v: list(sums) for v, sums in held.items()} for c, held in self._targets.items()},
            "totals": {c: list(sums) for c, sums in self._totals.items()},
        }

    def restore(self, state: State) -> None:
        """Take over a `state()`."""
        from croupier_policies.river.restore import restore_model

        for name, held in state["scalers"].items():
            scaler = restore_model(held)
            if type(scaler) is not type(self._scalers[name]):
                raise CorruptSnapshot(f"the stored scaler of {name!r} is a {type(scaler).__name__}")
            self._scalers[name] = scaler
        for name, held in state["terms"].items():
            model = self._tfidf[name]
            model.n, model.dfs = int(held["n"]), type(model.dfs)({str(t): int(n) for t, n in held["dfs"].items()})
        for name, seen in state["targets"].items():
            self._targets[name] = {value: [float(n), float(total)] for value, (n, total) in seen.items()}
            self._totals[name] = [float(sum_) for sum_ in state["totals"][name]]


def _measured(value: Any) -> bool:
    return type(value) is float and abs(value) <= LARGEST


def _scaler(how: str) -> Any:
    from river import preprocessing  # takes half a second

    return preprocessing.StandardScaler() if how == "standard" else preprocessing.MinMaxScaler()


def _tfidf() -> Any:
    from river import feature_extraction

    return feature_extraction.TFIDF()


def hashed(terms: Mapping[str, float], size: int) -> list[float]:
    """Σ sign(t)·weight(t) in the place of each term t, both from a hash of it.

    >>> hashed({}, 3)
    [0.0, 0.0, 0.0]
    """
    vector = [0.0] * size
    for term, weight in terms.items():
        place, sign = _place(term)
        vector[place % size] += sign * weight
    return vector


@lru_cache(maxsize=1 << 16)
def _place(term: str) -> tuple[int, float]:
    number = int.from_bytes(blake2b(term.encode(), digest_size=8).digest(), "little")
    return number >> 1, 1.0 if number & 1 else -1.0
