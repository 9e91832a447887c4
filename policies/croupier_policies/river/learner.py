"""The engine's reward model: River's own default, or any River regressor or classifier."""

from __future__ import annotations

import hashlib
import re
from typing import Any, ClassVar, Final, Self

import numpy as np

from croupier_policies.base import Actions, Learner, Row, State, Vector
from croupier_policies.errors import ForgedState, NotStorable
from croupier_policies.registry import register
from croupier_policies.river.restore import restore_model
from croupier_policies.river.state import model_state

_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")


@register
class RiverLearner(Learner):
    """Estimates E[r given x, a] with River, one event at a time, and keeps the honest loss Σ (r − r̂)²/n.

    Without a model: r̂(x, a) = g(w·x + w_a·x + w_z·z_a + z_aᵀW x) over standardised numbers and one-hot strings (see
    `CrossedModel`). A model of your own is given one flat_features dict: the context's features under their own names (an
    array's are "0", "1", …), "action" with the action's id, a string, and "action.<name>" for each of its features.
    Strings are yours to handle, with `compose.SelectType(str) | preprocessing.OneHotEncoder()` for one. A regressor is
    asked with `predict_one`; a classifier with `predict_proba_one` for True, and must take sample weights, because
    rewards may be fractional. What your model raises comes through; what it forgets to bound is not bounded here.

    Args:
        model: None, a River model (cloned: it starts untaught, and yours is left alone), or `config()["model"]`.
        link: of the default: "logistic", or "identity" for a plain linear regression. Rewards reach a learner between
            0 and 1, and there the logistic link had the lower loss on continuous rewards too.
        limit: of the default: at most so many weights; features and actions met after that are not learned.

    Raises:
        PolicyError: a model that cannot be taught fractional rewards, is without a seed, or is none of River's.
        NotStorable: the description of a model that only you can build again; pass the model.

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
        from croupier_policies.river import adapter as adapter  # they import River, which takes half a second
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

    @classmethod
    def for_range(cls, reward_range: tuple[float, float]) -> Self:
        """The default for rewards of this range: logistic for 0 to 1, linear for any other."""
        return cls(link="logistic" if tuple(reward_range) == (0.0, 1.0) else "identity")

    @property
    def storable(self) -> bool:
        """Whether `state` gives data; else this learner is restored by replay."""
        return self._adapter is None or "object" in self._config["model"]

    @property
    def loss(self) -> float:
        """Mean squared error of the predictions made before each event was learned; NaN before the first."""
        return self._squares / self.count if self.count else float("nan")

    def config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data; for a model outside the allow-list, a description with a hash."""
        return dict(self._config)

    def fresh(self) -> Self:
        """A new object of the same configuration that has learned nothing, storable or not."""
        return type(self)(self._adapter.model) if self._adapter else type(self)(**self._config)

    def predict(self, context: Row, actions: Actions) -> Vector:
        """The estimated reward of each action, shape (K,), clipped to 0…1; NaN from a model that has diverged."""
        return np.clip(np.array(self._predictor.predict(context, actions), dtype=np.float64), 0.0, 1.0)

    def learn(self, context: Row, actions: Actions, index: int, reward: float, propensity: float) -> None:
        """Score the event as not yet seen (the honest loss), then learn it; the propensity plays no part."""
        candidate = Actions((actions.ids[index],), None if actions.rows is None else (actions.rows[index],))
        reward = float(reward)  # numpy's own scalars would spread into the state
        error = reward - float(self.predict(context, candidate)[0])
        self._predictor.learn(context, candidate, 0, reward)
        self.count += 1
        self._squares += error * error

    def state(self) -> State:
        """What was learned, as plain data.

        Raises:
            NotStorable: the model holds a class outside the allow-list; see `storable`.
        """
        return {"model": model_state(self._model), "count": self.count, "squares": self._squares}

    def restore(self, state: State) -> None:
        """Take over the `state` of a learner with the same configuration, bit for bit.

        Raises:
            ForgedState: `state` is not that of such a learner; this one is as it was.
        """
        if (
            not isinstance(state, dict)
            or set(state) != {"model", "count", "squares"}
            or type(state["count"]) is not int
            or state["count"] < 0
        ):
            raise ForgedState("a learner's state is a model, a count and a sum of squares")
        if type(state["squares"]) is not float:
            raise ForgedState("the sum of squared errors is a float")
        model = restore_model(state["model"])
        if _classes(state["model"]) != _classes(model_state(self._model)):
            raise ForgedState("the stored model is made of other classes than this learner's")
        self._replace_model(model)
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
        raise NotStorable("this model is known by its description only; pass the River model that it describes")
    return restore_model(model)


def _description(model: Any) -> dict[str, Any]:
    """The untaught model as data, or, outside the allow-list, what River prints of it and a hash of that."""
    try:
        return model_state(model)
    except NotStorable:
        text = f"{type(model).__module__}.{type(model).__qualname__}: {_ADDRESS.sub('', repr(model))}"
        return {"repr": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def _classes(data: Any) -> list[str]:
    """The classes that a state names, in order; those of the statistics that come with the features left out."""
    if isinstance(data, list):
        return [name for item in data for name in _classes(item)]
    if not isinstance(data, dict) or "defaultdict" in data:
        return []
    own = [str(data["class"])] if "class" in data else []
    return own + [name for key in sorted(data) for name in _classes(data[key])]
