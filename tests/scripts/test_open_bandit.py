"""Two real policies on a real log: the values equal the peer's, and the evidence is too thin for a leader."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from case import open_bandit

OBD = Path(__file__).parents[3] / "shared" / "data" / "obd"
pytestmark = pytest.mark.skipif(not OBD.exists(), reason="the Open Bandit Dataset is not beside this checkout")


@pytest.mark.parametrize(("estimator", "theirs"), [("ips", "ipw"), ("snips", "snipw")])
def test_bernoulli_thompson_and_uniform_on_the_uniform_log(estimator: str, theirs: str) -> None:
    found = open_bandit.comparison(OBD, estimator)
    expected = json.loads((OBD / "expected.json").read_text())["cases"]["all:random->bts"]
    values = {each.label: each.estimates[estimator].value for each in found.evaluation.targets}
    (difference,) = found.differences
    assert values["column:bts"] == pytest.approx(expected["policy_values"][theirs], rel=1e-9)
    assert values["uniform"] == pytest.approx(expected["behavior_mean_reward"], rel=1e-9)
    assert difference.value == pytest.approx(values["column:bts"] - values["uniform"], rel=1e-9)
    assert difference.interval.low < 0 < difference.interval.high
    assert not difference.verdict.enough  # 38 clicks
    assert found.leader is None or not found.significant
