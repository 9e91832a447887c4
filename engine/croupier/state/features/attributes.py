"""Encoding of the attributes of observations: scaled numbers, categories, TF-IDF vectors of text, vectors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from croupier.errors import CorruptSnapshot, InputError
from croupier.state.features.observation import Attribute
from croupier_policies import State

MAX_NUMBER = 1e30  # a larger number is not a measurement, and sums of its squares could overflow

AttributeValues = dict[str, Any]  # by name: a number, a category, or a list of numbers


class Attributes:
    """The declared attributes, with the running statistics that encode them.

    Numbers are scaled by River's `StandardScaler` or `MinMaxScaler` over all observations that have them. Text is
    encoded by River's incremental `TFIDF`, with terms hashed with signs into a vector of fixed length (Weinberger et
    al. 2009); the text of an item counts as a document when it is new or has changed. A target-encoded category is
    replaced by (Σy + weight·ȳ)/(n + weight) over the earlier observations of its value, with y = 1 for the target kinds
    and 0 for others.

    Args:
        numbers: From the names of numbers to "standard" or "min-max".
        categories: From the names of categories to "one-hot" or "target".
        text: From the names of texts to the dimensions of their vectors.
        vectors: From the names of vectors to their dimensions.
        max_terms: The number of terms of each text whose document frequency is kept.
        max_values: The number of values of each target-encoded category that have an encoding of their own.
        weight: The weight of the mean ȳ in a target encoding, in observations.
    """

    def __init__(
        self,
        numbers: Mapping[str, str],
        categories: Mapping[str, str],
        text: Mapping[str, int],
        vectors: Mapping[str, int],
        *,
        max_terms: int,
        max_values: int,
        weight: float = 10.0,
    ) -> None:
        self.numbers, self.categories, self.text, self.vectors = numbers, categories, text, vectors
        self.names = {*numbers, *categories, *text, *vectors}
        self.max_terms, self.max_values, self.weight = max_terms, max_values, weight
        self._scalers = {name: _create_scaler(scale) for name, scale in numbers.items()}
        self._tfidf = {name: _create_tfidf() for name in text}
        target_encoded = [name for name, encoding in categories.items() if encoding == "target"]
        self._targets: dict[str, dict[str, list[float]]] = {name: {} for name in target_encoded}  # [n, Σy] of a value
        self._totals = {name: [0.0, 0.0] for name in target_encoded}

    def check(self, attributes: Mapping[str, Attribute]) -> None:
        """Raises InputError for an attribute that does not have its declared type."""
        for name, value in attributes.items():
            if name in self.names and not self._is_valid(name, value):
                raise InputError(
                    f"attributes[{name!r}] is {str(value)[:60]}, but it was declared {self._declared_type(name)}: "
                    "the value would be ignored; give a value of the declared type, or leave the attribute out"
                )

    def valid(self, attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
        """The declared attributes that have their declared type; older logs may contain others."""
        return {name: value for name, value in attributes.items() if name in self.names and self._is_valid(name, value)}

    def _is_valid(self, name: str, value: Attribute) -> bool:
        if name in self.numbers:
            return _is_measurement(value)
        if name in self.vectors:
            return type(value) is list and len(value) == self.vectors[name] and all(map(_is_measurement, value))
        return type(value) is str

    def _declared_type(self, name: str) -> str:
        if name in self.numbers:
            return "a number"
        return f"a vector of {self.vectors[name]}" if name in self.vectors else "a string"

    def learn(self, attributes: Mapping[str, Attribute], previous: Mapping[str, Any]) -> AttributeValues:
        """Update the statistics; returns the values to store.

        Args:
            attributes: Valid attributes of an observation.
            previous: The stored values of its item.
        """
        values: AttributeValues = {}
        for name, value in attributes.items():
            if name in self.text:
                values |= self._embed_text(name, str(value), previous)
            else:
                values[name] = value
            if name in self.numbers:
                self._scalers[name].learn_one({name: value})
        return values

    def split(self, values: Mapping[str, Any], target: float | None) -> tuple[dict[str, list[float]], list[str]]:
        """Stored values as vectors, a number being a vector of length 1, and as one-hot categories "name=value".

        Where `target` is not None, it is learned by the target encodings after they have been read.
        """
        vectors: dict[str, list[float]] = {}
        categories: list[str] = []
        for name, value in values.items():
            if name in self.numbers:
                vectors[name] = [value]
            elif name in self.text or name in self.vectors:
                vectors[name] = value
            elif self.categories.get(name) == "target":
                vectors[name] = [self.target_encoding(name, value)]
                if target is not None:
                    self._learn_target(name, value, target)
            elif name in self.categories:
                categories.append(f"{name}={value}")
        return vectors, categories

    def _embed_text(self, name: str, text: str, previous: Mapping[str, Any]) -> AttributeValues:
        """The vector of a text, and under "name#" a digest by which the same text is recognised."""
        digest = blake2b(text.encode(), digest_size=8).hexdigest()
        model = self._tfidf[name]
        if previous.get(f"{name}#") != digest:
            model.learn_one(text)
            if len(model.dfs) > 2 * self.max_terms:
                most_frequent = sorted(model.dfs.items(), key=lambda item: (-item[1], item[0]))[: self.max_terms]
                model.dfs = type(model.dfs)(dict(most_frequent))
        return {name: hash_terms(model.transform_one(text), self.text[name]), f"{name}#": digest}

    def _learn_target(self, name: str, value: str, target: float) -> None:
        sums = self._targets[name]
        if value not in sums and len(sums) < self.max_values:
            sums[value] = [0.0, 0.0]
        for entry in (sums.get(value), self._totals[name]):
            if entry is not None:
                entry[0] += 1.0
                entry[1] += target

    def target_encoding(self, name: str, value: str) -> float:
        """(Σy + weight·ȳ)/(n + weight) of a value of a category; ȳ, the mean over all values, where it is new."""
        n, total = self._totals[name]
        count, successes = self._targets[name].get(value, (0.0, 0.0))
        return (successes + self.weight * (total / n if n else 0.0)) / (count + self.weight)

    def scale(self, name: str, value: float) -> float:
        """A number on its declared scale, by the statistics so far."""
        return float(self._scalers[name].transform_one({name: value})[name])

    @property
    def dimensions(self) -> dict[str, int]:
        """The dimensions of every attribute that is encoded as a vector."""
        single = [*self.numbers, *self._targets]
        return {**dict.fromkeys(single, 1), **self.text, **self.vectors}

    def state(self) -> State:
        """The statistics, as plain data."""
        from croupier_policies.river.state import model_state

        return {
            "scalers": {name: model_state(scaler) for name, scaler in self._scalers.items()},
            "terms": {name: {"n": model.n, "dfs": dict(model.dfs)} for name, model in self._tfidf.items()},
            "targets": {c: {v: list(sums) for v, sums in values.items()} for c, values in self._targets.items()},
            "totals": {c: list(sums) for c, sums in self._totals.items()},
        }

    def restore(self, state: State) -> None:
        """Restore a `state()`. Raises CorruptSnapshot for a scaler of another class."""
        from croupier_policies.river.restore import restore_model

        for name, stored in state["scalers"].items():
            scaler = restore_model(stored)
            if type(scaler) is not type(self._scalers[name]):
                raise CorruptSnapshot(f"the stored scaler of {name!r} is a {type(scaler).__name__}")
            self._scalers[name] = scaler
        for name, stored in state["terms"].items():
            model = self._tfidf[name]
            model.n, model.dfs = int(stored["n"]), type(model.dfs)({str(t): int(n) for t, n in stored["dfs"].items()})
        for name, values in state["targets"].items():
            self._targets[name] = {value: [float(n), float(total)] for value, (n, total) in values.items()}
            self._totals[name] = [float(total) for total in state["totals"][name]]


def _is_measurement(value: Any) -> bool:
    return type(value) is float and abs(value) <= MAX_NUMBER


def _create_scaler(scale: str) -> Any:
    from river import preprocessing  # the import takes half a second

    return preprocessing.StandardScaler() if scale == "standard" else preprocessing.MinMaxScaler()


def _create_tfidf() -> Any:
    from river import feature_extraction

    return feature_extraction.TFIDF()


def hash_terms(terms: Mapping[str, float], size: int) -> list[float]:
    """The signed feature hash of weighted terms: each weight, times a sign, is added at an index from a hash.

    >>> hash_terms({}, 3)
    [0.0, 0.0, 0.0]
    """
    vector = [0.0] * size
    for term, weight in terms.items():
        number, sign = _hash_term(term)
        vector[number % size] += sign * weight
    return vector


@lru_cache(maxsize=1 << 16)
def _hash_term(term: str) -> tuple[int, float]:
    number = int.from_bytes(blake2b(term.encode(), digest_size=8).digest(), "little")
    return number >> 1, 1.0 if number & 1 else -1.0
