"""Every exported policy and learner, found by itself, on every device that runs anywhere."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from croupier_policies import checks, registry
from croupier_policies.base import Learner, Policy

NEEDED: dict[str, dict[str, Any]] = {"constant": {"action": "a1", "epsilon": 0.1}}  # arguments without a default
DEVICES = ("cpu", "numpy", "array_api_strict")

FOUND = registry.implementations()
LEARNERS = [name for name, found in FOUND.items() if issubclass(found, Learner)]
ON_DEVICES = [name for name, found in FOUND.items() if "device" in inspect.signature(found).parameters]
POLICIES = [
    (name, device)
    for name, found in FOUND.items()
    if issubclass(found, Policy)
    for device in (DEVICES if name in ON_DEVICES else ("cpu",))
]


def maker(name: str, device: str = "cpu") -> Callable[[], Any]:
    where = {"device": device} if name in ON_DEVICES else {}
    return lambda: FOUND[name](**NEEDED.get(name, {}), **where)


@pytest.mark.parametrize("check", checks.POLICY_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(("name", "device"), POLICIES)
def test_policies_conform(name: str, device: str, check: Callable[[Any], None]) -> None:
    check(maker(name, device))


@pytest.mark.parametrize("check", checks.LEARNER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", LEARNERS)
def test_learners_conform(name: str, check: Callable[[Any], None]) -> None:
    check(maker(name))


@pytest.mark.parametrize("name", ON_DEVICES)
def test_array_formulas_agree_with_compiled_kernels(name: str) -> None:
    checks.check_devices_agree(maker(name, "cpu"), maker(name, "numpy"))


@pytest.mark.parametrize("name", ON_DEVICES)
def test_array_formulas_keep_to_the_standard(name: str) -> None:
    checks.check_devices_agree(maker(name, "numpy"), maker(name, "array_api_strict"), tolerance=1e-13)


def test_all_are_found() -> None:
    assert {"softmax", "inverse-gap", "uniform", "constant"} <= {name for name, _ in POLICIES}
    assert "river" in LEARNERS
