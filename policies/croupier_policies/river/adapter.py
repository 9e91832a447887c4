"""Adapts a user's own River model, which takes one flat dict of features at a time.

Importing this module imports River: `RiverLearner` does so when it is constructed.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from river import base, compose, preprocessing

from croupier_policies.base import Actions, Row
from croupier_policies.errors import PolicyError
from croupier_policies.river.features import flat_features, named_features


class AdaptedModel:
    """A River regressor, or a classifier whose P(True) is the estimated reward.

    A classifier learns a reward r between 0 and 1 as two examples: True with sample weight r, and False with 1 − r. The
    transformers before it in a pipeline see the event once.

    Args:
        model: A River model; it is cloned, so that it starts untrained and the caller's object is not changed.

    Raises:
        PolicyError: It is not such a model, is a classifier without sample weights, or is not reproducible.
    """

    def __init__(self, model: Any) -> None:
        if not isinstance(model, base.Estimator):
            raise PolicyError(f"{type(model).__name__} is not a River model")
        self.model: Any = model.clone()
        for estimator in _estimators(self.model, set()):
            _make_deterministic(estimator)
        self.replace_model(self.model)
        self.classifies = isinstance(self._last, base.Classifier)
        if self.classifies:
            self._check_classifier()
        elif not isinstance(self._last, base.Regressor):
            raise PolicyError(f"{type(self._last).__name__} is neither a regressor nor a classifier")

    def replace_model(self, model: Any) -> None:
        """Replace the model by a trained one of the same classes."""
        self.model = model
        *self._transformers, self._last = _steps(model)

    def _check_classifier(self) -> None:
        name = type(self._last).__name__
        if "w" not in inspect.signature(self._last.learn_one).parameters:
            raise PolicyError(
                f"{name} takes no sample weights, so it cannot learn a reward of ½; use a classifier whose learn_one"
                " takes w, or a regressor"
            )
        if any(not isinstance(step, base.Transformer) or step._supervised for step in self._transformers):
            raise PolicyError(f"only unsupervised transformers may precede {name} in a pipeline")

    def predict(self, context: Row, actions: Actions) -> list[float]:
        """The estimated reward of each action; ½ if the model returns no prediction yet."""
        x = named_features(context)
        return [self._predict_one(flat_features(x, actions, k)) for k in range(len(actions))]

    def _predict_one(self, x: dict[str, float | str]) -> float:
        if self.classifies:
            probabilities = self.model.predict_proba_one(x)
            return float(probabilities.get(True, 0.0)) if probabilities else 0.5
        estimate = self.model.predict_one(x)
        return 0.5 if estimate is None else float(estimate)

    def learn(self, context: Row, actions: Actions, index: int, reward: float) -> None:
        """Learn one reward of `actions.ids[index]`."""
        x = flat_features(named_features(context), actions, index)
        if not self.classifies:
            self.model.learn_one(x, reward)
        elif reward in (0.0, 1.0):
            self.model.learn_one(x, reward == 1.0)
        else:
            self.model.learn_one(x, True, w=reward)
            for step in self._transformers:
                x = step.transform_one(x)
            self._last.learn_one(x, False, w=1.0 - reward)


def _steps(model: Any) -> list[Any]:
    return list(model.steps.values()) if isinstance(model, compose.Pipeline) else [model]


def _estimators(value: Any, seen: set[int]) -> Iterator[Any]:
    """Every River object inside an untrained model, including itself."""
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _estimators(item, seen)
    elif isinstance(value, base.Base) and id(value) not in seen:
        seen.add(id(value))
        yield value
        yield from _estimators(list(vars(value).values()), seen)


def _make_deterministic(estimator: Any) -> None:
    """Sort or refuse what would differ in another process."""
    if vars(estimator).get("seed", 0) is None:
        raise PolicyError(f"{type(estimator).__name__} has no seed, so the log could not be replayed; set one")
    kind = type(estimator)  # isinstance would compare the last step of a pipeline
    if issubclass(kind, compose.Select):
        # a set of strings has a different order in every process, and a sum in another order has another last bit
        vars(estimator)["keys"] = tuple(sorted(map(str, estimator.keys)))
    if issubclass(kind, preprocessing.OneHotEncoder) and estimator.categories and not estimator.drop_zeros:
        raise PolicyError("OneHotEncoder orders its categories differently in every process; pass drop_zeros=True")
