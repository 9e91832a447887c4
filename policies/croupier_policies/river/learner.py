"""The engine's reward model: a default built with River, or any River regressor or classifier."""

from __future__ import annotations

import hashlib
import math
import re
from typing import Any, ClassVar, Final, Self

import numpy as np

from croupier_policies.base import Actions, Finding, Learner, Reason, Row, State, Vector
from croupier_policies.encoding.watch import ScaleWatch
from croupier_policies.errors import ForgedState, NotStorable
from croupier_policies.registry import register
from croupier_policies.river.restore import restore_model
from croupier_policies.river.state import model_state

_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")


@register
class RiverLearner(Learner):
    """Estimates E[r | x, a] with River, one event at a time, and its progressive validation loss Σ (r − r̂)²/n.

    Without a model: r̂(x, a) = g(w·x + w_a·x + w_z·z_a + z_aᵀW x) over standardised numbers and one-hot strings (see
    `CrossedModel`). A model of your own gets one flat dict: the context's features under their own names (those of an
    array are "0", "1", …), "action" with the action's id, a string, and "action.<name>" for each of its features. It
    has to handle strings, for example with `compose.SelectType(str) | preprocessing.OneHotEncoder()`. A regressor is
    called with `predict_one`; a classifier with `predict_proba_one` for True, and it must take sample weights, because
    rewards may be fractional. Exceptions of the model are passed on, and its memory use is not bounded here.

    Args:
        model: None, a River model (cloned: it starts untrained, and yours is not changed), or `config()["model"]`.
        link: Of the default model: "logistic", or "identity" for linear regression. The engine scales rewards to 0 … 1;
            on that scale the logistic link had the lower loss for continuous rewards too.
        limit: Of the default model: the largest number of weights; later features and actions are not learned.

    Raises:
        PolicyError: The model cannot learn fractional rewards, has no seed, or is not a River model.
        NotStorable: `model` is the description of a model outside the allow-list; pass the model itself.

    >>> learner = RiverLearner()
    >>> actions = Actions(("sale", "new"))
    >>> for _ in range(20):
    ...     learner.learn({"device": "mobile"}, actions, 0, 1.0, 0.5)
    ...     learner.learn({"device": "mobile"}, actions, 1, 0.0, 0.5)
    >>> bool(learner.predict({"device": "mobile"}, actions)[0] > 0.8)
    True
    """

    name: ClassVar[str] = "river"

    def __init__(self, model: Any = None, *, link: str = "logistic", limit: int = 100_000) -> None:
        from croupier_policies.river import adapter as adapter  # importing River takes half a second
        from croupier_policies.river import default_model as default_model

        self._adapter: Any = None
        self._predictor: Any
        if model is None:
            self._predictor = default_model.CrossedModel(link, limit)
            self._config: dict[str, Any] = {"model": None, "link": link, "limit": limit}
        else:
            self._adapter = self._predictor = adapter.AdaptedModel(_rebuild(model))
            self._config = {"model": _description(self._adapter.model)}
        self.count = 0
        self._squares = 0.0
        self._watch = ScaleWatch()

    @classmethod
    def for_range(cls, reward_range: tuple[float, float]) -> Self:
        """The default learner for a reward range: logistic for 0 to 1, linear for any other."""
        return cls(link="logistic" if tuple(reward_range) == (0.0, 1.0) else "identity")

    @property
    def storable(self) -> bool:
        """Whether `state` can represent the model; otherwise the learner is restored by replay."""
        return self._adapter is None or "object" in self._config["model"]

    @property
    def loss(self) -> float:
        """Progressive validation loss: mean squared error of the predictions before each event; NaN at first."""
        return self._squares / self.count if self.count else float("nan")

    def config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data; for a model outside the allow-list, a description with a hash."""
        return dict(self._config)

    def fresh(self) -> Self:
        """A new, untrained learner with the same configuration, storable or not."""
        return type(self)(self._adapter.model) if self._adapter else type(self)(**self._config)

    def predict(self, context: Row, actions: Actions) -> Vector:
        """The estimated reward of each action, (K,), clipped to 0 … 1; NaN if the model has diverged."""
        return np.clip(np.array(self._predictor.predict(context, actions), dtype=np.float64), 0.0, 1.0)

    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """Score the event before learning it (progressive validation), then learn it; the propensity is not used."""
        candidate = Actions((actions.ids[index],), None if actions.rows is None else (actions.rows[index],))
        reward = float(reward)  # a numpy scalar would end up in the state
        error = reward - float(self.predict(context, candidate)[0])
        self._predictor.learn(context, candidate, 0, reward)
        self.count += 1
        self._squares += error * error

    def findings(self) -> list[Finding]:
        """Those of the default model, and that a model of your own has diverged."""
        found = [] if self._adapter else self._predictor.findings(self._watch)
        if not math.isfinite(self._squares):
            text = (
                "the model has diverged: its estimates are no longer finite numbers; standardise its inputs, and open "
                "the store with another learner and replay=True"
            )
            found.append(Finding(Reason.DIVERGED, 1, (), text))
        return found

    def state(self) -> State:
        """The learned parameters, as plain data.

        Raises:
            NotStorable: The model contains a class outside the allow-list; see `storable`.
        """
        return {"model": model_state(self._model), "count": self.count, "squares": self._squares}

    def restore(self, state: State) -> None:
        """Replace the state by that of a learner with the same configuration, bit for bit.

        Raises:
            ForgedState: `state` is not the state of such a learner; this learner is unchanged.
        """
        if (
            not isinstance(state, dict)
            or set(state) != {"model", "count", "squares"}
            or type(state["count"]) is not int
            or state["count"] < 0
        ):
            raise ForgedState(
                "the state of a learner must be a model, a count and a sum of squares; nothing was restored"
            )
        if type(state["squares"]) is not float:
            raise ForgedState("the sum of squared errors must be a float; nothing was restored")
        model = restore_model(state["model"])
        if _classes(state["model"]) != _classes(model_state(self._model)):
            raise ForgedState("the stored model has other classes than this learner's; nothing was restored")
        self._replace_model(model)
        self._watch = ScaleWatch()
        self.count, self._squares = state["count"], state["squares"]

    @property
    def _model(self) -> Any:
        return self._adapter.model if self._adapter else self._predictor

    def _replace_model(self, model: Any) -> None:
        if self._adapter:
            self._adapter.replace_model(model)
        else:
            self._predictor = model


def _rebuild(model: Any) -> Any:
    if not isinstance(model, dict):
        return model
    if "repr" in model:
        raise NotStorable("the configuration contains only a description of this model; pass the River model itself")
    return restore_model(model)


def _description(model: Any) -> dict[str, Any]:
    """The untrained model as data or, outside the allow-list, its repr and a hash of it."""
    try:
        return model_state(model)
    except NotStorable:
        text = f"{type(model).__module__}.{type(model).__qualname__}: {_ADDRESS.sub('', repr(model))}"
        return {"repr": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def _classes(data: Any) -> list[str]:
    """The classes that a state names, in order, without those of per-feature statistics."""
    if isinstance(data, list):
        return [name for item in data for name in _classes(item)]
    if not isinstance(data, dict) or "defaultdict" in data:
        return []
    own = [str(data["class"])] if "class" in data else []
    return own + [name for key in sorted(data) for name in _classes(data[key])]
