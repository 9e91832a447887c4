"""Replay of real events: recommendations depend on the past alone, and the measures are right."""

from __future__ import annotations

import csv
import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from rich.progress import Progress

from case import events
from case.basket_loop import TwoStage, WholeCatalogue
from case.baskets import OTTO, RETAIL, Basket, Stream, read
from case.recommenders import NightlyFilter, Popularity, Random, Recommender
from croupier import verify

SHARED = Path(__file__).parents[3] / "shared/data/events"
COLUMNS = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
K = 4


def shop(folder: Path, days: int = 3, invoices: int = 40) -> list[Path]:
    """Twelve customers, each of whom returns to eight of sixty items; and rows that are no purchases."""
    rng, files, number = np.random.default_rng(5), [], 0
    (folder / "online_retail/by-day").mkdir(parents=True)
    for day in range(days):
        rows = []
        for turn in range(invoices):
            number, at = number + 1, datetime(2024, 3, 4 + day, 8) + timedelta(minutes=12 * turn)
            who = int(rng.integers(12))
            for item in rng.choice(np.arange(5 * who, 5 * who + 8) % 60, 3, replace=False):
                customer = f"{who}.0" if turn % 10 else ""
                row = [500 + number, f"s{item}", f"thing number {item}", 2, str(at), 1 + item % 7, customer, "AT"]
                rows += [row, row] if turn == 3 else [row]
            rows.append([f"C{500 + number}", "s1", "thing number 1", -1, str(at), 2, "3.0", "AT"])
        rows.append([500 + number, "s2", "thing number 2", 1, str(at), 0, "3.0", "AT"])
        files.append(folder / f"online_retail/by-day/2024-03-0{4 + day}.csv")
        with files[-1].open("w", newline="") as opened:
            csv.writer(opened).writerows([COLUMNS, *rows])
    return files


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    with Progress(disable=True) as progress:
        return read(shop(tmp_path_factory.mktemp("shop")), RETAIL, progress)[0]


def test_baskets_are_invoices_and_items_are_known_from_when_they_appear(stream: Stream) -> None:
    assert len(stream.baskets) == 120
    assert [basket.at for basket in stream.baskets] == sorted(basket.at for basket in stream.baskets)
    assert sum(basket.unit.startswith("guest ") for basket in stream.baskets) == 12
    met: set[int] = set()
    for basket in stream.baskets:
        assert len(basket.items) == 3
        assert met == set(range(basket.stocked))
        met |= set(basket.items)


def contenders(stream: Stream, folder: Path) -> list[Recommender[Basket]]:
    loops = [
        kind(stream, f"sqlite:///{folder / kind.__name__}-{len(stream.baskets)}.db", K)
        for kind in (TwoStage, WholeCatalogue)
    ]
    items = len(stream.items)
    return [*loops, NightlyFilter(len(stream.users), items, K), Popularity(items, K), Random(items, K)]


def test_what_is_recommended_follows_from_the_past_alone(stream: Stream, tmp_path: Path) -> None:
    """A recommender that sees only the first half has the same hits in it."""
    half = Stream(stream.baskets[:60], stream.users, stream.items, stream.kinds, stream.attributes)
    for one, other in zip(contenders(stream, tmp_path), contenders(half, tmp_path), strict=True):
        with Progress(disable=True) as progress:
            whole, part = (events.play(lived, who, K, progress, "") for lived, who in ((stream, one), (half, other)))
        assert 30 < len(part.measures) < len(whole.measures)
        assert (whole.measures[: len(part.measures)] == part.measures).all()


def test_hits_recall_and_ndcg_are_of_what_was_in_the_basket() -> None:
    basket = Basket(0, 0.0, 0, "u", [7, 2, 9], 8, [])
    assert events.measure([1, 2, 3], basket, 3) == pytest.approx(
        (1.0, 1 / 3, (1 / np.log2(3)) / (1 + 1 / np.log2(3) + 0.5))
    )
    assert events.measure([0, 1, 3], basket, 3) == (0.0, 0.0, 0.0)


def test_the_case_runs_and_names_the_missing_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    shop(tmp_path)
    events.main(events=tmp_path, k=K, folder=tmp_path / "out")
    found = json.loads((tmp_path / "out/case-retail.json").read_text())["results"]
    ingested = found["ingested"]
    assert ingested["rows"] == ingested["kept"] + sum(ingested["rejected"].values())
    assert ingested["rejected"] == {"excluded: InvoiceNo": 120, "duplicate": 9, "out of range: price": 3}
    rates = {name: row["all"]["recall"] for name, row in found["recommenders"].items()}
    assert rates["croupier"] > rates["popularity"] > 0.0
    assert found["margins"]["popularity"]["recall"][0] > 0.0
    assert (tmp_path / "out/case-retail.png").stat().st_size > 10_000
    assert "otto/train_sample.jsonl" in capsys.readouterr().out.replace("\n", "")


def test_sessions_are_baskets_of_one_event(tmp_path: Path) -> None:
    lines = [
        {"session": s, "events": [{"aid": a, "ts": 1e12 + 1000 * a, "type": "clicks"} for a in (1, 2, 1 + s)]}
        for s in (2, 3)
    ]
    file = tmp_path / "sessions.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    with Progress(disable=True) as progress:
        stream, _ = read([file], OTTO, progress)
    assert [basket.unit for basket in stream.baskets] == ["2", "3", "2", "3", "2", "3"]
    assert [basket.items for basket in stream.baskets] == [[0], [0], [1], [1], [2], [3]]
    assert list(stream.kinds) == ["click"]


def test_the_first_day_of_a_real_shop(tmp_path: Path) -> None:
    files = sorted((SHARED / "online_retail/by-day").glob("*.csv"))[:1]
    if not files:
        pytest.skip("the Online Retail files are not beside the checkout")
    with Progress(disable=True) as progress:
        stream, found = read(files, RETAIL, progress)
        assert found.rows == found.kept + found.rejected.total() > 3_000
        stream.baskets = stream.baskets[:70]
        loop = TwoStage(stream, f"sqlite:///{tmp_path}/day.db", 10)
        chance = Random(len(stream.items), 10)
        ours, theirs = (events.play(stream, one, 10, progress, "") for one in (loop, chance))
    assert ours.measures[:, 1].mean() > 2 * theirs.measures[:, 1].mean()
    assert verify(f"sqlite:///{tmp_path}/day.db").sound
