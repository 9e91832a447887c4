from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from croupier import Engine, InverseGapPolicy, verify
from croupier.cli.app import app


@pytest.fixture
def store(tmp_path: Path) -> Path:
    file = tmp_path / "shop.db"
    with Engine.open(f"sqlite:///{file}", seed=7, learner=None) as engine:
        for n in range(60):
            decision = engine.choose({"x": float(n % 5)}, ["a", "b"], unit=f"u{n % 3}")
            engine.reward(decision.id, float(n % 2))
            if n == 29:
                engine.snapshots.take()
    return file


def run(*words: Any, status: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == status, result.output
    return result.output


def test_verify_says_whether_the_log_proves_itself(store: Path) -> None:
    assert "120 facts: 60 decisions recomputed" in run("verify", store)
    assert "StoreUnavailable" in run("verify", store.parent / "nothing.db", status=2)


def test_replay_goes_on_with_another_policy(store: Path) -> None:
    assert "60 rewards learned; the log goes on at position 121 with inverse-gap" in run(
        "replay", store, "--policy", "inverse-gap"
    )
    assert verify(f"sqlite:///{store}").sound
    with Engine.open(f"sqlite:///{store}", policy=InverseGapPolicy(), learner=None) as engine:
        assert engine.rewards_learned == 60
    assert "with softmax" in run("replay", store, "--policy", 'softmax:{"alpha": 0.5}', "--learner", "river")
    assert "with softmax" in run("replay", store, "--learner", "none")
    assert verify(f"sqlite:///{store}").sound
    assert "is not a policy" in run("replay", store, "--policy", "river", status=2)
    assert "cannot be built" in run("replay", store, "--policy", "nonsense", status=2)


def test_forget_erases_a_unit(store: Path) -> None:
    assert "40 facts became tombstones" in run("forget", store, "u1")
    assert verify(f"sqlite:///{store}").erased == 40


def test_snapshots_are_listed_pinned_exported_and_imported(store: Path, tmp_path: Path) -> None:
    listed = run("snapshots", "list", store)
    assert "60" in listed
    assert "120" in listed
    assert "pinned" in run("snapshots", "list", store)
    run("snapshots", "pin", store, 60)
    file = tmp_path / "state.snapshot"
    run("snapshots", "export", store, 60, file)
    assert "there is no snapshot at position 61" in run("snapshots", "export", store, 61, file, status=2)
    assert "position 60" in run("snapshots", "import", store, file)
    file.write_bytes(file.read_bytes()[:-9] + b"123456789")
    assert "CorruptSnapshot" in run("snapshots", "import", store, file, status=2)
    file.write_bytes(b"\x80\x04cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    assert "CorruptSnapshot" in run("snapshots", "import", store, file, status=2)
    assert verify(f"sqlite:///{store}").sound
