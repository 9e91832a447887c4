"""What is said of an experiment: in words, as JSON, as tables, as a page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from croupier import (
    ConstantPolicy,
    Engine,
    EvidenceError,
    Experiment,
    Rewards,
    Rule,
    Study,
    UniformPolicy,
    reports,
    study,
)
from croupier.cli.app import app
from croupier.cli.experiments import parse_time
from croupier.log.ids import counted
from croupier.reports.study_findings import badge, ended, finding, split_said
from croupier.studies.agreement import agreement

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--hide-scrollbars"]
DAY = 86_400.0


def played(url: str, units: int) -> None:
    """One unit a minute: "b" earns .7, "a" .3; the weights change half way; a shadow always says "b"."""
    now, rng = 0.0, np.random.default_rng(3)
    with Engine.open(url, policy=UniformPolicy(), seed=7, learner=None, ids=counted(), clock=lambda: now) as engine:
        trial = Experiment(
            "<b> & 'c'",
            {"old": None, "<new>": ConstantPolicy(action="b")},
            window=120.0,
            weights={"old": 0.8, "<new>": 0.2},
            holdout=0.1,
            guardrails={"refund": 0.1, "paid:price": 0.5},
            shadows={"always & b": ConstantPolicy(action="b")},
        )
        engine.experiments.start(trial)
        for k in range(units):
            now = 60.0 * (k + 1)
            unit, device = f"u{k}", ("phone", "desk")[k % 2]
            decision = engine.choose({"device": device}, ["a", "b"], unit=unit)
            engine.reward(decision.id, float(rng.random() < (0.7 if decision.action == "b" else 0.3)))
            if rng.random() < 0.3:
                engine.observe(unit, "paid", price=3.0)
            if k == units // 2:
                engine.experiments.set_weights({"old": 1, "<new>": 1})


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("log") / "shop.db"
    played(f"sqlite:///{file}", 1500)
    return file


@pytest.fixture(scope="module")
def found(log: Path) -> Study:
    return study(f"sqlite:///{log}", metrics=["refund", "paid"], segment="device", fixed_horizon=60_000.0)


@pytest.fixture(scope="module")
def page(found: Study) -> str:
    return reports.as_html(found)


def run(*words: object, status: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == status, result.output
    return result.output


def test_the_numbers_are_the_logs(found: Study) -> None:
    contrast = found.contrast("<new>")
    new, old = (arm for arm in reversed(found.arms) if arm.variant in ("old", "<new>"))
    assert sum(arm.met for arm in found.arms) == 1500
    assert contrast.difference.value[-1] == pytest.approx(new.reward - old.reward, abs=0.05)
    assert contrast.ratio.value[-1] == pytest.approx(1 + contrast.difference.value[-1] / old.reward, rel=0.1)
    assert contrast.difference.low[-1] < 0.2 < contrast.difference.high[-1]  # .7 against the mean of .3 and .7
    assert contrast.per_decision.value[-1] == pytest.approx(contrast.difference.value[-1], abs=0.01)  # all came once
    assert set(contrast.segments) == {"phone", "desk"}
    assert contrast.corrected["paid"] >= contrast.metrics["paid"].p[-1]
    assert contrast.fixed is not None
    assert contrast.fixed.units.sum() < contrast.difference.units[-1].sum()
    assert found.arms[1].share == pytest.approx(0.45)


def test_what_it_says_in_words(found: Study) -> None:
    contrast = found.contrast("<new>")
    assert badge(contrast) == "better"
    assert "“<new>” is better than “old”: by at least" in finding(contrast)
    assert "as was meant" in split_said(found)
    assert ended(found.story) == "Running."
    assert [turn.event for turn in found.story.turns] == ["start", "weights"]


def test_before_there_is_enough_it_says_so_and_prints_no_infinity(url: str, tmp_path: Path) -> None:
    played(url, 40)
    few = study(url, metrics=["paid"], segment="device", fixed_horizon=120.0)
    assert badge(few.contrast("<new>")) == "too early"
    assert "nothing is said before each has 25" in finding(few.contrast("<new>"))
    file = tmp_path / "store.db"
    for told in (run("compare", file), reports.as_html(few)):
        assert "too early" in told
        assert not re.search(r"\binf\b|\bnan\b", told)
    assert json.loads(reports.as_json(few))["contrasts"][0]["difference"]["low"] is None


def test_an_experiment_that_has_just_begun_has_a_study(url: str) -> None:
    with Engine.open(url, policy=UniformPolicy(), seed=7, learner=None) as engine:
        engine.experiments.start(
            Experiment("new", {"old": None, "b": UniformPolicy()}, window=1.0, shadows={"s": UniformPolicy()})
        )
    none = study(url, segment="device")
    assert [arm.met for arm in none.arms] == [0, 0]
    assert "Nothing is said yet" in reports.as_html(none)
    assert json.loads(reports.as_json(none))["split"]["p"] == 1.0
    run("compare", url)


def test_a_window_that_the_end_cut_short_is_left_out(url: str) -> None:
    now = 0.0
    with Engine.open(url, policy=UniformPolicy(), seed=7, learner=None, ids=counted(), clock=lambda: now) as engine:
        engine.experiments.start(Experiment("n", {"old": None, "b": UniformPolicy()}, window=100.0))
        for k in range(50):
            now = 10.0 * (k + 1)
            engine.choose({}, ["a"], unit=f"u{k}")
        engine.experiments.stop()
        now = 10_000.0
        engine.choose({}, ["a"], unit="late")
    closed = study(url)
    assert sum(arm.met for arm in closed.arms) == 50
    assert len(closed.windows) == 40
    assert ended(closed.story) == "Ended: stopped."


def test_the_last_look_is_at_the_last_moment_of_the_log_and_includes_it(url: str) -> None:
    """The window of u0 ends at 110 s, with the log; that of u1 is open."""
    now = 0.0
    with Engine.open(url, policy=UniformPolicy(), seed=7, learner=None, ids=counted(), clock=lambda: now) as engine:
        engine.start(Experiment("n", {"old": None, "b": UniformPolicy()}, window=100.0))
        for k, at in enumerate((10.0, 11.0, 110.0)):
            now = at
            engine.choose({}, ["a"], unit=f"u{k}")
    assert study(url).windows.closes.tolist() == [110.0]
    assert study(url, fixed_horizon=110.0).contrasts  # a look at the last moment is in time
    with pytest.raises(EvidenceError, match="peeking"):
        study(url, fixed_horizon=110.5)


def test_a_late_reward_changes_no_closed_window(url: str) -> None:
    now, rule = 0.0, Rewards(window=5.0, default=0.25)
    with Engine.open(url, policy=UniformPolicy(), seed=7, learner=None, rewards=rule, clock=lambda: now) as engine:
        engine.experiments.start(Experiment("n", {"old": None, "b": UniformPolicy()}, window=20.0))
        decision = engine.choose({}, ["a"], unit="u")
        now = 6.0
        engine.expire()
        now = 30.0
        engine.choose({}, ["a"], unit="other")
        engine.flush()
        assert study(url).windows.rewards.tolist() == [0.25]
        assert engine.reward(decision.id, 1.0).status == "late"
        engine.rebase()
        engine.flush()
        assert study(url).windows.rewards.tolist() == [0.25]


def test_a_single_look_waits_for_its_time(log: Path) -> None:
    with pytest.raises(EvidenceError, match="peeking"):
        study(f"sqlite:///{log}", fixed_horizon=1e9)
    assert parse_time("1970-01-02") == DAY
    assert parse_time("1970-01-02T01:00+01:00") == DAY


def test_shadows_agree_and_are_evaluated_offline(found: Study) -> None:
    along = agreement(found.shadows["always & b"])
    assert 0.5 < along.share.mean() < 0.9  # whoever decides says "b" half of the time, or always
    assert found.offline is not None
    assert found.offline["column:shadow 0"].estimates["snips"].value == pytest.approx(0.7, abs=0.05)


def test_a_wrong_split_is_told(log: Path) -> None:
    """Units that go missing after they met a variant: here those of the candidate, in the second half."""
    from croupier.studies import study as analysing
    from croupier.studies.events import read

    def lossy(*given: object) -> object:
        told = read(*given)  # type: ignore[arg-type]
        kept = np.flatnonzero((told.events.variant != 1) | (np.arange(len(told.events.at)) % 3 > 0))
        return told._replace(events=told.events.only(kept))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analysing, "read", lossy)
        doubted = study(f"sqlite:///{log}")
    assert doubted.doubted is not None
    assert "Believe no difference" in reports.as_html(doubted)
    assert "in doubt" in reports.as_html(doubted)


class Nesting(HTMLParser):
    """Every tag that is opened is closed, in order."""

    VOID = ("meta", "line", "rect", "circle", "polyline", "polygon")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID and (not self.open or self.open.pop() != tag):
            self.wrong.append(tag)


def test_the_page_is_well_formed_asks_nothing_of_the_world_and_shows_names_as_text(page: str) -> None:
    nesting = Nesting()
    nesting.feed(page)
    assert (nesting.open, nesting.wrong) == ([], [])
    assert not re.search(r"(src|href|@import|url\(|<script|<link|<iframe|https?:)", page)
    assert "&lt;new&gt;" in page
    assert "<new>" not in page
    assert "always &amp; b" in page
    for shown in ("Split of units", "By segment", "Shadows", "p corrected (Holm)", "fixed horizon", "margin 0.1"):
        assert shown in page


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed to draw the page")
@pytest.mark.parametrize("width", [375, 1200])
def test_a_browser_draws_it_without_scrolling_sideways(page: str, tmp_path: Path, width: int) -> None:
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    probe = (
        f'<iframe id="f" src="page.html" style="width:{width}px;height:900px;border:0"></iframe><script>'
        "f.onload=()=>{let d=f.contentDocument.documentElement;document.title=d.scrollWidth+' '+d.clientWidth}</script>"
    )
    (tmp_path / "frame.html").write_text(probe, encoding="utf-8")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    more = ["--allow-file-access-from-files", profile, f"--window-size={width},900", "--virtual-time-budget=4000"]
    command = [str(CHROMIUM), *FLAGS, *more, "--dump-dom", (tmp_path / "frame.html").as_uri()]
    drawn = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout  # noqa: S603
    title = re.search(r"<title>(\d+) (\d+)</title>", drawn)
    assert title is not None
    assert int(title[1]) <= int(title[2]) == width


def test_the_command_line_prints_it(log: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    told = run("compare", log, "--metric", "paid", "--segment", "device", "--html", page)
    assert "is better than" in told
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    found = json.loads(run("compare", log, "--json", "--experiment", "<b> & 'c'", "--fixed-horizon", "60000"))
    assert found["contrasts"][0]["finding"] == "better"
    assert len(found["contrasts"][0]["difference"]["over_time"]["at"]) == 60
    assert found["contrasts"][0]["fixed_horizon"]["guarantee"].startswith("normal, fixed horizon")
    assert "no experiment 'other'" in run("compare", log, "--experiment", "other", status=2)
    assert "not a time" in run("compare", log, "--fixed-horizon", "tomorrow", status=2)


def test_a_log_without_an_experiment_says_what_to_do(url: str, tmp_path: Path) -> None:
    with Engine.open(url, seed=7, learner=None) as engine:
        engine.choose({}, ["a"])
    assert "give targets" in run("compare", tmp_path / "store.db", status=2)


def test_the_plan_says_what_exploring_costs_and_when_to_do_nothing() -> None:
    told = run("plan", "--sd", 1, "--per-day", 1000, "--window", 7, "--horizon", 1e6, "--doubt", 0.05, "--effect", 0.1)
    assert "Best: experiment" in told
    assert "6,012 with a confidence sequence (anytime-valid), 3,140 with a fixed-sample test" in told
    few = run("plan", "--sd", 1, "--per-day", 10, "--window", 7, "--horizon", 100, "--believed", -0.1)
    assert "Best: do nothing" in few
    assert "positive" in run("plan", "--sd", 0, "--per-day", 1, "--window", 1, "--horizon", 1, status=2)


def test_the_ruling_behind_an_end_is_told(url: str) -> None:
    now = 0.0
    with Engine.open(
        url, policy=ConstantPolicy(action="a"), seed=7, learner=None, ids=counted(), clock=lambda: now
    ) as engine:
        engine.experiments.start(Experiment("n", {"old": None, "b": ConstantPolicy(action="b")}, window=1.0))
        for k in range(400):
            now = float(k + 1)
            decision = engine.choose({}, ["a", "b"], unit=f"u{k}")
            engine.reward(decision.id, float(decision.action == "a") if k % 4 else 0.5)
        engine.experiments.advance("b", Rule())
    assert "Ended: withdrawn: effect at most" in ended(study(url).story)
