"""Vowpal Wabbit's contextual-bandit explorers as policies."""

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

    The context's features are in namespace `s` of the shared example, an action's id and features in `a`; `-q sa`
    crosses them. Numbers keep their names and are clipped to ±10⁶ (Vowpal Wabbit squares float32); strings become
    `name=value`. A reward r is the cost −r: the prediction for anything unseen is 0, which then is the worst reward, so
    that a new action does not look best (over 8 data sets, five explorers and two rates the error of the drawn action
    was .45 to .54 with −r and .50 to .62 with 1 − r). Explorers that use a range of costs (RegCB, SquareCB) get −1 to 0
    unless the command line sets it.

    Actions are passed in the order of their ids, so that the caller's order does not matter. Learning weights the event
    by the logged propensity. The policy may be used from several threads.

    Predicting changes nothing with any explorer. The state is the model file, if reloading it continues bit for bit:
    greedy and ε-greedy, --first, --softmax, --squarecb, --regcb, --synthcover, with every --cb_type but dr and every
    base learner (--coin, --ftrl, --pistol, --sgd, …). --bag, --cover, --rnd, --cb_dro, --cb_type dr and
    --sparse_weights learn differently after saving and loading: those are not `storable`, and are restored by replay.

    Args:
        command: Vowpal Wabbit's options, from an exact allow-list (`vw.options`): none names a file or a port.
        epsilon: The floor ε; several explorers return zeros, and a log with zeros cannot be evaluated.

    Raises:
        PolicyError: An option is outside the allow-list, or Vowpal Wabbit is not installed or refuses the options.
        TooLarge: The model would have more than 2²⁴ weights.

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
        """Whether the model file contains everything that was learned."""
        return self._resumes

    @property
    def arithmetic(self) -> str:
        """What the bits of its results depend on, including Vowpal Wabbit's version."""
        from vowpalwabbit import __version__

        return f"{super().arithmetic} vowpalwabbit {__version__} float32"

    def config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"command": self.command, "epsilon": self.epsilon}

    def probabilities(self, context: Row, actions: Actions) -> Vector:
        """(1 − ε)·vw + ε/K, (K,)."""
        order, listed = _sorted_by_id(actions)
        with self._lock:
            listed_p = self._examples.predict(context, listed)
        p = listed_p.copy()
        p[order] = listed_p
        mixed: Vector = (1.0 - self.epsilon) * (p / p.sum()) + self.epsilon / len(p)
        return mixed

    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """One labelled event of cost −reward."""
        order, listed = _sorted_by_id(actions)
        with self._lock:
            self._examples.learn(context, listed, order.index(index), -reward, propensity)

    def state(self) -> State:
        """The model file and the range of costs. Raises NotStorable; see `storable`."""
        if not self._resumes:
            raise NotStorable(f"reloading a model file of {self.command!r} changes learning; it is restored by replay")
        with self._lock:
            return model_state(self._examples.vw)

    def restore(self, state: State) -> None:
        """Replace the state by a `state()`. Raises ForgedState if its header does not match this command line."""
        with self._lock:
            self._examples = Examples(load_workspace(self._options, state))


def _with_defaults(options: tuple[str, ...]) -> list[str]:
    """The options with a fixed seed and costs from −1 to 0, unless they are set."""
    names = {option.partition("=")[0] for option in options}
    added = [] if "--random_seed" in names else ["--random_seed=1"]
    if names & {"--regcb", "--squarecb"} and not names & {"--cb_min_cost", "--cb_max_cost"}:
        added += ["--cb_min_cost=-1", "--cb_max_cost=0"]
    return [*options, *added]


def _sorted_by_id(actions: Actions) -> tuple[list[int], Actions]:
    """The actions sorted by id, and the original index of each."""
    order = sorted(range(len(actions)), key=actions.ids.__getitem__)
    rows = actions.rows
    return order, Actions(tuple(actions.ids[k] for k in order), rows and tuple(rows[k] for k in order))
