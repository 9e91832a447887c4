"""The contenders of `bench.loop`: Croupier and comparable libraries, each behind the same four calls.

A new contender is one class and one line in `CONTENDERS`. What the other libraries leave to the application is done
here in the fastest way we know: drawing from the probabilities, building the label, storing a context until its reward
arrives.
"""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from bisect import bisect
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Any, ClassVar

from croupier import Engine, SoftmaxPolicy
from croupier_policies import Vector


class Contender(ABC):
    """Something that chooses among a fixed list of actions and learns from rewards.

    Attributes:
        name: Its name in the table.
        package: The package that it needs.
        durable: What is on disk after `flush`.
        event_share: The fraction of the events of a round that it runs; less than 1 for the slow ones.
        delayed_rewards: Whether it also runs the rounds with delayed rewards.
    """

    name: ClassVar[str]
    package: ClassVar[str]
    durable: ClassVar[str] = "nothing"
    event_share: ClassVar[float] = 1.0
    delayed_rewards: ClassVar[bool] = True

    @abstractmethod
    def __init__(self, actions: Sequence[str], folder: Path) -> None:
        """Start with an empty state; files go into the folder."""

    @abstractmethod
    def choose(self, x: Vector) -> tuple[Any, str]:
        """A decision's id, and the action to show for the context x, (d,)."""

    @abstractmethod
    def reward(self, id: Any, value: float) -> None:
        """Learn the reward of a decision."""

    def flush(self) -> None:  # noqa: B027  # nothing to do for a contender that stores nothing
        """Return once everything that `durable` names is on disk."""

    def close(self) -> None:  # noqa: B027  # nothing to do for a contender that holds no resource
        """Release all resources."""


class CroupierGroup(Contender):
    """Croupier with `SoftmaxPolicy` and group commits: a call returns before its fact is on disk, `flush` after."""

    name: ClassVar[str] = "Croupier"
    package: ClassVar[str] = "croupier"
    durable: ClassVar[str] = "every decision and reward, in SQLite"
    durability: ClassVar[Any] = "group"

    def __init__(self, actions: Sequence[str], folder: Path) -> None:
        self._actions = list(actions)
        path = folder / f"{self.durability}-{len(actions)}.db"
        self._engine = Engine.open(
            f"sqlite:///{path}", policy=SoftmaxPolicy(), learner=None, seed=7, durability=self.durability
        )

    def choose(self, x: Vector) -> tuple[Any, str]:
        """Call `Engine.choose`."""
        decision = self._engine.choose(x, self._actions)
        return decision.id, decision.action

    def reward(self, id: Any, value: float) -> None:
        """Call `Engine.reward`."""
        self._engine.reward(id, value)

    def flush(self) -> None:
        """Wait until the log is on disk."""
        self._engine.flush()

    def close(self) -> None:
        """Close the store."""
        self._engine.close()


class CroupierCommit(CroupierGroup):
    """Croupier with a commit a call: each call returns once its fact would survive a power failure."""

    name: ClassVar[str] = "Croupier, a commit a call"
    durable: ClassVar[str] = "every decision and reward, before the call returns"
    durability: ClassVar[Any] = "commit"
    event_share: ClassVar[float] = 0.1
    delayed_rewards: ClassVar[bool] = False


class VowpalWabbit(Contender):
    """What both ways of calling Vowpal Wabbit share: the draw, and contexts stored until their rewards arrive.

    ε-greedy is its default explorer and its cheapest. Contexts are crossed with actions, which gives 42 features an
    action (Croupier's encoding gives 41). `--no_predict` saves the prediction that a learning step would repeat; it
    changes no probability.
    """

    package: ClassVar[str] = "vowpalwabbit"
    arguments: ClassVar[str] = "--quiet --cb_explore_adf --epsilon 0.05 --no_predict -q sa"

    def __init__(self, actions: Sequence[str], folder: Path) -> None:
        from vowpalwabbit import Workspace

        self._actions = list(actions)
        self._workspace = Workspace(self.arguments)
        self._uniform = random.Random(7).random  # noqa: S311  # no secret
        self._count = 0
        self._pending: dict[int, tuple[list[float], int, float]] = {}

    def choose(self, x: Vector) -> tuple[Any, str]:
        """Predict, draw, and store what learning will need."""
        row = x.tolist()
        p = self.predict(row)
        index = min(bisect(list(accumulate(p)), self._uniform()), len(p) - 1)
        self._count += 1
        self._pending[self._count] = row, index, p[index]
        return self._count, self._actions[index]

    def reward(self, id: Any, value: float) -> None:
        """Learn the stored context with its label; Vowpal Wabbit expects costs."""
        row, index, p = self._pending.pop(id)
        self.learn(row, index, -value, p)

    def close(self) -> None:
        """Close the workspace."""
        self._workspace.finish()

    @abstractmethod
    def predict(self, row: list[float]) -> list[float]:
        """The probability of every action."""

    @abstractmethod
    def learn(self, row: list[float], index: int, cost: float, p: float) -> None:
        """Learn one labelled event."""


def _line(count: int) -> str:
    """A template for the features of a context, six digits each: "|s 0:%.6g 1:%.6g …"."""
    return "|s " + " ".join(f"{i}:%.6g" for i in range(count))


class VowpalWabbitText(VowpalWabbit):
    """Through text, as most applications use it: written and parsed for every prediction and every learning step."""

    name: ClassVar[str] = "Vowpal Wabbit, text"
    event_share: ClassVar[float] = 0.25

    def __init__(self, actions: Sequence[str], folder: Path) -> None:
        super().__init__(actions, folder)
        self._lines = [f"|a {action}" for action in actions]
        self._all = "\n".join(self._lines)

    def predict(self, row: list[float]) -> list[float]:
        """The probability of every action."""
        p: list[float] = self._workspace.predict(f"shared {_line(len(row))}\n" % tuple(row) + self._all)
        return p

    def learn(self, row: list[float], index: int, cost: float, p: float) -> None:
        """Learn one labelled event."""
        lines = [f"shared {_line(len(row))}" % tuple(row), *self._lines]
        lines[index + 1] = f"0:{cost}:{p} {lines[index + 1]}"
        self._workspace.learn("\n".join(lines))


class VowpalWabbitReused(VowpalWabbit):
    """Through reused examples: a prediction writes 20 numbers into the shared one, learning parses one labelled action.

    Its probabilities are those of `VowpalWabbitText`, up to the rounding of the text.
    """

    name: ClassVar[str] = "Vowpal Wabbit, reused examples"

    def __init__(self, actions: Sequence[str], folder: Path) -> None:
        super().__init__(actions, folder)
        self._lines = [f"|a {action}" for action in actions]
        self._examples = self._workspace.parse("\n".join(["shared |s 0", *self._lines]))
        self._shared = self._examples[0]
        self._columns: list[int] = []
        self._current: list[float] | None = None

    def predict(self, row: list[float]) -> list[float]:
        """The probability of every action."""
        self._write_context(row)
        self._workspace.predict_multi(self._examples)
        p: list[float] = self._shared.get_action_scores()
        return p

    def learn(self, row: list[float], index: int, cost: float, p: float) -> None:
        """Learn one labelled event, with a labelled example in place of the action's own."""
        self._write_context(row)
        labelled = self._workspace._parse(f"0:{cost}:{p} {self._lines[index]}")
        examples = self._examples.copy()
        examples[index + 1] = labelled[0]
        self._workspace.learn_multi(examples)
        self._workspace._finish_example_multi_ex(labelled)

    def _write_context(self, row: list[float]) -> None:
        """Write a context into the shared example, unless it is already there."""
        if row is not self._current:
            self._columns = self._columns or _columns(self._workspace, len(row))
            _write(self._workspace, self._shared, self._columns, row)
            self._current = row


def _columns(workspace: Any, count: int) -> list[int]:
    """The indices to which Vowpal Wabbit hashes the features named 0, 1, and so on."""
    space = workspace.hash_space("s")
    return [workspace.hash_feature(str(i), space) for i in range(count)]


def _write(workspace: Any, example: Any, columns: list[int], row: list[float]) -> None:
    """Replace the features of an example."""
    workspace.unsetup_example(example)
    example.erase_namespace(ord("s"))
    example.push_feature_list(workspace, ord("s"), 0, list(zip(columns, row, strict=True)))
    workspace.setup_example(example)


class Gittins(Contender):
    """The gittins engine, in Rust: ε-greedy (.05, its default) over hashed features, pending decisions in memory."""

    name: ClassVar[str] = "gittins"
    package: ClassVar[str] = "gittins"

    def __init__(self, actions: Sequence[str], folder: Path) -> None:
        import gittins

        self._decide, self._learn = gittins.decide, gittins.learn
        self._actions = list(actions)
        self._candidates: list[tuple[str, dict[str, float]]] = [(action, {}) for action in actions]
        self._state = gittins.create(
            bits=18, horizon=1e9
        )  # Vowpal Wabbit's default size; a horizon that no reward exceeds
        self._names: list[str] = []

    def choose(self, x: Vector) -> tuple[Any, str]:
        """Call `gittins.decide`."""
        self._names = self._names or [f"x{i}" for i in range(len(x))]
        context = dict(zip(self._names, x.tolist(), strict=True))
        record = self._decide(self._state, context, self._candidates, time.time(), "bench")
        return record.decision_id, self._actions[record.chosen]

    def reward(self, id: Any, value: float) -> None:
        """Call `gittins.learn`."""
        self._learn(self._state, id, value, time.time())


CONTENDERS: tuple[type[Contender], ...] = (
    CroupierGroup,
    CroupierCommit,
    VowpalWabbitReused,
    VowpalWabbitText,
    Gittins,
)


def installed() -> tuple[list[type[Contender]], list[type[Contender]]]:
    """The contenders whose packages are installed, and the others."""
    available = [kind for kind in CONTENDERS if find_spec(kind.package)]
    return available, [kind for kind in CONTENDERS if kind not in available]
