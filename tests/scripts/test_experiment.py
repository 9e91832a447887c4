"""From start to promotion on a real set, small: the log proves itself, and tells why."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from croupier import study


def test_a_candidate_is_promoted_on_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    import experiment

    with pytest.raises(typer.Exit) as end:
        experiment.main(units=800, days=9, explore=0.6, share=0.3, folder=tmp_path, seed=7)
    said = capsys.readouterr().out
    assert end.value.exit_code == 0, said
    assert "is better than" in said
    assert "sound" in said
    found = study(f"sqlite:///{tmp_path / 'experiment.db'}")
    assert found.timeline.promoted == "cautious"
    assert found.mismatch_at is None
    assert (tmp_path / "experiment.html").read_text(encoding="utf-8").startswith("<!doctype html>")
