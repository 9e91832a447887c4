"""Refusals of the Vowpal Wabbit policy: options that access files, and forged models."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from croupier_policies import ForgedState, PolicyError, TooLarge, VWPolicy
from croupier_policies.checks import events
from croupier_policies.checks.common import query, train
from croupier_policies.checks.states import bitwise_equal

pytestmark = pytest.mark.skipif(find_spec("vowpalwabbit") is None, reason="Vowpal Wabbit is not installed")


def make(options: str, epsilon: float = 0.01) -> VWPolicy:
    return VWPolicy(f"--cb_explore_adf -b 10 {options}", epsilon=epsilon)


@pytest.mark.parametrize(
    "options",
    [
        "--final_regressor=model", "-f model", "--readable_model x", "--invert_hash x", "-i x", "--initial_regressor x",
        "--daemon", "-d x", "--data=x", "--cache", "--cache_file x", "--port 1", "-p x", "--predictions /dev/stdout",
        "--audit_regressor x", "--passes 2", "--extra_metrics x", "--dictionary x", "--elim", "-q UA", "--epsilon a",
        "--epsilon", "--epsilon 1 --epsilon 2", "x", "--cb_type mtr;ls", "--random_seed=1\x00", "--lambda=--daemon",
        "--json", "--onethread", "--id x", "--bag -1", "--save_resume", "--feature_mask=x",
    ],
)  # fmt: skip
def test_options_outside_the_list_are_refused(options: str) -> None:
    with pytest.raises(PolicyError):
        make(options)


def test_a_refusal_says_what_is_allowed() -> None:
    with pytest.raises(PolicyError, match="s \\(context\\) and a \\(action\\)"):
        make("-q UA")
    with pytest.raises(PolicyError, match="cb_explore_adf"):
        VWPolicy("--epsilon 0.1")
    with pytest.raises(PolicyError, match="refuses"):
        make("--bag 2 --cover 2 --softmax --squarecb --gamma_scale 1 --regcb --first 3 --ftrl --coin")
    with pytest.raises(TooLarge, match="fewer"):
        VWPolicy("--cb_explore_adf -b 30")
    with pytest.raises(TooLarge, match="fewer"):
        VWPolicy("--cb_explore_adf -b 20 --bag 32")
    with pytest.raises(PolicyError, match="epsilon"):
        make("", epsilon=2.0)


def forgeries(model: bytes, target: Path) -> Iterator[bytes]:
    options = model.index(b" --")
    length = int.from_bytes(model[options - 4 : options], "little")
    extra = b" --readable_model " + str(target).encode()
    words = model[options : options + length - 1] + extra + b"\0"
    yield model[: options - 4] + len(words).to_bytes(4, "little") + words + model[options + length :]
    yield model[: options - 4] + (1 << 31).to_bytes(4, "little") + model[options:]
    yield model.replace(b"9.11", b"9.12")
    yield model.replace(b"--random_seed 1", b"--random_seed 2")
    place = model.index(b"m", 10) + 1
    yield model[:place] + b"\x00\x00\x80\xbf" + model[place + 4 :]  # a cost of -1 among the bytes, not beside them
    yield model[:60]
    yield model[:-7]
    yield model + b"\xff" * 16
    yield b""


def test_forged_models_are_refused_and_write_nothing(tmp_path: Path) -> None:
    policy = train(make("--squarecb"), events.logs(30)[0])
    event, before = events.logs(3)[0][0], policy.state()
    first = query(policy, event)
    for model in forgeries(before["model"], tmp_path / "written"):
        with pytest.raises(ForgedState):
            policy.restore(before | {"model": model})
        assert bitwise_equal(query(policy, event), first)
    others: list[Any] = [
        {},
        None,
        *(before | other for other in ({"model": "text"}, {"more": 1}, {"model": b"m" * 500})),
    ]
    others += [
        before | {"costs": costs} for costs in (None, b"", np.zeros(3), np.array([np.nan, 0.0]), np.array(["-", "0"]))
    ]
    for state in others:
        with pytest.raises(ForgedState):
            policy.restore(state)
    with pytest.raises(ForgedState):
        make("--softmax").restore(before)
    assert not list(tmp_path.iterdir())
