"""Limits at the door: what is too long, too large, too many or in another unit is refused, and the log goes on."""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from croupier import (
    Catalogue,
    Conflict,
    CroupierError,
    Engine,
    Experiment,
    Features,
    InputError,
    Rewards,
    SoftmaxPolicy,
    StoreError,
    UniformPolicy,
    UnknownDecision,
)
from croupier.log import limits
from croupier.log.ids import counted
from croupier.log.limits import CLOCK_SKEW, FEATURES, LIMITS, NAME, PLACES, TIME
from croupier.runtime.options import OPTIONS
from croupier_storage import StorageError, open_storage

DOCS = Path(__file__).parents[2] / "docs/limits.md"
NOW = 1_750_000_000.0


def varied(size: int, start: int = 0) -> str:
    """A text of so many bytes that no index can compress: three bytes a character."""
    whole, rest = divmod(size, 3)
    return "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(start, start + whole)) + "x" * rest


# -- names

NAMES: dict[str, Callable[[Engine, str], object]] = {
    "id": lambda engine, name: engine.choose({}, ["a"], id=name),
    "list": lambda engine, name: engine.recommend(k=2, actions=["a", "b"], id=name),
    "unit": lambda engine, name: engine.choose({}, ["a"], unit=name),
    "action": lambda engine, name: engine.choose({}, [name, "a"]),
    "action with features": lambda engine, name: engine.choose({}, {name: {"x": 1.0}, "a": None}),
    "item of a catalogue": lambda engine, name: engine.choose({}, Catalogue(["a", name])),
    "feature": lambda engine, name: engine.choose({name: 1.0}, ["a"]),
    "feature of an action": lambda engine, name: engine.choose({}, {"a": {name: 1.0}}),
    "key of a reward": lambda engine, name: engine.reward(engine.choose({}, ["a"]).id, 1.0, key=name),
    "action taken": lambda engine, name: engine.action_taken(engine.choose({}, ["a"]).id, name),
    "observed unit": lambda engine, name: engine.observe(name, "view"),
    "kind": lambda engine, name: engine.observe("u", name),
    "item": lambda engine, name: engine.observe("u", "view", name),
    "key of an observation": lambda engine, name: engine.observe("u", "view", key=name),
    "attribute": lambda engine, name: engine.observe("u", "view", **{name: 1.0}),
    "forgotten unit": lambda engine, name: engine.forget(name),
}


@pytest.mark.parametrize("what", NAMES)
def test_a_name_of_the_longest_length_is_kept_and_a_longer_one_refused(engine: Engine, what: str) -> None:
    NAMES[what](engine, varied(NAME.maximum))
    engine.flush()
    position = engine.position
    with pytest.raises(InputError, match="1,024") as caught:
        NAMES[what](engine, varied(NAME.maximum + 1))
    assert len(str(caught.value)) < 500
    assert engine.position <= position + 1, "only the decision that was to be rewarded"
    engine.flush()


def test_postgres_indexes_the_longest_names(postgres_url: str) -> None:
    with Engine.open(postgres_url, learner=None, seed=7) as engine:
        for start, call in enumerate(NAMES.values()):
            call(engine, varied(NAME.maximum, start))
            with pytest.raises(InputError):
                call(engine, varied(6_000))
        engine.flush()
        assert engine.verify().sound


def test_names_of_experiments_are_limited() -> None:
    variants = {"old": None, "new": UniformPolicy()}
    Experiment("n" * 256, variants, window=60.0)
    with pytest.raises(InputError, match="256"):
        Experiment("é" * 129, variants, window=60.0)
    with pytest.raises(InputError, match="256"):
        Experiment("x", {"old": None, "n" * 257: UniformPolicy()}, window=60.0)


# -- numbers and sizes


def test_too_many_are_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("croupier.log.validation.ACTIONS", limits.ACTIONS._replace(maximum=3))
    engine.choose({}, {"a": None, "b": None, "c": {"x": 1.0}})
    with pytest.raises(InputError, match="more than 3"):
        engine.choose({}, {str(n): None for n in range(4)})
    for endless in (itertools.count(), itertools.repeat("a"), (str(n) for n in itertools.count())):
        with pytest.raises(InputError, match="more than 100,000"):
            engine.choose({}, endless)
    with pytest.raises(InputError, match="more than 100,000"):
        engine.choose({}, [str(n) for n in range(100_001)])
    with pytest.raises(InputError, match="more than 1,000,000"):
        engine.choose({}, ["a"], exclude=itertools.repeat("b"))
    with pytest.raises(InputError, match="more than 1,000,000"):
        Catalogue(itertools.repeat("b"))
    with pytest.raises(InputError, match=f"more than the limit of {FEATURES.maximum:,}"):
        engine.choose(np.zeros(FEATURES.maximum + 1), ["a"])
    with pytest.raises(InputError, match=f"more than the limit of {FEATURES.maximum:,}"):
        engine.choose({str(n): 1.0 for n in range(FEATURES.maximum + 1)}, ["a"])
    with pytest.raises(InputError, match=f"more than the limit of {FEATURES.maximum:,}"):
        engine.choose(np.broadcast_to(1.0, (10**12,)), ["a"])
    with pytest.raises(InputError, match="flatten it"):
        engine.choose({"a": {"b": [1.0]}}, ["a"])
    with pytest.raises(InputError, match=f"more than the limit of {FEATURES.maximum:,}"):
        engine.choose({"a": ["x"] * FEATURES.maximum, "b": 1.0}, ["a"])
    with pytest.raises(InputError, match="longer than the limit of 1,000"):
        engine.recommend(k=PLACES.maximum + 1, actions=[str(n) for n in range(PLACES.maximum + 1)])
    assert engine.position == 1


def test_the_guide_lists_every_limit_and_option() -> None:
    """The tables of docs/limits.md are those of the code; where they differ, this prints what belongs there."""
    page = DOCS.read_text(encoding="utf-8")
    rows = [f"| {limit.of} | {limit.maximum:,} {limit.unit} | {limit.reason} |" for limit in LIMITS]
    for name, check in OPTIONS.items():
        with pytest.raises(InputError) as caught:
            check(Ellipsis, name)
        rows.append(
            f"| `{name}` | {str(caught.value).split('; ', 1)[1].removeprefix('give ').removeprefix('choose ')} |"
        )
    missing = [row for row in rows if row not in page]
    assert not missing, "\n".join(missing)
    assert f"{CLOCK_SKEW:.0f} seconds" in page


# -- options

REFUSED: list[tuple[str, Any]] = [
    ("seed", True),
    ("seed", 1.5),
    ("seed", -1),
    ("seed", 2**64),
    ("seed", "7"),
    ("seed", np.float64(7)),
    ("reward_range", (0, 5e-324)),
    ("reward_range", (0.0, float("nan"))),
    ("reward_range", (float("-inf"), 1.0)),
    ("reward_range", (1.0, 0.0)),
    ("reward_range", (1.0, 1.0)),
    ("reward_range", (1e9, 1e9 + 1e-3)),
    ("reward_range", (0, 10**400)),
    ("reward_range", (False, True)),
    ("reward_range", (0.0, 0.5, 1.0)),
    ("reward_range", 1.0),
    ("rewards", "mean"),
    ("rewards", Rewards),
    ("rewards", Rewards(window=60.0, default=2.0)),  # outside the range
    ("policy", SoftmaxPolicy),
    ("policy", "softmax"),
    ("learner", UniformPolicy()),
    ("features", {"numbers": {"a": "standard"}}),
    ("policies", UniformPolicy()),
    ("policies", [UniformPolicy]),
    ("queue", 0),
    ("queue", -1),
    ("queue", 1.0),
    ("queue", True),
    ("queue", 10**9),
    ("snapshots_kept", 0),
    ("snapshots_kept", -1),
    ("snapshots_kept", None),
    ("snapshot_every", 0),
    ("snapshot_every", float("inf")),
    ("snapshot_seconds", 0),
    ("snapshot_seconds", float("nan")),
    ("rebase_after", 0),
    ("rebase_after", False),
    ("lock_timeout", -1.0),
    ("lock_timeout", float("inf")),
    ("lock_timeout", "5"),
    ("durability", None),
    ("durability", ["group"]),
    ("on_store_failure", np.array(["serve", "raise"])),
    ("replay", 1),
    ("replay", "no"),
    ("migrate", None),
    ("ids", "uuid"),
    ("ids", ["a", "b"]),
    ("clock", 0.0),
    ("clock", lambda: "noon"),
    ("clock", lambda: None),
    ("clock", lambda: NOW * 1000),
    ("clock", lambda: float("nan")),
    ("clock", datetime.datetime.now),  # without a zone
    ("clock", len),
    ("progress", True),
    ("progress", lambda: None),
]


@pytest.mark.parametrize(("option", "value"), REFUSED)
def test_an_option_out_of_its_range_is_refused_before_the_store_is_made(
    tmp_path: Path, url: str, option: str, value: Any
) -> None:
    with pytest.raises(InputError, match=option.rstrip("s")) as caught:
        Engine.open(url, **{option: value})
    assert "; " in str(caught.value), "a remedy"
    assert not list(tmp_path.iterdir())
    with Engine.open(url, learner=None) as engine:
        engine.choose({}, ["a"])
    with Engine.open(url) as engine:
        assert engine.position == 1


@pytest.mark.parametrize(
    "value", [None, 3, b"sqlite://", Path("shop.db"), "shop.db", "", "sqlite:///a\0b", "sqlite:///\ud800"]
)
def test_what_is_no_url_is_refused(value: Any) -> None:
    with pytest.raises(CroupierError, match="sqlite:///"):
        Engine.open(value)


@pytest.mark.parametrize("options", [{"timeout": -1.0}, {"timeout": float("nan")}, {"create": 1}, {"durability": []}])
def test_a_store_refuses_options_out_of_their_range(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(StorageError):
        open_storage(f"sqlite:///{tmp_path / 'store.db'}", **options)
    assert not list(tmp_path.iterdir())


def test_numbers_of_numpy_are_options(url: str) -> None:
    options = {
        "seed": np.uint64(7),
        "reward_range": np.array([0, 2]),
        "queue": np.int32(5),
        "snapshots_kept": np.int64(1),
        "snapshot_seconds": np.float32(60),
        "lock_timeout": np.float64(1),
        "replay": np.False_,
        "rewards": Rewards(window=np.int64(60), default=np.float32(1)),
    }
    with Engine.open(url, learner=None, **options) as engine:
        engine.reward(engine.choose({}, ["a"]).id, 2.0)
    with Engine.open(url, seed=7, reward_range=(0.0, 2.0), rewards=Rewards(window=60.0, default=1.0)) as engine:
        assert engine.position == 2


class Unwritable(UniformPolicy):
    """Its configuration has what JSON has not."""

    name = "unwritable"

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value

    def config(self) -> dict[str, Any]:
        return {"value": self.value}


@pytest.mark.parametrize("value", [float("nan"), {"deep": [float("inf")]}, np.float64("nan"), object(), 10**30, {1: 2}])
def test_a_configuration_that_a_store_cannot_hold_is_refused(tmp_path: Path, url: str, value: Any) -> None:
    with pytest.raises(InputError, match="configuration of 'unwritable'"):
        Engine.open(url, policy=Unwritable(value))
    assert not list(tmp_path.iterdir())


def test_the_snapshots_kept_are_as_many_as_asked_for() -> None:
    for kept in (1, 2):
        with Engine.open("sqlite://", learner=None, snapshots_kept=kept, snapshot_every=10) as engine:
            for _ in range(50):
                engine.choose({}, ["a"])
            assert len(engine.snapshots.list()) == kept


def test_a_queue_of_one_does_not_hang() -> None:
    with Engine.open("sqlite://", learner=None, queue=1) as engine:
        for _ in range(20):
            engine.choose({}, ["a"])
        assert engine.position == 20


# -- times

BERLIN = datetime.timezone(datetime.timedelta(hours=2))
TIMES = {
    "a float": NOW,
    "an int": int(NOW),
    "numpy's int": np.int64(NOW),
    "numpy's float": np.float64(NOW),
    "numpy's unsigned int": np.uint32(NOW),
    "an element of an array": np.array([NOW])[0],
    "an element of a Series": pd.Series([int(NOW)]).iloc[0],
    "a datetime": datetime.datetime.fromtimestamp(NOW, datetime.UTC),
    "a datetime elsewhere": datetime.datetime.fromtimestamp(NOW, BERLIN),
    "pandas' Timestamp": pd.Timestamp(NOW, unit="s", tz="Asia/Tokyo"),
}
NOT_TIMES: dict[str, tuple[Any, str]] = {
    "milliseconds": (NOW * 1e3, "in milliseconds"),
    "microseconds": (int(NOW * 1e6), "in microseconds"),
    "nanoseconds": (np.int64(NOW * 1e9), "in nanoseconds"),
    "milliseconds of long ago": (-NOW * 1e3, "in milliseconds"),
    "a datetime without a zone": (datetime.datetime(2026, 1, 1), "without a time zone"),
    "pandas' Timestamp without a zone": (pd.Timestamp("2026-01-01"), "without a time zone"),
    "pandas' missing time": (pd.NaT, "without a time zone"),
    "numpy's datetime64": (np.datetime64("2026-01-01"), "a datetime with a zone"),
    "a date": (datetime.date(2026, 1, 1), "a datetime with a zone"),
    "text": ("2026-01-01T00:00:00Z", "seconds since 1970"),
    "true": (True, "seconds since 1970"),
    "an array": (np.array([NOW]), "seconds since 1970"),
    "an integer too long to print": (10**5000, "seconds since 1970"),
}
TIMED: dict[str, Callable[[Engine, Any], object]] = {
    "choose": lambda engine, at: engine.choose({}, ["a"], at=at),
    "recommend": lambda engine, at: engine.recommend(k=1, actions=["a"], at=at),
    "reward": lambda engine, at: engine.reward("d1", 1.0, at=at),
    "activate": lambda engine, at: engine.activate("d1", at=at),
    "action_taken": lambda engine, at: engine.action_taken("d1", "b", at=at),
    "correct": lambda engine, at: engine.correct("d1", 1.0, at=at),
    "retract": lambda engine, at: engine.retract("d1", at=at),
    "expire": lambda engine, at: engine.expire(at),
    "observe": lambda engine, at: engine.observe("u", "view", at=at),
    "unit_features": lambda engine, at: engine.unit_features("u", at=at),
    "item_features": lambda engine, at: engine.item_features(["a"], at=at),
}


@pytest.mark.parametrize("form", TIMES)
def test_a_time_may_have_any_form_that_is_unambiguous(url: str, form: str) -> None:
    with Engine.open(url, learner=None, ids=counted()) as engine:
        engine.choose({}, ["a"], at=TIMES[form])
        engine.reward("d1", 1.0, at=TIMES[form])
        engine.observe("u", "view", at=TIMES[form])
    with open_storage(url) as storage:
        assert [fact.at for fact in storage.facts()] == [NOW] * 3


@pytest.mark.parametrize("verb", TIMED)
def test_what_is_no_time_in_seconds_is_refused_by_every_verb(verb: str) -> None:
    with Engine.open("sqlite://", learner=None, ids=counted(), features=Features(), clock=lambda: 0.0) as engine:
        engine.choose({}, ["a", "b"])
        for at, message in NOT_TIMES.values():
            with pytest.raises(InputError, match=message):
                TIMED[verb](engine, at)
        assert engine.position == 1


def test_the_largest_time_is_seconds() -> None:
    with Engine.open("sqlite://", learner=None) as engine:
        engine.choose({}, ["a"], at=TIME.maximum - 1)
        with pytest.raises(InputError, match="divide it by 1000"):
            engine.choose({}, ["a"], at=TIME.maximum)


def test_a_clock_that_fails_later_raises_and_is_survived(url: str) -> None:
    times = [0.0]
    with Engine.open(url, learner=None, clock=lambda: times[-1]) as engine:
        for nonsense in (None, "noon", float("nan"), 1e300, datetime.datetime(2026, 1, 1), True):
            times.append(nonsense)  # type: ignore[arg-type] # on purpose
            with pytest.raises(InputError, match=r"clock\(\) is"):
                engine.choose({}, ["a"])
        times.append(1.0)
        engine.choose({}, ["a"])
        assert engine.verify().sound


FOLLOWING = ("reward", "activate", "action_taken", "correct", "retract")


@pytest.mark.parametrize("verb", FOLLOWING)
def test_nothing_about_a_decision_is_dated_before_it(url: str, verb: str) -> None:
    with Engine.open(url, learner=None, ids=counted(), clock=lambda: NOW) as engine:
        engine.choose({}, ["a", "b"], deferred=verb == "activate", at=NOW)
        if verb in ("correct", "retract"):
            engine.reward("d1", 1.0)
        position = engine.position
        with pytest.raises(InputError, match="before the decision"):
            TIMED[verb](engine, NOW - CLOCK_SKEW - 0.5)
        assert engine.position == position
        TIMED[verb](engine, NOW - CLOCK_SKEW + 0.5)  # two clocks differ a little
        engine.flush()
    with open_storage(url) as storage:
        assert [fact.at for fact in storage.facts(after=position)] == [NOW]


def test_a_clock_that_is_set_back_fails_no_service(url: str) -> None:
    now = [NOW]
    with Engine.open(url, learner=None, rewards=Rewards(window=60.0), clock=lambda: now[-1]) as engine:
        decision = engine.choose({}, ["a"])
        now.append(NOW - 3_600.0)
        assert engine.reward(decision.id, 1.0).status == "applied"
        engine.flush()
    with open_storage(url) as storage:
        assert [fact.at for fact in storage.facts()] == [NOW, NOW]


def test_decisions_of_a_reopened_store_keep_their_times(url: str) -> None:
    with Engine.open(url, learner=None, ids=counted()) as engine:
        engine.choose({}, ["a"], at=NOW)
    with Engine.open(url) as engine, pytest.raises(InputError, match="before the decision"):
        engine.reward("d1", 1.0, at=NOW - 60.0)


# -- exclusions

CANDIDATES: dict[str, Callable[[], Any]] = {
    "list": lambda: ["1", "2", "3"],
    "tuple": lambda: ("1", "2", "3"),
    "set": lambda: {"1", "2", "3"},
    "generator": lambda: (id for id in ("1", "2", "3")),
    "array": lambda: np.array(["1", "2", "3"]),
    "Series": lambda: pd.Series(["1", "2", "3"], index=["3", "2", "1"]),
    "mapping": lambda: {"1": None, "2": None, "3": None},
    "mapping with features": lambda: {"1": {"x": 1.0}, "2": {"x": 2.0}, "3": {"x": 3.0}},
    "catalogue": lambda: Catalogue(["1", "2", "3"]),
}
HONOURED: dict[str, Callable[[], Any]] = {
    "a tuple": lambda: ("1", "2"),
    "a set": lambda: {"1", "2"},
    "a frozenset": lambda: frozenset({"1", "2"}),
    "a dict's keys": lambda: {"1": 0, "2": 0}.keys(),
    "a dict's values": lambda: {0: "1", 1: "2"}.values(),
    "a generator": lambda: (id for id in ("2", "1")),
    "a map": lambda: map(str, (1, 2)),
    "an iterator": lambda: iter(["1", "2"]),
    "an array": lambda: np.array(["1", "2"]),
    "an array of objects": lambda: np.array(["1", "2"], dtype=object),
    "numpy's strings": lambda: [np.str_("1"), np.str_("2")],
    "a Series": lambda: pd.Series(["1", "2"]),
    "a Series under another index": lambda: pd.Series(["1", "2"], index=["3", "3"]),
    "a Series of categories": lambda: pd.Series(["1", "2"], dtype="category"),
    "an Index": lambda: pd.Index(["1", "2"]),
    "ids that are no candidates, too": lambda: ["1", "7", "2", "2"],
}
REFUSED_EXCLUSIONS: dict[str, tuple[Callable[[], Any], str]] = {
    "numbers": (lambda: [1, 2], "1, a int"),
    "numpy's numbers": (lambda: np.array([1, 2]), "a int64"),
    "floats of a Series with a gap": (lambda: pd.Series([1, None]), "a float"),
    "a missing value": (lambda: ["1", None], "a NoneType"),
    "pandas' missing value": (lambda: pd.Series(["1", pd.NA], dtype="string"), "a NAType"),
    "bytes in a list": (lambda: [b"1"], "a bytes"),
    "tuples": (lambda: [("1",)], "a tuple"),
    "lists": (lambda: [["1"], ["2"]], "a list"),
    "a string": (lambda: "12", "a single id in a list"),
    "numpy's string": (lambda: np.str_("1"), "a single id in a list"),
    "bytes": (lambda: b"12", "a single id in a list"),
    "a dict": (lambda: {"1": False, "2": True}, "a list of its keys"),
    "None": (lambda: None, "give a collection"),
    "a number": (lambda: 1, "give a collection"),
    "an array of two axes": (lambda: np.array([["1", "2"]]), "give a collection"),
    "an array of no axis": (lambda: np.array("1"), "give a collection"),
    "a DataFrame": (lambda: pd.DataFrame({"id": ["1", "2"]}), "give a collection"),
}


@pytest.mark.parametrize("exclude", HONOURED)
@pytest.mark.parametrize("actions", CANDIDATES)
def test_what_is_excluded_is_never_shown(engine: Engine, actions: str, exclude: str) -> None:
    for _ in range(8):
        assert engine.choose({}, CANDIDATES[actions](), exclude=HONOURED[exclude]()).action == "3"
    assert engine.recommend(k=1, actions=CANDIDATES[actions](), exclude=HONOURED[exclude]()).actions == ("3",)
    with pytest.raises(InputError):
        engine.recommend(k=2, actions=CANDIDATES[actions](), exclude=HONOURED[exclude]())


@pytest.mark.parametrize("exclude", REFUSED_EXCLUSIONS)
@pytest.mark.parametrize("actions", CANDIDATES)
def test_what_could_be_misread_as_an_exclusion_is_refused(engine: Engine, actions: str, exclude: str) -> None:
    make, message = REFUSED_EXCLUSIONS[exclude]
    for call in (engine.choose, lambda context, *args, **more: engine.recommend(*args, k=1, context=context, **more)):
        with pytest.raises(InputError, match=re.escape(message)):
            call({}, actions=CANDIDATES[actions](), exclude=make())
    assert engine.position == 0


def test_a_catalogue_refuses_the_same() -> None:
    with pytest.raises(InputError, match="strings"):
        Catalogue(["1", "2"]).encode([1])


def test_every_form_of_the_candidates_is_the_same_question(engine: Engine) -> None:
    plain = [name for name in CANDIDATES if "features" not in name and name != "catalogue"]
    decisions = {engine.choose({}, CANDIDATES[name](), id="mine").position for name in plain}
    assert decisions == {1}


def test_a_set_is_sorted(engine: Engine) -> None:
    names = [f"a{n}" for n in range(50)]
    decision = engine.choose({}, set(names), id="mine")
    for other in (set(names[25:]) | set(names), frozenset(names), sorted(names)):
        assert engine.choose({}, other, id="mine").position == decision.position
    assert Catalogue(set(names)).ids == tuple(sorted(names))
    assert Catalogue(dict.fromkeys(reversed(names), 0).keys()).ids == tuple(reversed(names)), "keys have an order"
    with pytest.raises(InputError, match="no order"):
        Catalogue({"a", "b"}, [[1.0], [2.0]])


def test_a_frame_is_no_list_of_actions(engine: Engine) -> None:
    frame = pd.DataFrame({"price": [1.0, 2.0]}, index=["a", "b"])
    with pytest.raises(InputError, match="give a collection"):
        engine.choose({}, frame)
    with pytest.raises(InputError, match="to_numpy"):
        Catalogue(["a", "b"], frame)
    assert Catalogue(frame.index, frame.to_numpy()).ids == ("a", "b")


# -- ids


def test_decisions_are_looked_up_by_what_can_be_an_id(engine: Engine) -> None:
    for id in (None, 3, [], {}, "", "a\0", "\ud800", "x" * 10_000, b"d1", float("nan")):
        for call in (engine.activate, engine.retract, lambda decision: engine.reward(decision, 1.0)):
            with pytest.raises(UnknownDecision, match="is in the log"):
                call(id)


def _run(url: str, stops: tuple[int, ...], seed: int = 7, **options: Any) -> list[tuple[str, str]]:
    """The decisions of forty calls, with the store closed and opened again before some of them."""
    found: list[tuple[str, str]] = []
    engine = Engine.open(url, seed=seed, ids="sequential", clock=itertools.count().__next__, **options)
    for n in range(40):
        if n in stops:
            engine.close()
            engine = Engine.open(url, ids="sequential", clock=itertools.count(n).__next__, **options)
        with pytest.raises(InputError):
            engine.choose({"x": float("nan")}, ["a"])
        decision = engine.choose({"x": float(n % 5)}, ["a", "b", "c"])
        found.append((decision.id, decision.action))
        if n % 3:
            engine.reward(decision.id, float(n % 2))
        if n % 7 == 0:
            found += [(shown.id, shown.action) for shown in engine.recommend(k=2, actions=["a", "b", "c"])]
    assert engine.verify().sound
    engine.close()
    return found


def test_sequential_ids_make_a_run_reproducible(tmp_path: Path) -> None:
    first = _run(f"sqlite:///{tmp_path / 'first.db'}", ())
    assert len({id for id, _ in first}) == len(first)
    assert _run(f"sqlite:///{tmp_path / 'second.db'}", ()) == first
    assert _run(f"sqlite:///{tmp_path / 'third.db'}", (1, 13, 14, 39)) == first
    assert _run(f"sqlite:///{tmp_path / 'fourth.db'}", (7,), durability="commit") == first
    other = _run(f"sqlite:///{tmp_path / 'fifth.db'}", (), seed=8)
    assert not {id for id, _ in other} & {id for id, _ in first}


def test_time_ordered_ids_do_not(tmp_path: Path) -> None:
    ids = []
    for name in ("first", "second"):
        with Engine.open(f"sqlite:///{tmp_path / name}.db", seed=7, learner=None, clock=lambda: 0.0) as engine:
            ids.append(engine.choose({}, ["a", "b"]).id)
    assert ids[0] != ids[1]


def test_a_source_of_ids_that_repeats_itself_is_refused_and_the_log_goes_on(url: str) -> None:
    with Engine.open(url, learner=None, ids=lambda: "x") as engine:
        engine.choose({}, ["a"])
        for call in (engine.choose, engine.choose):
            with pytest.raises(Conflict, match=r"ids\(\) returned 'x'"):
                call({}, ["a"])
        engine.recommend(k=1, actions=["a"])
        with pytest.raises(Conflict, match=r"ids\(\) returned 'x'"):
            engine.recommend(k=1, actions=["a"])
    with Engine.open(url, ids=lambda: "x") as engine, pytest.raises(Conflict):
        engine.choose({}, ["a"])
    for nonsense in (None, 3, "", "a\0b", "x" * 2_000):
        with Engine.open(url, ids=lambda value=nonsense: value) as engine, pytest.raises(InputError, match=r"ids\(\)"):
            engine.choose({}, ["a"])


def test_ids_that_equal_another_under_their_own_rules_are_plain_strings(engine: Engine) -> None:
    class Odd(str):
        __slots__ = ()

        def __hash__(self) -> int:
            return 7

    assert engine.choose({}, ["a"], id=Odd("mine")).position == engine.choose({}, ["a"], id="mine").position
    assert engine.choose({}, [Odd("a"), "b"], exclude=["a"]).action == "b"
    assert type(engine.choose({}, [np.str_("a")]).action) is str
    engine.flush()


def test_a_store_error_is_of_the_tree_for_an_url_too_long() -> None:
    with pytest.raises(StoreError, match="more than 8192 bytes"):
        Engine.open("sqlite:///" + "x" * 10_000)


def test_a_private_value_that_is_no_valid_text_is_refused(url: str) -> None:
    key = b"sixteen bytes or more"
    with Engine.open(url, learner=None, private=np.array(["email"]), private_key=key) as engine:
        with pytest.raises(InputError, match="not valid Unicode"):
            engine.choose({"email": "\ud800"}, ["a"])
        engine.choose({"email": "a@b.example"}, ["a"])
        assert engine.position == 1
    with pytest.raises(InputError) as caught:
        Engine.open(url, private=["email"], private_key="short secret")
    assert "short secret" not in str(caught.value)
