"""The C kernel of the benchmark gives the probabilities of the default policy."""

import shutil
from pathlib import Path

import pytest

from bench import kernels


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler called cc")
def test_the_kernel_gives_the_same_probabilities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = kernels.compile_kernel(tmp_path)
    assert library is not None
    for actions in (3, 20):
        assert kernels.check(library, actions, 150) <= 1e-9
    monkeypatch.setattr(kernels, "TOLERANCE", -1.0)
    with pytest.raises(ValueError, match="another policy"):
        kernels.check(library, 3, 5)
