"""The default reward model, built with River: a generalised linear model of context, action and their products.

Importing this module imports River: `RiverLearner` does so when it is constructed.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from river import linear_model, optim, preprocessing

from croupier_policies.base import Actions, Finding, Reason, Row
from croupier_policies.encoding.watch import Moments, ScaleWatch
from croupier_policies.errors import PolicyError
from croupier_policies.river.features import named_features

CLIP: Final = 3.0  # standard deviations: an outlier must not move every weight
NORM: Final = math.sqrt(
    8.0
)  # rows with a larger norm are scaled down to it: one learning rate then suits 2 features and 60
CROSSES: Final = 1024  # context × action features of one row; with more, only the action id is crossed
SEP: Final = "\x1f"  # the unit separator joins the names of a crossed feature
OWN: Final = f"action{SEP}"


class SoftLog(optim.losses.Log):
    """Logarithmic loss for rewards between 0 and 1; its derivative with respect to the logit z is σ(z) − r.

    River's own `Log` truncates rewards to `int(r)`, so that a reward of ½ would count as 0.

    >>> SoftLog().gradient(0.5, 0.0)
    0.0
    """

    def gradient(self, y_true: Any, y_pred: Any) -> Any:
        """The derivative of the loss with respect to the logit `y_pred`, for a reward `y_true` between 0 and 1."""
        return self.mean_func(y_pred) - y_true


class CrossedModel:
    """r̂(x, a) = g(w·x + w_a·x + w_z·z_a + zₐᵀW x), with g the logistic function or the identity.

    x is the context: numbers standardised and clipped to ±3, strings one-hot encoded, scaled down to norm √8 if larger,
    and a constant 1. z_a are the action's features, encoded in the same way. w is shared and w_a specific to the
    action. All are features of one River model. The prediction before any reward is ½ (logistic) or 0 (identity).

    Args:
        link: "logistic" or "identity".
        limit: The largest number of weights, and of scaled names; features seen after that are not learned.
    """

    def __init__(self, link: str, limit: int) -> None:
        self.link = link
        self.limit = limit
        self.scaler: Any = preprocessing.StandardScaler()
        self.glm = _glm(link)

    def clone(self) -> CrossedModel:
        """An untrained model with the same configuration."""
        return CrossedModel(self.link, self.limit)

    def predict(self, context: Row, actions: Actions) -> list[float]:
        """The estimated reward of each action; the context is encoded once for all of them."""
        x = self._encode(named_features(context))
        return [self._predict_one(self._cross(x, actions, k)) for k in range(len(actions))]

    def learn(self, context: Row, actions: Actions, index: int, reward: float) -> None:
        """Learn one reward of `actions.ids[index]`: first update the running moments, then the weights."""
        row, own = named_features(context), _own(actions, index)
        numbers = {k: v for k, v in {**row, **own}.items() if not isinstance(v, str)}
        self.scaler.learn_one(_within_limit(numbers, self.scaler.counts, self.limit))
        features = self._cross(self._encode(row), actions, index)
        # the property `weights` would copy all of them
        self.glm.learn_one(_within_limit(features, self.glm._weights, self.limit), reward)

    def findings(self, watch: ScaleWatch) -> list[Finding]:
        """Numbers whose values cannot be told apart, and whether there is no room for further weights."""
        counts, means, variances = self.scaler.counts, self.scaler.means, self.scaler.vars
        names = [name for name, count in counts.items() if count]
        # read with `get`: subscripting River's mappings would add an unknown feature
        moments = [(float(counts[k]), float(means.get(k, 0.0)), float(variances.get(k, 0.0))) for k in names]
        count, mean, variance = np.array(moments, float).reshape(-1, 3).T
        found = watch.look([name.replace(OWN, "action.") for name in names], Moments(count, mean, variance * count))
        if len(self.glm._weights.keys()) >= self.limit:
            text = (
                f"the learner has all of its {self.limit} weights: features and actions that came later are not "
                "learned; open the store with RiverLearner(limit=…) and replay=True, or give fewer different values"
            )
            found.append(Finding(Reason.NAMES_WITHOUT_ROOM, 1, (), text))
        return found

    def _predict_one(self, features: dict[str, float]) -> float:
        if self.link == "logistic":
            return float(self.glm.predict_proba_one(features)[True])
        return float(self.glm.predict_one(features))

    def _encode(self, row: dict[str, float | str]) -> dict[str, float]:
        # read with `get`: subscripting River's mappings would add an unknown feature
        means, variances, encoded = self.scaler.means, self.scaler.vars, {}
        for name, value in row.items():
            if isinstance(value, str):
                encoded[f"{name}={value}"] = 1.0
            elif (variance := variances.get(name, 0.0)) > 0.0:  # false for NaN and −∞, the results of overflow
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
    # an explicit loop: the built-in sum rounds differently since Python 3.12
    square = 0.0
    for value in row.values():
        square += value * value
    if square <= NORM * NORM:
        return row
    scale = NORM / math.sqrt(square)
    return {name: value * scale for name, value in row.items()}


def _glm(link: str) -> Any:
    # Progressive mean squared error, one pass, uniformly drawn actions, at the best rate of each optimiser; the mean
    # over Phishing, ImageSegments, digits, breast cancer, `clicks` at 5 % and 1 %, `continuous` (running mean: .1172):
    #   logistic  FTRL-Proximal .5: .0467   SGD .1: .0508   identity  AdaGrad .05: .0526   FTRL-Proximal .05: .0530
    # and without scaling rows down, logistic  FTRL-Proximal .3: .0476   SGD .05: .0502   AdaGrad .2: .0512
    # Adam .01: .0521   identity  AdaGrad .03: .0591. The logistic link is best on every set.
    if link == "logistic":
        return linear_model.LogisticRegression(optim.FTRLProximal(0.5), loss=SoftLog(), intercept_lr=0.0)
    if link == "identity":
        return linear_model.LinearRegression(optim.AdaGrad(0.05), intercept_lr=0.0)
    raise PolicyError(f"link must be 'logistic' or 'identity', not {link!r}")


def _own(actions: Actions, index: int) -> dict[str, float | str]:
    return named_features(actions.rows[index], OWN) if actions.rows else {}


def _within_limit(features: dict[str, Any], known: Any, limit: int) -> dict[str, Any]:
    """The known features, and as many new ones as there is room for."""
    count = len(known.keys())  # the length of the mapping itself takes River a pass over it
    if count + len(features) <= limit:
        return features
    new = [name for name in features if name not in known]
    refused = set(new[max(0, limit - count) :])
    return {name: value for name, value in features.items() if name not in refused}
