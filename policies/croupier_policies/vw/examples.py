"""A Vowpal Wabbit workspace that predicts and learns rows: examples are built through its interface, not as text.

No name or value can break the format, since none is parsed: the only text that Vowpal Wabbit parses is a label of three
numbers. Importing this module does not import Vowpal Wabbit.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import numpy as np

from croupier_policies.base import Actions, Row, Vector
from croupier_policies.encoding.flat import flat_row
from croupier_policies.errors import PolicyError

# clip: the square of a product of three features must fit a float32
LARGEST: Final = 1e6
_SHARED: Final = "shared |s 0"
_ACTION: Final = "|a 0"
Features = list[tuple[str, float]]


def workspace(options: Sequence[str]) -> Any:
    """A new workspace without output. Raises PolicyError if Vowpal Wabbit is not installed or refuses the options."""
    try:
        native = import_module("vowpalwabbit")
    except ImportError as error:
        raise PolicyError('VWPolicy needs Vowpal Wabbit: pip install "croupier[vw]"') from error
    try:
        return native.Workspace(arg_list=["--quiet", "--preserve_performance_counters", *options])
    except RuntimeError as error:
        raise PolicyError(f"Vowpal Wabbit refuses this command line: {error}") from error


def features(row: Row) -> Features:
    """Numbers under their names (an array's are "0", "1", …), strings as "name=value" with the value 1.

    Several values under a name are features of their own; see `flat_row`.

    >>> features({"hour": 14.0, "device": "phone", "tags": ["new"]})
    [('hour', 14.0), ('device=phone', 1.0), ('tags=new=true', 1.0)]
    """
    flat = flat_row(row)
    if isinstance(flat, np.ndarray):
        return [(str(i), value) for i, value in enumerate(np.clip(flat, -LARGEST, LARGEST).tolist())]
    return [_feature(name, value) for name, value in flat.items()]


def _feature(name: str, value: float | str) -> tuple[str, float]:
    if isinstance(value, str):
        return f"{name}={value}", 1.0
    return name, min(LARGEST, max(-LARGEST, value))


class Examples:
    """The examples of a decision: the context in namespace s of the shared example, actions' ids and features in a.

    Examples for prediction are reused and never finished, since finishing one increments a counter of the model.
    Examples for learning are created and finished as Vowpal Wabbit's own reader does, so that all counts agree.
    """

    def __init__(self, vw: Any) -> None:
        self.vw = vw
        self._spaces = {space: vw.hash_space(space) for space in "sa"}
        self._reused: list[Any] = vw._parse(_SHARED)

    def predict(self, context: Row, actions: Actions) -> Vector:
        """Vowpal Wabbit's own probabilities, (K,)."""
        while len(self._reused) <= len(actions):
            self._reused += self.vw._parse(_ACTION)
        examples = self._reused[: len(actions) + 1]
        self._write(examples, context, actions)
        self.vw.predict_multi(examples)
        return np.array(examples[0].get_action_scores(), dtype=np.float64)

    def learn(self, context: Row, actions: Actions, index: int, cost: float, propensity: float) -> None:
        """One labelled event."""
        lines = [_SHARED, *[_ACTION] * len(actions)]
        lines[index + 1] = f"0:{cost:.9g}:{propensity:.9g} {_ACTION}"
        examples = self.vw._parse("\n".join(lines))
        self._write(examples, context, actions)
        self.vw.learn_multi(examples)
        self.vw._finish_example_multi_ex(examples)

    def _write(self, examples: list[Any], context: Row, actions: Actions) -> None:
        self._replace(examples[0], "s", features(context))
        for k, id in enumerate(actions.ids):
            own = features(actions.rows[k]) if actions.rows else []
            self._replace(examples[k + 1], "a", [(f"action={id}", 1.0), *own])

    def _replace(self, example: Any, space: str, new: Features) -> None:
        self.vw.unsetup_example(example)
        example.erase_namespace(ord(space))
        example.push_feature_list(self.vw, ord(space), self._spaces[space], new)
        self.vw.setup_example(example)
