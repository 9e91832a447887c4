"""Real events as a stream of baskets: what a unit did at one time, read through the mapping of an ingestion."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from rich.progress import Progress

from croupier import Engine
from croupier.ingestion import IngestionCounts, ingest
from croupier.state.features.observation import Observation, decode
from croupier_storage import Kind, open_storage

DAY = 86_400.0
RETAIL: dict[str, Any] = {
    "unit": {"column": "CustomerID", "missing": "guest", "by": "InvoiceNo"},
    "kind": {"value": "purchase"},
    "item": "StockCode",
    "at": {"column": "InvoiceDate", "time": "iso", "zone": "Europe/London"},
    "attributes": {
        "price": {"column": "UnitPrice", "type": "number", "least": 0.01},
        "quantity": {"column": "Quantity", "type": "number", "least": 1},
        "title": "Description",
        "basket": "InvoiceNo",
    },
    "exclude": {"InvoiceNo": "^[^0-9]"},
}
OTTO: dict[str, Any] = {
    "unit": "session",
    "kind": {"column": "type", "values": {"clicks": "click", "carts": "cart", "orders": "purchase"}},
    "item": "aid",
    "at": {"column": "ts", "time": "milliseconds"},
    "each": "events",
}


class Basket(NamedTuple):
    """What one unit did at one time: an invoice, or an event of a session.

    Items are numbered in the order in which they appear; `stocked` of them have appeared before.
    """

    number: int
    at: float
    user: int
    unit: str
    items: list[int]
    stocked: int
    events: list[Observation]

    @property
    def day(self) -> int:
        """Days since 1970."""
        return int(self.at // DAY)


@dataclass
class Stream:
    """Baskets in order of time, the numbers of users and items, and the kinds and attributes that occur."""

    baskets: list[Basket] = field(default_factory=list)
    users: dict[str, int] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, None] = field(default_factory=dict)
    attributes: dict[str, None] = field(default_factory=dict)


def read(files: Sequence[Path], mapping: dict[str, Any], progress: Progress) -> tuple[Stream, IngestionCounts]:
    """Ingest files into a temporary store and read it back."""
    task = progress.add_task("ingest")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/events.db"
        with Engine.open(url, seed=7, learner=None) as engine:
            ingested = ingest(
                engine, files, mapping, progress=lambda n, of: progress.update(task, completed=n, total=of)
            )
        return stream(url), ingested


def stream(url: str) -> Stream:
    """The observations of a store as baskets: those of a unit with one `basket` attribute, or else one time."""
    groups: dict[tuple[str, Any], list[tuple[float, Observation]]] = {}
    with open_storage(url, create=False, read_only=True) as storage:
        for fact in storage.facts(kinds=[Kind.OBSERVATION.value]):
            observation = decode(fact.body)
            key = fact.unit or "", observation.attributes.get("basket", fact.at)
            groups.setdefault(key, []).append((fact.at, observation))
    result = Stream()
    for (unit, _), rows in sorted(groups.items(), key=lambda group: group[1][0][0]):
        stocked = len(result.items)
        events = [observation for _, observation in rows]
        for event in events:
            result.kinds[event.kind] = None
            result.attributes |= dict.fromkeys(event.attributes)
        items = [result.items.setdefault(event.item or "", len(result.items)) for event in events]
        user = result.users.setdefault(unit, len(result.users))
        distinct = list(dict.fromkeys(items))
        result.baskets.append(Basket(len(result.baskets), rows[0][0], user, unit, distinct, stocked, events))
    return result
