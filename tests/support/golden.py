"""The figures of the golden logs: read from a store, compared with what was recorded, and recorded anew.

The stores and their figures are in `tests/assets/golden`. Later code must read the same figures from the same stores.
After a change that is meant to change them, `python -m support.golden` writes both anew.

The names in `expected.json` are its own and do not follow those of the code. Every call of Croupier's interface that
these tests make is here or in `golden_stores`, so that a renaming is followed in these two files.
"""

from __future__ import annotations

import json
import math
import platform
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from croupier import Engine, Evaluation, InverseGapPolicy, SoftmaxPolicy, compare, evaluate, study, verify
from croupier_storage import Fact, Kind, Snapshot, open_storage
from support.golden_stores import STORES, Clock, Golden

FOLDER = Path(__file__).parent.parent / "assets" / "golden"
EXPECTED = FOLDER / "expected.json"
NEAR = 1e-9  # how far figures may be apart in another arithmetic, as for `verify`
STATES = ("state", "retrained_state")  # hashes of what this machine computes: equal in one arithmetic only
ESTIMATORS = ("ips", "snips", "dm", "dr", "sndr", "aw-dr", "dr-clip:slope", "switch-dr:10", "dr-os:100")
INTERVALS = (
    "normal",
    "bootstrap",
    "bernstein",
    "likelihood",
    "cressie-read",
    "betting-sequence",
    "bernstein-sequence",
    "stitched-sequence",
)
VERIFIED = ("head", "decisions", "rewards", "snapshots", "featured", "drifts", "erased", "unverifiable")


def arithmetic() -> dict[str, str]:
    """What bits depend on here: what a store records of it, and the libraries that evaluation and River add."""
    libraries = {name: version(name) for name in ("scipy", "river")}
    return {"policies": SoftmaxPolicy().arithmetic, "python": platform.python_version().rpartition(".")[0], **libraries}


def stored(name: str) -> Path:
    """The golden store of this name. It must not be opened: copy it."""
    return FOLDER / f"{name}.db"


def copied(name: str, folder: Path) -> str:
    """The URL of a copy of it."""
    return f"sqlite:///{shutil.copy(stored(name), folder / f'{name}.db')}"


def figures(name: str, url: str) -> dict[str, Any]:
    """Everything recorded of a store, from a copy of it that may be written to."""
    golden, facts = STORES[name], logged(url)
    found: dict[str, Any] = {
        "log": {"facts": digest(facts), "decisions": digest(decisions(facts)), "kinds": kinds(facts)},
        "recorded": recorded(url),
        "verification": verification(url),
        "evaluation": evaluated(name, url),
        "comparison": compared(url),
    }
    if name == "experiment":
        found["studies"] = {name: studied(url, name) for name in ("first", "second")}
    told: dict[str, Any] = plain({**found, "opened": opened(golden, url, facts)})
    return told


def logged(url: str) -> list[Fact]:
    """Every fact of a store."""
    with open_storage(url, create=False, read_only=True) as storage:
        return list(storage.facts())


def decisions(facts: Sequence[Fact]) -> list[tuple[Any, ...]]:
    """What each decision says; its body tells variant, shadows, place and marginal."""
    found = [fact for fact in facts if fact.kind == Kind.DECISION]
    return [(f.position, f.id, f.action, f.propensity, f.as_of, f.unit, f.context, f.actions, f.body) for f in found]


def digest(rows: Sequence[tuple[Any, ...]]) -> str:
    """The hash of rows of plain values, in which a float stands with all its digits."""
    told = blake2b(digest_size=16)
    for row in rows:
        told.update(repr(tuple(str(value) if isinstance(value, Kind) else value for value in row)).encode() + b"\n")
    return told.hexdigest()


def kinds(facts: Sequence[Fact]) -> dict[str, int]:
    """How many facts of each kind there are."""
    names = [str(fact.kind) for fact in facts]
    return {name: names.count(name) for name in sorted(set(names))}


def recorded(url: str) -> dict[str, Any]:
    """What a store says of its snapshots, its policies and the arithmetic that they ran in."""
    with open_storage(url, create=False, read_only=True) as storage:
        kept = [storage.snapshot(info.position) for info in storage.snapshots()]
        policies = [[one.name, digest([(one.config,)]), one.arithmetic] for one in storage.policies()]
    return {"snapshots": [_snapshot(one) for one in kept if one is not None], "policies": policies}


def _snapshot(snapshot: Snapshot) -> list[Any]:
    return [snapshot.position, snapshot.at, snapshot.hash, digest([(snapshot.body,)])]


def verification(url: str) -> dict[str, Any]:
    """What `verify` finds."""
    found = verify(url)
    counts = {name: getattr(found, name) for name in VERIFIED}
    return {"sound": found.sound, "first_difference": found.difference, **counts, "state": found.state_hash}


def opened(golden: Golden, url: str, facts: Sequence[Fact]) -> dict[str, Any]:
    """The state to which a store opens; new decisions; and the state once another policy has learned the log."""
    clock = Clock()
    clock.now = facts[-1].at + 1.0
    with golden.open(url, clock) as engine:
        found: dict[str, Any] = {"position": engine.position, "rewards": engine.rewards_learned}
        found |= {"state": engine.state_hash(), "shares": dict(engine.experiments.shares)}
        found["decisions"] = [told for n in range(6) for told in asked(golden, engine, clock.tick(1.0), n)]
    with golden.open(url, clock, policy=InverseGapPolicy(squares=False), replay=True) as engine:
        return {**found, "retrained_state": engine.state_hash(), "retrained_rewards": engine.rewards_learned}


def asked(golden: Golden, engine: Engine, at: float, n: int) -> Iterator[dict[str, Any]]:
    """The n-th question, and what was drawn from which distribution."""
    for made in golden.ask(engine, at, n):
        propensities = dict(made.propensities)
        yield {"id": made.id, "action": made.action, "propensity": made.propensity, "propensities": propensities}


def evaluated(name: str, url: str) -> dict[str, Any]:
    """Every estimator and interval for targets that need no learning, and for some that do."""
    with open_storage(url, create=False, read_only=True) as storage:
        first = storage.snapshots()[0].position
    targets = ("logged", "uniform", *STORES[name].targets)
    found = estimates(evaluate(url, targets, estimators=ESTIMATORS, intervals=INTERVALS))
    return {"all": found, "snapshot": estimates(evaluate(url, [f"snapshot:{first}"]))}


def estimates(evaluation: Evaluation) -> dict[str, Any]:
    """The numbers of an evaluation."""
    targets = {
        target.label: {
            "enough": target.verdict.enough,
            "effective": target.diagnostics.weights.ess,
            "greatest_weight": target.diagnostics.weights.largest,
            "estimates": {
                name: {
                    "value": one.value,
                    "error": one.error,
                    "enough": one.verdict.enough,
                    "intervals": {kind: [it.low, it.high] for kind, it in one.intervals.items()},
                }
                for name, one in target.estimates.items()
            },
        }
        for target in evaluation.targets
    }
    counts, by_state = list(evaluation.counts[:5]), evaluation.counts.statuses
    return {
        "mean_reward": evaluation.mean_reward,
        "counts": counts,
        "states": sorted(by_state.values()),  # their names are the code's own
        "targets": targets,
    }


def compared(url: str) -> dict[str, Any]:
    """Two targets against each other."""
    found = compare(url, ["logged", "uniform"])
    pairs = [
        {
            "targets": [one.first, one.second],
            "difference": [one.value, one.error, one.effective_sample_size],
            "interval": one.interval[:2],
            "sequence": None if one.sequence is None else one.sequence[:2],
            "enough": one.verdict.enough,
        }
        for one in found.differences
    ]
    return {"leader": found.leader, "significant": [found.significant, found.significant_anytime], "pairs": pairs}


def studied(url: str, name: str) -> dict[str, Any]:
    """The numbers of an experiment's study, every effect over time."""
    found = study(url, name, metrics=("visit",), segment="device")
    names = ("difference", "ratio", "per_decision", "per_decision_ratio")
    contrasts = [
        {
            "of": [one.treatment, one.control],
            "effects": {name: course(getattr(one, name)) for name in names},
            "metrics": {name: course(it) for name, it in one.metrics.items()},
            "corrected": dict(one.corrected_p),
            "guardrails": {name: course(it) for name, it in one.guardrails.items()},
            "segments": {name: course(it) for name, it in one.segments.items()},
        }
        for one in found.contrasts
    ]
    return {
        "arms": [list(arm) for arm in found.variants],
        "contrasts": contrasts,
        "split": [found.mismatch_p, found.mismatch_at, found.sample_ratio.observed, found.sample_ratio.expected],
        "split_over_time": digest([tuple(found.assigned_at.tolist())]),
        "shadows": {name: [np.mean(said.agrees), np.sum(said.probability)] for name, said in found.shadows.items()},
        "offline": None if found.offline is None else estimates(found.offline),
    }


def course(effect: Any) -> dict[str, Any]:
    """An effect at a few of its looks, the last one among them."""
    at = sorted({len(effect.at) // 3, 2 * len(effect.at) // 3, len(effect.at) - 1})
    return {name: getattr(effect, name)[at] for name in ("at", "units", "effective", "value", "low", "high", "p")}


def plain(value: Any) -> Any:
    """The same as JSON has it; a number that is not finite becomes its name."""
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def differences(found: Any, expected: Any, exact: bool, where: str = "") -> list[str]:
    """Where two trees of figures differ: in anything, or where not `exact` by more than `NEAR`, states apart."""
    if isinstance(found, dict) and isinstance(expected, dict) and found.keys() == expected.keys():
        names = [name for name in expected if exact or name not in STATES]
        return [line for name in names for line in differences(found[name], expected[name], exact, f"{where}/{name}")]
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        pairs = enumerate(zip(found, expected, strict=True))
        return [line for n, (one, other) in pairs for line in differences(one, other, exact, f"{where}/{n}")]
    near = not exact and isinstance(found, float) and isinstance(expected, float)
    same = math.isclose(found, expected, rel_tol=NEAR, abs_tol=NEAR) if near else found == expected
    return [] if same and type(found) is type(expected) else [f"{where}: {found!r}, recorded {expected!r}"]


def read() -> dict[str, Any]:
    """What was recorded."""
    found: dict[str, Any] = json.loads(EXPECTED.read_text())
    return found


def record() -> None:
    """Write every store anew, and its figures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, golden in STORES.items():
            golden.write(stored(name))
        found = {name: figures(name, copied(name, Path(folder))) for name in STORES}
    EXPECTED.write_text(json.dumps({"arithmetic": arithmetic(), "stores": found}, indent=1) + "\n")


if __name__ == "__main__":
    record()
