"""Features in the live loop are passed to the policy, logged, verified, restored and forgotten."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from math import log1p
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from croupier import ConfigurationDiffers, Conflict, Engine, Features, InputError, StateError, StoreError, verify
from croupier.log.encoding import decode_row
from croupier.log.ids import counted
from croupier.state.features import observation
from croupier_storage import Fact, Kind, StoreUnavailable, open_storage
from croupier_storage.encoding.rows import fact_digest
from croupier_storage.sql.storage import SQLStorage
from support.waiting import until


def features(**more: Any) -> Features:
    return Features(
        **{
            "kinds": ["view", "purchase"],
            "half_lives": [60.0],
            "session_gap": 30.0,
            "windows": [50.0],
            "numbers": {"price": "standard"},
            "categories": {"brand": "one-hot", "town": "target"},
            "text": {"title": 2},
            "vectors": {"image": 2},
            "last": 1,
            "units": 3,
            **more,
        }
    )


def opened(url: str, **more: Any) -> Engine:
    return Engine.open(url, **{"seed": 7, "learner": None, "ids": counted(), "clock": lambda: 500.0, **more})


attributes = st.fixed_dictionaries(
    {},
    optional={
        "price": st.floats(-1e6, 1e6, width=32),
        "brand": st.sampled_from(["a", "b"]),
        "town": st.sampled_from(["x", "y"]),
        "title": st.sampled_from(["red lamp", "blue chair", ""]),
        "image": st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    },
)
units = st.sampled_from(["u", "v", "w", "x"])
events = st.lists(
    st.one_of(
        st.tuples(
            st.just("observe"), units, st.sampled_from(["view", "purchase", "else"]), st.sampled_from("ab"), attributes
        ),
        st.tuples(st.just("choose"), units, st.floats(-2, 2)),
        st.tuples(st.just("reward"), st.integers(0, 5), st.sampled_from([0.0, 1.0])),
        st.sampled_from([("rebase",), ("reopen",), ("snapshot",), ("forget", "w")]),
    ),
    min_size=5,
    max_size=40,
)


@settings(max_examples=16, deadline=None, derandomize=True)
@given(life=events, steps=st.lists(st.floats(-40, 60), min_size=40, max_size=40))
def test_features_online_are_those_of_the_log_bit_for_bit(life: list[Any], steps: list[float]) -> None:
    """After any calls, `verify` recomputes the features of every decision, and a fresh fold has the same state."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'store.db'}"
        engine = opened(url, features=features(), ids=(ids := counted()))
        decisions, at = list[tuple[str, float]](), 1000.0
        for (what, *rest), step in zip(life, steps, strict=False):
            at += step
            if what == "observe":
                unit, kind, item, given = rest
                engine.observe(unit, kind, item, at=at, **given)
            elif what == "choose":
                decisions.append((engine.choose({"x": rest[1]}, ["a", "b"], unit=rest[0], at=at).id, at))
            elif what == "reward" and decisions and "forget" not in [event[0] for event in life]:
                id, decided_at = decisions[rest[0] % len(decisions)]
                engine.reward(id, rest[1], at=max(at, decided_at))
            elif what == "reopen":
                before = engine.state_hash()
                engine.close()
                engine = opened(url, ids=ids)  # the features are the store's own
                assert engine.state_hash() == before
            elif what == "rebase":
                engine.rebase()
            elif what == "snapshot":
                engine.snapshots.take()
            elif what == "forget":
                engine.forget(rest[0])
        state, shown = engine.state_hash(), [engine.unit_features(unit, at=at) for unit in "uvwx"]
        engine.close()
        found = verify(url)
        assert found.sound, found.difference
        assert (found.state_hash, found.featured) == (state, found.decisions)
        with opened(url) as again:
            assert [again.unit_features(unit, at=at) for unit in "uvwx"] == shown


def test_the_context_is_what_the_policy_saw(url: str) -> None:
    with opened(url, features=features()) as engine:
        engine.observe("u", "view", "a", at=1.0, price=3.0)
        decision = engine.choose({"hour": 9}, ["a", "b"], unit="u", at=2.0)
        alone = engine.choose(None, ["a", "b"], unit="u", at=2.0)
        guest = engine.choose(None, {"a": {"z": 1.0}, "b": {"z": 2.0}}, at=2.0)
        items = engine.item_features(["a", "c"], at=2.0)
        engine.choose(None, items, unit="u", at=2.0)
        shown = engine.unit_features("u", at=2.0)
        engine.flush()
        with open_storage(url, create=False, read_only=True) as storage:
            facts = [storage.decision(one.id) for one in (decision, alone, guest)]
        rows = [decode_row(fact.context or b"") for fact in facts if fact is not None]
        assert rows[0] == {"hour": 9.0, "$unit": "u", **shown}  # the default policy asks for the unit
        assert rows[1] == {"$unit": "u", **shown}
        assert (rows[2]["u.new"], shown["u.new"], items["c"]["new"], items["a"]["new"]) == (1.0, 0.0, 1.0, 0.0)  # type: ignore[call-overload] # mappings
        assert all(fact is not None and fact.body == b'{"features":true}' for fact in facts)
    assert verify(url).featured == 4
    assert "features of 4 decisions" in verify(url).summary()


def test_a_repeated_choice_is_compared_with_the_applications_context(url: str) -> None:
    with opened(url, features=features()) as engine:
        first = engine.choose({"hour": 9}, ["a", "b"], unit="u", id="d", at=2.0)
        engine.observe("u", "view", "a", at=3.0)
        assert engine.choose({"hour": 9}, ["a", "b"], unit="u", id="d", at=4.0).action == first.action
        with pytest.raises(Conflict):
            engine.choose({"hour": 8}, ["a", "b"], unit="u", id="d", at=4.0)


def test_contexts_that_cannot_have_features_are_rejected(url: str) -> None:
    with opened(url, features=features()) as engine:
        for context in ([1.0, 2.0], {"h.count.view": 1.0}):
            with pytest.raises(InputError):
                engine.choose(context, ["a"], unit="u")
        for wrong in ({"price": "3"}, {"image": [1.0]}, {"title": 3.0}, {"price": 1e31}):
            with pytest.raises(InputError, match="was declared"):
                engine.observe("u", "view", "a", **wrong)
        assert engine.position == 0
        engine.observe("u", "view", "a", undeclared=3.0)
    with opened("sqlite://") as engine:
        with pytest.raises(InputError, match="no features"):
            engine.choose(None, ["a"], unit="u")
        with pytest.raises(StateError):
            engine.unit_features("u")


def test_new_features_replay_the_log_and_continue(url: str) -> None:
    with opened(url) as engine:
        engine.observe("u", "view", "a", at=1.0, price="dear")  # no features yet: anything goes
        engine.reward(engine.choose({"x": 1.0}, ["a", "b"], unit="u", at=2.0).id, 1.0)
    with pytest.raises(ConfigurationDiffers, match="features"):
        opened(url, features=features())
    with opened(url, features=features(), replay=True) as engine:
        assert engine.unit_features("u", at=1.0)["c.count.view"] > 0
        engine.choose(None, ["a", "b"], unit="u", at=3.0, id="later")
        state = engine.state_hash()
    with pytest.raises(ConfigurationDiffers, match="features"):
        opened(url, features=features(session_gap=31.0))
    with opened(url) as engine:
        assert engine.state_hash() == state
        engine.observe("u", "purchase", "a", at=4.0)
        engine.snapshots.roll_back(5)
        assert engine.unit_features("u", at=4.0)["c.count.purchase"] == 0
    found = verify(url)
    assert (found.sound, found.featured) == (True, 1)


def test_a_forgotten_unit_is_gone_from_the_features(url: str, tmp_path: Path) -> None:
    def live(url: str, units: list[str]) -> dict[str, Any]:
        with opened(url, features=features(units=100), snapshot_every=5) as engine:
            for n in range(60):
                if (unit := f"u{n % 6}") in units:
                    engine.observe(unit, "view", f"i{n % 7}", at=float(n), brand=f"b{n % 5}", title=f"title {n % 3}")
            if "u3" in units:
                assert engine.forget("u3") == 10
            return {unit: engine.unit_features(unit, at=99.0) for unit in ("u1", "u3")}

    units = [f"u{n}" for n in range(6)]
    shown = live(url, units)
    units.remove("u3")
    assert shown == live(f"sqlite:///{tmp_path / 'without.db'}", units)
    assert shown["u3"]["u.new"] == 1.0
    assert verify(url).sound


def test_an_altered_observation_is_found_even_with_a_checksum_of_its_own(url: str, tmp_path: Path) -> None:
    with opened(url, features=features()) as engine:
        for n in range(10):
            engine.observe("u", "view", "a", at=float(n), price=float(n))
        engine.choose(None, ["a", "b"], unit="u", at=20.0, id="d")
    with sqlite3.connect(tmp_path / "store.db") as connection:
        columns = ", ".join(Fact._fields)
        row = list(connection.execute(f"SELECT {columns} FROM facts WHERE position = 4").fetchone())  # noqa: S608 - ours
        row[Fact._fields.index("body")] = observation.encode("view", "a", {"price": 7.0})
        connection.execute("UPDATE facts SET body = ? WHERE position = 4", (row[-1],))
        connection.commit()
        assert "position 4" in (verify(url).difference or "")
        connection.execute("UPDATE facts SET digest = ? WHERE position = 4", (fact_digest(row),))
        connection.execute("DELETE FROM snapshots")
    connection.close()
    found = verify(url)
    assert "decision d: its context has 'c.price'" in (found.difference or "")


def test_both_stores_and_both_durabilities_end_in_one_state(tmp_path: Path, postgres_url: str) -> None:
    hashes = set()
    for url in (f"sqlite:///{tmp_path / 'a.db'}", "sqlite://", postgres_url):
        with opened(url, features=features(), durability="commit" if url == postgres_url else "group") as engine:
            for n in range(30):
                engine.observe(f"u{n % 3}", "view", f"i{n % 4}", at=n / 3, price=n / 7, key=f"k{n}", town="xy"[n % 2])
                engine.choose(None, ["a", "b"], unit=f"u{n % 3}", at=n / 3, id=f"d{n}")
            hashes.add(engine.state_hash())
    assert len(hashes) == 1
    assert verify(postgres_url).featured == 30


def test_another_process_with_other_hashes_of_strings_proves_the_same_bits(url: str) -> None:
    with opened(url, features=features()) as engine:
        for n in range(60):
            title = " ".join(f"word{(n * k) % 11}" for k in range(6))
            engine.observe(f"u{n % 3}", "view", f"i{n % 5}", at=float(n), title=title, brand=f"b{n % 4}", price=n / 7)
            engine.choose(None, ["a", "b"], unit=f"u{n % 3}", at=float(n), id=f"d{n}")
        state = engine.state_hash()
    code = f"from croupier import verify; v = verify({url!r}); print(v.difference, v.featured, v.state_hash)"
    environment = {**os.environ, "PYTHONHASHSEED": "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert done.stdout.split() == ["None", "60", state]


def test_an_outage_is_served_with_features(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    failing, append = [False], SQLStorage.append

    def appending(storage: Any, facts: Any, action_sets: Any) -> None:
        if failing[0]:
            raise StoreUnavailable("the disk is full")
        append(storage, facts, action_sets)

    monkeypatch.setattr(SQLStorage, "append", appending)
    with opened(url, features=features(), durability="commit", on_store_failure="serve") as engine:
        engine.observe("u", "view", "a", at=1.0)
        failing[0] = True
        with pytest.raises(StoreError, match="repeat it"):
            engine.observe("u", "view", "b", at=2.0)
        with pytest.raises(StoreError, match="not logged"):
            engine.observe("u", "view", "c", at=2.0)
        assert not engine.choose(None, ["a", "b"], unit="u", at=3.0).logged
        failing[0] = False
        until(lambda: engine.choose(None, ["a", "b"], unit="u", at=3.0).logged)
        assert engine.unit_features("u", at=3.0)["c.events"] == log1p(2)
    assert verify(url).sound


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        (Kind.OBSERVATION, b"[]", "no readable kind, item and attributes"),
        (Kind.OBSERVATION, b"{", "no readable kind, item and attributes"),
        (Kind.OBSERVATION, b'{"kind":3}', "no readable kind, item and attributes"),
        (Kind.OBSERVATION, b'{"kind":"view","attributes":[1]}', "no readable kind, item and attributes"),
        (Kind.OBSERVATION, b'{"kind":"view","item":{}}', "no readable kind, item and attributes"),
        (Kind.OBSERVATION, b'{"kind":"view","attributes":{"image":["a","b"],"price":"x","title":3}}', "None"),
        (Kind.DRIFT, b"{}", "no number under 'keep'"),
        (Kind.DRIFT, b'{"keep":"half"}', "no number under 'keep'"),
    ],
)
def test_a_body_that_cannot_be_read_is_reported(url: str, kind: Kind, body: bytes, message: str) -> None:
    with opened(url, features=features()) as engine:
        engine.observe("u", "view", "a", at=0.0)
    with open_storage(url, create=False, lease=True) as storage:
        storage.append([Fact(2, kind, 1.0, unit="u", body=body)], {})
    assert message in str(verify(url).difference)
