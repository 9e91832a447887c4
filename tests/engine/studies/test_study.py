"""The analysis of an experiment, and its renderings: sentences, JSON, tables, a page."""

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
from croupier.reports.study_findings import conclusion, finding, sample_ratio_text, status_text
from croupier.studies.agreement import agreement

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--hide-scrollbars"]
DAY = 86_400.0


def run_experiment(url: str, units: int) -> None:
    """One unit a minute: "b" earns .7, "a" .3; the weights change halfway; a shadow always chooses "b"."""
    now, rng = 0.0, np.random.default_rng(3)
    with Engine.open(url, policy=UniformPolicy(), seed=7, learner=None, ids=counted(), clock=lambda: now) as engine:
        experiment = Experiment(
            "<b> & 'c'",
            {"old": None, "<new>": ConstantPolicy(action="b")},
            window=120.0,
            weights={"old": 0.8, "<new>": 0.2},
            holdout=0.1,
            guardrails={"refund": 0.1, "paid:price": 0.5},
            shadows={"always & b": ConstantPolicy(action="b")},
        )
        engine.experiments.start(experiment)
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
    run_experiment(f"sqlite:///{file}", 1500)
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


def test_the_numbers_match_the_log(found: Study) -> None:
    contrast = found.contrast("<new>")
    new, old = (variant for variant in reversed(found.variants) if variant.variant in ("old", "<new>"))
    assert sum(variant.units for variant in found.variants) == 1500
    assert contrast.difference.value[-1] == pytest.approx(new.reward_per_unit - old.reward_per_unit, abs=0.05)
    assert contrast.ratio.value[-1] == pytest.approx(1 + contrast.difference.value[-1] / old.reward_per_unit, rel=0.1)
    assert contrast.difference.low[-1] < 0.2 < contrast.difference.high[-1]  # .7 against the mean of .3 and .7
    assert contrast.per_decision.value[-1] == pytest.approx(contrast.difference.value[-1], abs=0.01)  # all came once
    assert set(contrast.segments) == {"phone", "desk"}
    assert contrast.corrected_p["paid"] >= contrast.metrics["paid"].p[-1]
    assert contrast.fixed_horizon is not None
    assert contrast.fixed_horizon.units.sum() < contrast.difference.units[-1].sum()
    assert found.variants[1].share == pytest.approx(0.45)


def test_findings_in_words(found: Study) -> None:
    contrast = found.contrast("<new>")
    assert conclusion(contrast) == "better"
    assert "“<new>” is better than “old” by at least" in finding(contrast)
    assert "No sample-ratio mismatch detected" in sample_ratio_text(found)
    assert status_text(found.timeline) == "Running."
    assert [entry.event for entry in found.timeline.entries] == ["start", "weights"]


def test_insufficient_data_is_reported_without_infinities(url: str, tmp_path: Path) -> None:
    run_experiment(url, 40)
    few = study(url, metrics=["paid"], segment="device", fixed_horizon=120.0)
    assert conclusion(few.contrast("<new>")) == "insufficient data"
    assert "at least 25 each are required" in finding(few.contrast("<new>"))
    file = tmp_path / "store.db"
    for text in (run("compare", file), reports.as_html(few)):
        assert "insufficient data" in text
        assert not re.search(r"\binf\b|\bnan\b", text)
    assert json.loads(reports.as_json(few))["contrasts"][0]["difference"]["low"] is None


def test_an_experiment_without_decisions_has_a_study(url: str) -> None:
    with Engine.open(url, policy=UniformPolicy(), seed=7, learner=None) as engine:
        engine.experiments.start(
            Experiment("new", {"old": None, "b": UniformPolicy()}, window=1.0, shadows={"s": UniformPolicy()})
        )
    none = study(url, segment="device")
    assert [variant.units for variant in none.variants] == [0, 0]
    assert "Insufficient data" in reports.as_html(none)
    assert json.loads(reports.as_json(none))["sample_ratio"]["p"] == 1.0
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
    assert sum(variant.units for variant in closed.variants) == 50
    assert len(closed.windows) == 40
    assert status_text(closed.timeline) == "Ended: stopped."


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


def test_a_fixed_horizon_test_before_its_time_is_refused(log: Path) -> None:
    with pytest.raises(EvidenceError, match="peeking"):
        study(f"sqlite:///{log}", fixed_horizon=1e9)
    assert parse_time("1970-01-02") == DAY
    assert parse_time("1970-01-02T01:00+01:00") == DAY


def test_shadows_agree_and_are_evaluated_offline(found: Study) -> None:
    along = agreement(found.shadows["always & b"])
    assert 0.5 < along.share.mean() < 0.9  # the deciding policy chooses "b" half of the time, or always
    assert found.offline is not None
    assert found.offline["column:shadow 0"].estimates["snips"].value == pytest.approx(0.7, abs=0.05)


def test_a_sample_ratio_mismatch_is_reported(log: Path) -> None:
    """A third of the candidate's units is lost after assignment."""
    from croupier.studies import study as analysing
    from croupier.studies.events import read_experiment

    def lossy(*arguments: object) -> object:
        data = read_experiment(*arguments)  # type: ignore[arg-type]
        kept = np.flatnonzero((data.events.variant != 1) | (np.arange(len(data.events.at)) % 3 > 0))
        return data._replace(events=data.events.select(kept))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analysing, "read_experiment", lossy)
        mismatched = study(f"sqlite:///{log}")
    assert mismatched.mismatch_at is not None
    assert "Sample-ratio mismatch detected" in reports.as_html(mismatched)
    assert "No sample-ratio mismatch" not in reports.as_html(mismatched)


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


def test_the_page_is_well_formed_and_self_contained_and_escapes_names(page: str) -> None:
    nesting = Nesting()
    nesting.feed(page)
    assert (nesting.open, nesting.wrong) == ([], [])
    assert not re.search(r"(src|href|@import|url\(|<script|<link|<iframe|https?:)", page)
    assert "&lt;new&gt;" in page
    assert "<new>" not in page
    assert "always &amp; b" in page
    for words in ("Sample ratio", "By segment", "Shadows", "p corrected (Holm)", "fixed-horizon test", "margin 0.1"):
        assert words in page


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
    text = run("compare", log, "--metric", "paid", "--segment", "device", "--html", page)
    assert "is better than" in text
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    found = json.loads(run("compare", log, "--json", "--experiment", "<b> & 'c'", "--fixed-horizon", "60000"))
    assert found["contrasts"][0]["finding"] == "better"
    assert len(found["contrasts"][0]["difference"]["over_time"]["at"]) == 60
    assert found["contrasts"][0]["fixed_horizon"]["guarantee"].startswith("fixed-horizon normal interval")
    assert "no experiment 'other'" in run("compare", log, "--experiment", "other", status=2)
    assert "is not a time" in run("compare", log, "--fixed-horizon", "tomorrow", status=2)


def test_a_log_without_an_experiment_is_refused_with_advice(url: str, tmp_path: Path) -> None:
    with Engine.open(url, seed=7, learner=None) as engine:
        engine.choose({}, ["a"])
    assert "give targets" in run("compare", tmp_path / "store.db", status=2)


def test_the_plan_gives_the_exploration_cost_and_when_to_do_nothing() -> None:
    text = run("plan", "--sd", 1, "--per-day", 1000, "--window", 7, "--horizon", 1e6, "--doubt", 0.05, "--effect", 0.1)
    assert "Best: experiment" in text
    assert "6,012 with a confidence sequence (anytime-valid), 3,140 with a fixed-sample test" in text
    few = run("plan", "--sd", 1, "--per-day", 10, "--window", 7, "--horizon", 100, "--believed", -0.1)
    assert "Best: do nothing" in few
    assert "positive" in run("plan", "--sd", 0, "--per-day", 1, "--window", 1, "--horizon", 1, status=2)


def test_the_status_names_the_ruling_that_ended_the_experiment(url: str) -> None:
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
    assert "Ended: withdrawn: effect at most" in status_text(study(url).timeline)
