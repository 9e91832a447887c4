"""The C kernel that the benchmark compares with is of the same law as the default policy."""

import shutil
from pathlib import Path

import pytest

import bench_kernels


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler called cc")
def test_the_kernel_gives_the_same_probabilities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = bench_kernels.compiled(tmp_path)
    assert library is not None
    for actions in (3, 20):
        assert bench_kernels.check(library, actions, 150) <= 1e-9
    monkeypatch.setattr(bench_kernels, "TOLERANCE", -1.0)
    with pytest.raises(ValueError, match="another law"):
        bench_kernels.check(library, 3, 5)
