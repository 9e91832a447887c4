"""An experiment on real data from start to promotion, on a small scale: the log verifies and gives the reasons."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from croupier import study


def test_a_candidate_is_promoted_on_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    from case import experiment

    with pytest.raises(typer.Exit) as end:
        experiment.main(units=800, days=9, explore=0.6, share=0.3, folder=tmp_path, seed=7)
    text = capsys.readouterr().out
    assert end.value.exit_code == 0, text
    assert "is better than" in text
    assert "sound" in text
    found = study(f"sqlite:///{tmp_path / 'experiment.db'}")
    assert found.timeline.promoted == "cautious"
    assert found.mismatch_at is None
    assert (tmp_path / "experiment.html").read_text(encoding="utf-8").startswith("<!doctype html>")
