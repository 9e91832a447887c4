"""A new policy is one file and one export line: the registry and the conformance suite find it."""

import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns

import croupier_policies

NEW = '''"""A policy for the test: the alphabetically first action, with a floor."""
from typing import Any, ClassVar
import numpy as np
from croupier_policies.base import Actions, Policy, Row, State, Vector
from croupier_policies.registry import register

@register
class FirstPolicy(Policy):
    """The first action by name."""
    name: ClassVar[str] = "first-by-name"
    def __init__(self, *, epsilon: float = 0.1) -> None:
        self.epsilon = epsilon
    def config(self) -> dict[str, Any]:
        return {"epsilon": self.epsilon}
    def probabilities(self, context: Row, actions: Actions) -> Vector:
        p = np.full(len(actions), self.epsilon / len(actions))
        p[actions.ids.index(min(actions.ids))] += 1.0 - self.epsilon
        return p
    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        pass
    def state(self) -> State:
        return {}
    def restore(self, state: State) -> None:
        pass
'''
LOOK = """
from croupier_policies import checks, registry
found = registry.implementations()
assert "first-by-name" in found
checks.check_policy(found["first-by-name"])
print(registry.build("first-by-name", {"epsilon": 0.2}).config())
"""


def test_one_file_and_one_export_line_are_enough(tmp_path: Path) -> None:
    package = tmp_path / "croupier_policies"
    copytree(Path(croupier_policies.__file__).parent, package, ignore=ignore_patterns("__pycache__"))
    (package / "first.py").write_text(NEW)
    exports = (package / "__init__.py").read_text().replace("__all__ = [", '__all__ = [\n    "FirstPolicy",')
    (package / "__init__.py").write_text(exports + "\nfrom croupier_policies.first import FirstPolicy\n")
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", LOOK], capture_output=True, text=True, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "{'epsilon': 0.2}"
