"""The public surface, pinned: a change here is a change for every user."""

from __future__ import annotations

import subprocess
import sys

import pytest

import croupier
import croupier_policies
import croupier_storage


@pytest.mark.parametrize("package", [croupier, croupier_policies, croupier_storage])
def test_every_export_is_there_and_sorted(package: object) -> None:
    names = package.__all__  # type: ignore[attr-defined] # a module of ours
    assert names == sorted(names)
    assert all(hasattr(package, name) for name in names)


def test_importing_loads_none_of_what_is_slow_to_import() -> None:
    heavy = ("river", "scipy.stats", "rich", "matplotlib", "cupy")
    code = f"import sys, croupier; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert done.stdout.strip() == "[]"
