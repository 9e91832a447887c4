"""The page: self-contained, says what was refused without its number, and is drawn by a browser where there is one."""

import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from typer.testing import CliRunner

from croupier import reports
from croupier.cli.app import app
from croupier.evaluation.datasets import evaluate_dataset, from_frame

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]


def evaluation():
    rng = np.random.default_rng(0)
    n = 200_000
    common = rng.random(n) < 0.999
    columns = {
        "reward": (rng.random(n) < 0.3).astype(float),
        "propensity": np.where(common, 0.999, 0.001),
        "action": np.where(common, "a", "<b>"),
        "device": np.where(rng.random(n) < 0.5, "phone", "desk & co"),
    }
    return evaluate_dataset(
        from_frame(columns), ["logged", "constant:a", "constant:<b>"], floor=0.001, segment="device"
    )


@pytest.fixture(scope="module")
def found():
    return evaluation()


@pytest.fixture(scope="module")
def page(found):
    return reports.as_html(found)


class Nesting(HTMLParser):
    """Every tag that is opened is closed, in order."""

    VOID = ("meta", "line", "rect", "circle", "polyline", "polygon")

    def __init__(self):
        super().__init__()
        self.open, self.wrong = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID and (not self.open or self.open.pop() != tag):
            self.wrong.append(tag)


def test_it_is_well_formed(page):
    nesting = Nesting()
    nesting.feed(page)
    assert (nesting.open, nesting.wrong) == ([], [])


def test_it_asks_nothing_of_the_world(page):
    assert not re.search(r"(src|href|@import|url\(|<script|<link|<iframe|https?:)", page)


def test_names_from_the_log_are_text(page):
    assert "constant:&lt;b&gt;" in page
    assert '<b>"' not in page
    assert "desk &amp; co" in page


def test_a_refused_estimate_has_no_number_and_no_curve(found, page):
    refused = found["constant:<b>"]
    assert not refused.verdict.enough
    section = page[page.index("<h2>constant:&lt;b&gt;") :].partition("</section>")[0]
    assert "Remedy" in section
    assert 'class="line"' not in section
    assert refused.estimates
    for estimate in refused.estimates.values():
        assert f"{estimate.value:.4g}" not in page


def test_the_curve_ends_with_the_estimate(found):
    (target,) = (each for each in found.targets if each.label == "constant:a")
    assert target.history.curve.points[-1].rows == 200_000
    assert target.history.curve.points[-1].value == target.estimates["ips"].value
    assert target.history.weight_histogram.sum() == 200_000
    low, high = target.history.curve.points[-1][3:]
    assert (low, high) == pytest.approx(target.estimates["ips"].intervals["betting-sequence"][:2])


def test_the_command_line_writes_it(tmp_path):
    log, page = tmp_path / "log.csv", tmp_path / "page.html"
    log.write_text("reward,propensity\n" + "1,0.5\n0,0.5\n" * 200)
    assert CliRunner().invoke(app, ["evaluate", str(log), "-t", "logged", "--html", str(page)]).exit_code == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed to draw the page")
@pytest.mark.parametrize("width", [390, 1200])
def test_a_browser_draws_it_without_scrolling_sideways(page, tmp_path, width):
    file = tmp_path / "page.html"
    probe = "<script>document.title=document.documentElement.scrollWidth+' '+innerWidth</script></body>"
    file.write_text(page.replace("</body>", probe), encoding="utf-8")
    command = [
        CHROMIUM,
        *FLAGS,
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--window-size={width},900",
        "--dump-dom",
        file.as_uri(),
    ]
    drawn = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout  # noqa: S603
    needed, there = map(int, re.search(r"<title>(\d+) (\d+)</title>", drawn).groups())
    assert needed <= there
