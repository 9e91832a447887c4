"""Every registered policy, learner, model and law conforms, on every available device."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from croupier_policies import (
    DeviceMissing,
    HybridModel,
    Law,
    LinearPolicy,
    LogisticModel,
    Model,
    RidgeModel,
    Softmax,
    SoftmaxPolicy,
    arrays,
    checks,
    registry,
)
from croupier_policies.base import Learner, Policy

NEEDED: dict[str, dict[str, Any]] = {"constant": {"action": "a1", "epsilon": 0.1}}  # arguments without a default


def _no_gpu() -> str:
    """The reason why there is no GPU to test on, or an empty string."""
    try:
        arrays.namespace("cuda")
    except DeviceMissing as error:
        return str(error)
    return ""


NO_GPU = _no_gpu()
CUDA = pytest.param("cuda", marks=pytest.mark.skipif(bool(NO_GPU), reason=NO_GPU))
DEVICES = ("cpu", "numpy", "array_api_strict", CUDA)

FOUND = registry.implementations()
MODELS, LAWS = registry.registered(Model), registry.registered(Law)
LEARNERS = [name for name, found in FOUND.items() if issubclass(found, Learner)]
ON_DEVICES = [name for name, found in FOUND.items() if "device" in inspect.signature(found).parameters]
ON_CPU = [name for name, found in FOUND.items() if issubclass(found, Policy) and name not in ON_DEVICES]
VARIANTS: dict[str, Callable[[str], Model]] = {
    **{name: (lambda device, made=made: made(device=device)) for name, made in MODELS.items()},
    "ridge with waves": lambda device: RidgeModel(waves=12, device=device),
    "ridge without squares": lambda device: RidgeModel(squares=False, device=device),
    "bank of unlike ridges": lambda device: SoftmaxPolicy(device=device).model,
    "forgetting ridge": lambda device: RidgeModel(half_life=400.0, device=device),
    "forgetting logistic": lambda device: LogisticModel(half_life=400.0, device=device),
    "forgetting hybrid with waves": lambda device: HybridModel(waves=6, half_life=400.0, device=device),
}

policy_checks = pytest.mark.parametrize("check", checks.POLICY_CHECKS, ids=lambda check: check.__name__)


def maker(name: str, device: str = "cpu") -> Callable[[], Any]:
    where = {"device": device} if name in ON_DEVICES else {}
    return lambda: FOUND[name](**NEEDED.get(name, {}), **where)


def with_model(name: str, device: str = "cpu") -> Callable[[], LinearPolicy]:
    return lambda: LinearPolicy(model=VARIANTS[name](device), law=Softmax())


def with_law(name: str, device: str = "cpu") -> Callable[[], LinearPolicy]:
    return lambda: LinearPolicy(model=RidgeModel(device=device), law=LAWS[name]())


@policy_checks
@pytest.mark.parametrize("name", ON_CPU)
def test_policies_conform(name: str, check: Callable[[Any], None]) -> None:
    check(maker(name))


@policy_checks
@pytest.mark.parametrize("device", ["cpu", "numpy", CUDA])
@pytest.mark.parametrize("name", ON_DEVICES)
def test_policies_conform_on_every_device(name: str, device: str, check: Callable[[Any], None]) -> None:
    check(maker(name, device))


@policy_checks
@pytest.mark.parametrize("name", VARIANTS)
def test_models_conform(name: str, check: Callable[[Any], None]) -> None:
    check(with_model(name))


@policy_checks
@pytest.mark.parametrize("name", LAWS)
def test_laws_conform(name: str, check: Callable[[Any], None]) -> None:
    check(with_law(name))


@pytest.mark.parametrize("check", checks.LEARNER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", LEARNERS)
def test_learners_conform(name: str, check: Callable[[Any], None]) -> None:
    check(maker(name))


@pytest.mark.parametrize("device", ["numpy", CUDA])
@pytest.mark.parametrize("name", VARIANTS)
def test_models_agree_with_compiled_kernels(name: str, device: str) -> None:
    checks.check_devices_agree(with_model(name), with_model(name, device))


@pytest.mark.parametrize("device", ["numpy", CUDA])
@pytest.mark.parametrize("name", LAWS)
def test_laws_agree_with_compiled_kernels(name: str, device: str) -> None:
    checks.check_devices_agree(with_law(name), with_law(name, device))


@pytest.mark.parametrize("name", VARIANTS)
def test_models_use_only_the_array_standard(name: str) -> None:
    checks.check_devices_agree(with_model(name, "numpy"), with_model(name, "array_api_strict"), tolerance=1e-12)


@pytest.mark.parametrize("name", LAWS)
def test_laws_use_only_the_array_standard(name: str) -> None:
    checks.check_devices_agree(with_law(name, "numpy"), with_law(name, "array_api_strict"), tolerance=1e-12)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", VARIANTS)
def test_batches_of_every_model(name: str, device: str) -> None:
    checks.check_batches_agree(with_model(name, device))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", VARIANTS)
def test_every_model_learns_batches(name: str, device: str) -> None:
    checks.check_batches_learn(with_model(name, device), 0.0 if device == "cpu" else 1e-9)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", LAWS)
def test_batches_of_every_law(name: str, device: str) -> None:
    checks.check_batches_agree(with_law(name, device))


def test_every_export_is_registered() -> None:
    assert {"softmax", "inverse-gap"} <= set(ON_DEVICES)
    assert {"linear", "uniform", "constant"} <= set(ON_CPU)
    assert "river" in LEARNERS
    assert {"ridge", "hybrid", "logistic", "bank"} <= set(VARIANTS)
    assert {"softmax", "inverse-gap", "boltzmann", "epsilon-greedy", "upper-bound", "thompson"} <= set(LAWS)
