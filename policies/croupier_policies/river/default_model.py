"""The default reward model, built from River's parts: a generalised linear model of context, action and their cross.

Importing this module imports River: `RiverLearner` does so when it is constructed.
"""

from __future__ import annotations

import math
from typing import Any, Final

from river import linear_model, optim, preprocessing

from croupier_policies.base import Actions, Row
from croupier_policies.errors import PolicyError
from croupier_policies.river.features import named_features

CLIP: Final = 3.0  # standard deviations: one wild number must not move every weight
NORM: Final = math.sqrt(8.0)  # longer rows are shrunk to it, so that one learning rate suits 2 features and 60
CROSSES: Final = 1024  # context × action features of one row; beyond it only the action id is crossed
SEP: Final = "\x1f"  # the unit separator joins the names of a crossed feature
OWN: Final = f"action{SEP}"


class SoftLog(optim.losses.Log):
    """Logarithmic loss for rewards between 0 and 1: its gradient by the logit is σ(z) − r.

    River's own `Log` turns every reward but 0 into `int(r)`, so that a reward of ½ would teach nothing.

    >>> SoftLog().gradient(0.5, 0.0)
    0.0
    """

    def gradient(self, y_true: Any, y_pred: Any) -> Any:
        """The derivative of the loss by the logit `y_pred`, for a reward `y_true` between 0 and 1."""
        return self.mean_func(y_pred) - y_true


class CrossedModel:
    """r̂(x, a) = g(w·x + w_a·x + w_z·z_a + zₐᵀW x), g the logistic function or the identity.

    x: the context, numbers standardised and clipped to ±3, strings one-hot, shrunk to norm √8 if longer, and a constant
    1; z_a: the action's own features, likewise; w is shared and w_a is the action's own. All are features of one River
    model. A prediction before any reward is ½ (logistic) or 0 (identity).

    Args:
        link: "logistic" or "identity".
        limit: at most so many weights, and as many scaled names; features met after that are not learned.
    """

    def __init__(self, link: str, limit: int) -> None:
        self.link = link
        self.limit = limit
        self.scaler: Any = preprocessing.StandardScaler()
        self.glm = _glm(link)

    def clone(self) -> CrossedModel:
        """The same model, having learned nothing."""
        return CrossedModel(self.link, self.limit)

    def predict(self, context: Row, actions: Actions) -> list[float]:
        """The estimated reward of each action; the context is encoded once for all of them."""
        x = self._encode(named_features(context))
        return [self._predict_one(self._cross(x, actions, k)) for k in range(len(actions))]

    def learn(self, context: Row, actions: Actions, index: int, reward: float) -> None:
        """Fold in one reward of `actions.ids[index]`: first the running moments, then the weights."""
        row, own = named_features(context), _own(actions, index)
        numbers = {k: v for k, v in {**row, **own}.items() if not isinstance(v, str)}
        self.scaler.learn_one(_within_limit(numbers, self.scaler.counts, self.limit))
        features = self._cross(self._encode(row), actions, index)
        # `weights` would copy them all
        self.glm.learn_one(_within_limit(features, self.glm._weights, self.limit), reward)

    def _predict_one(self, features: dict[str, float]) -> float:
        if self.link == "logistic":
            return float(self.glm.predict_proba_one(features)[True])
        return float(self.glm.predict_one(features))

    def _encode(self, row: dict[str, float | str]) -> dict[str, float]:
        # read with `get`: asking River's scaler about a feature it has not met would add it
        means, variances, encoded = self.scaler.means, self.scaler.vars, {}
        for name, value in row.items():
            if isinstance(value, str):
                encoded[f"{name}={value}"] = 1.0
            elif (variance := variances.get(name, 0.0)) > 0.0:  # an overflow made it NaN or −∞
                encoded[name] = min(CLIP, max(-CLIP, (value - means[name]) / math.sqrt(variance)))
        return _shrink(encoded)

    def _cross(self, x: dict[str, float], actions: Actions, index: int) -> dict[str, float]:
        prefix = actions.ids[index] + SEP
        features = {"": 1.0, prefix: 1.0, **x}
        features.update([(prefix + name, value) for name, value in x.items()])
        if actions.rows is None:
            return features
        own = self._encode(_own(actions, index))
        features.update(own)
        if len(own) * len(x) <= CROSSES:
            features.update([(a + SEP + c, v * u) for a, v in own.items() for c, u in x.items()])
        return features


def _shrink(row: dict[str, float]) -> dict[str, float]:
    # a plain loop: the built-in sum rounds differently from Python 3.12 on
    square = 0.0
    for value in row.values():
        square += value * value
    if square <= NORM * NORM:
        return row
    scale = NORM / math.sqrt(square)
    return {name: value * scale for name, value in row.items()}


def _glm(link: str) -> Any:
    # Honest mean squared error, one pass under uniformly drawn actions, at the best rate of each optimiser; the mean
    # over Phishing, ImageSegments, digits, breast cancer, `clicks` at 5 % and 1 %, `continuous` (running mean: .1172):
    #   logistic  FTRL-Proximal .5: .0467   SGD .1: .0508   identity  AdaGrad .05: .0526   FTRL-Proximal .05: .0530
    # and without the shrinking of long rows, logistic  FTRL-Proximal .3: .0476   SGD .05: .0502   AdaGrad .2: .0512
    # Adam .01: .0521   identity  AdaGrad .03: .0591. The logistic link wins on each set, continuous rewards included.
    if link == "logistic":
        return linear_model.LogisticRegression(optim.FTRLProximal(0.5), loss=SoftLog(), intercept_lr=0.0)
    if link == "identity":
        return linear_model.LinearRegression(optim.AdaGrad(0.05), intercept_lr=0.0)
    raise PolicyError(f"link is 'logistic' or 'identity', not {link!r}")


def _own(actions: Actions, index: int) -> dict[str, float | str]:
    return named_features(actions.rows[index], OWN) if actions.rows else {}


def _within_limit(features: dict[str, Any], known: Any, limit: int) -> dict[str, Any]:
    """The features already known, and as many new ones as there is room for."""
    if len(known) + len(features) <= limit:
        return features
    fresh = [name for name in features if name not in known]
    refused = set(fresh[max(0, limit - len(known)) :])
    return {name: value for name, value in features.items() if name not in refused}
