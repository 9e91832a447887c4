"""Vowpal Wabbit's contextual-bandit explorers as policies of equal standing."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

from croupier_policies.base import Actions, Policy, Row, State, Vector
from croupier_policies.errors import NotStorable, PolicyError
from croupier_policies.registry import register
from croupier_policies.vw.examples import Examples, workspace
from croupier_policies.vw.model import load_workspace, model_state
from croupier_policies.vw.options import parse_command


@register
class VWPolicy(Policy):
    """Any `--cb_explore_adf` command line of Vowpal Wabbit, with a floor: π = (1 − ε)·vw + ε/K.

    The context's features are in namespace `s` of the shared example, an action's id and its features in `a`, so
    `-q sa` crosses them. Numbers stand under their names, clipped to ±10⁶ (Vowpal Wabbit squares float32); strings
    become `name=value`. A reward r is the cost −r: what was never seen is predicted 0, which is then the worst reward,
    so that a newcomer does not look best (over 8 sets, five explorers and two rates the error of the drawn action was
    .45 to .54 with −r, .50 to .62 with 1 − r). Where a range of costs matters (RegCB, SquareCB) it is −1 to 0 unless
    you say otherwise.

    Vowpal Wabbit has the actions in the order of their ids, so that how they are listed does not matter. Learning
    weighs the event by the propensity that was logged. The policy may be used from several threads.

    Asking changes nothing with any explorer. A state is the model file, where that resumes bit for bit: greedy and
    ε-greedy, --first, --softmax, --squarecb, --regcb, --synthcover, with every --cb_type but dr and every base learner
    (--coin, --ftrl, --pistol, --sgd, …). --bag, --cover, --rnd, --cb_dro, --cb_type dr and --sparse_weights learn on
    otherwise after a save and a load: those are not `storable`, and are restored by replay.

    Args:
        command: Vowpal Wabbit's options, from an exact allow-list (`vw_options`): none that names a file or a port.
        epsilon: The floor ε; several explorers give zeros, with which no log can be evaluated.

    Raises:
        PolicyError: An option outside the allow-list, or Vowpal Wabbit is not installed or refuses the line.
        TooLarge: A model of more than 2²⁴ weights.

    Source: Bietti, Agarwal, Langford (2021), "A Contextual Bandit Bake-off", JMLR 22.
    """

    name: ClassVar[str] = "vw"

    def __init__(self, command: str = "--cb_explore_adf --squarecb -q sa", *, epsilon: float = 0.01) -> None:
        if not 0 <= epsilon <= 1:
            raise PolicyError(f"epsilon must be between 0 and 1, not {epsilon}")
        options, self._resumes = parse_command(command)
        self.command, self.epsilon = command, float(epsilon)
        self._options = _with_defaults(options)
        self._lock = threading.Lock()
        self._examples = Examples(workspace(self._options))

    @property
    def storable(self) -> bool:
        """Whether the model file says all that was learned."""
        return self._resumes

    @property
    def arithmetic(self) -> str:
        """What its bits depend on: ours, and Vowpal Wabbit's version."""
        from vowpalwabbit import __version__

        return f"{super().arithmetic} vowpalwabbit {__version__} float32"

    def config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"command": self.command, "epsilon": self.epsilon}

    def probabilities(self, context: Row, actions: Actions) -> Vector:
        """(1 − ε)·vw + ε/K, (K,)."""
        order, listed = _sorted_by_id(actions)
        with self._lock:
            asked = self._examples.predict(context, listed)
        p = asked.copy()
        p[order] = asked
        mixed: Vector = (1.0 - self.epsilon) * (p / p.sum()) + self.epsilon / len(p)
        return mixed

    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """One labelled event of cost −reward."""
        order, listed = _sorted_by_id(actions)
        with self._lock:
            self._examples.learn(context, listed, order.index(index), -reward, propensity)

    def state(self) -> State:
        """The model file and the costs met. Raises NotStorable where they are not all; see `storable`."""
        if not self._resumes:
            raise NotStorable(f"a model file of {self.command!r} does not resume identically: restored by replay")
        with self._lock:
            return model_state(self._examples.vw)

    def restore(self, state: State) -> None:
        """Take over a `state()`. Raises ForgedState where its header is not that of this command line."""
        with self._lock:
            self._examples = Examples(load_workspace(self._options, state))


def _with_defaults(options: tuple[str, ...]) -> list[str]:
    """A fixed seed, and costs from −1 to 0, where nothing else is said."""
    names = {option.partition("=")[0] for option in options}
    added = [] if "--random_seed" in names else ["--random_seed=1"]
    if names & {"--regcb", "--squarecb"} and not names & {"--cb_min_cost", "--cb_max_cost"}:
        added += ["--cb_min_cost=-1", "--cb_max_cost=0"]
    return [*options, *added]


def _sorted_by_id(actions: Actions) -> tuple[list[int], Actions]:
    """The actions in the order of their ids, and the place that each of them had."""
    order = sorted(range(len(actions)), key=actions.ids.__getitem__)
    rows = actions.rows
    return order, Actions(tuple(actions.ids[k] for k in order), rows and tuple(rows[k] for k in order))
