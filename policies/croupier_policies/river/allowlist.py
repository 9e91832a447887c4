"""The allow-list: the classes, types and factories that a stored River model may name, and their attributes.

Each class is listed by untrained specimens; a stored object may have exactly the attributes of the specimens. So the
list follows the installed version of River, and no name from data is ever imported.
Excluded on purpose: classes with a random generator, a window, a matrix, or an object of River's compiled modules.
"""

from __future__ import annotations

import numbers
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from river import compose, linear_model, optim, preprocessing, stats
from river.utils import VectorDict

from croupier_policies.errors import ForgedState
from croupier_policies.river.default_model import CrossedModel, SoftLog

__all__ = ["FACTORIES", "TYPES", "AllowedClass", "VectorDict", "classes", "stored_name"]

TYPES: Final[dict[str, type]] = {
    "bool": bool,
    "float": float,
    "int": int,
    "numbers.Number": numbers.Number,
    "str": str,
}
FACTORIES: Final[dict[str, Callable[[], Any]]] = {
    "float": float,
    "int": int,
    "set": set,
    "stats.AbsMax": stats.AbsMax,
    "stats.Max": stats.Max,
    "stats.Min": stats.Min,
}
_SCALERS: Final = (preprocessing.MaxAbsScaler, preprocessing.MinMaxScaler, preprocessing.StandardScaler)


#: The stored names of our own classes: part of the snapshot format, so they stay when a module moves.
_STORED_NAMES: Final[dict[type, str]] = {
    CrossedModel: "croupier_policies.river_model.CrossedModel",
    SoftLog: "croupier_policies.river_model.SoftLog",
}


def stored_name(kind: type) -> str:
    """The name under which objects of a class are stored."""
    return _STORED_NAMES.get(kind, f"{kind.__module__}.{kind.__qualname__}")


@dataclass(frozen=True)
class AllowedClass:
    """A class of the allow-list.

    `derived` attributes are not stored but recomputed, or dropped if None. `growing` attributes are mappings to which
    reading a key adds an entry, so that neither their order nor an entry equal to the default carries information.
    """

    kind: type
    attributes: frozenset[str]
    required: frozenset[str]
    derived: dict[str, Callable[[Any], Any] | None]
    growing: frozenset[str]


@lru_cache(maxsize=1)
def classes() -> dict[str, AllowedClass]:
    """The allow-list, by the full name of each class."""
    found: dict[str, AllowedClass] = {}
    for specimen in _specimens():
        kind = type(specimen)
        derived = _derived(specimen)
        growing = frozenset(k for k, v in vars(specimen).items() if isinstance(v, defaultdict) and kind in _SCALERS)
        names = frozenset(vars(specimen)) - frozenset(derived)
        name = stored_name(kind)
        known = found.get(name, AllowedClass(kind, names, names, derived, growing))
        found[name] = AllowedClass(kind, known.attributes | names, known.required & names, derived, growing)
    return found


def _derived(specimen: Any) -> dict[str, Callable[[Any], Any] | None]:
    if isinstance(specimen, compose.Pipeline):  # its cached plan, rebuilt at the next prediction
        return {
            "_plan": lambda _: None,
            "_inference_transformers": lambda _: (),
            "_last_step_cached": lambda _: None,
            "_last_step_params": None,
        }
    if isinstance(specimen, linear_model.PARegressor | linear_model.PAClassifier):  # a bound method
        return {"calc_tau": _calc_tau}
    if isinstance(specimen, preprocessing.TargetMinMaxScaler | preprocessing.TargetStandardScaler):
        return {"func": lambda model: model._scale, "inverse_func": lambda model: model._unscale}
    return {}


def _calc_tau(model: Any) -> Any:
    if type(model.mode) is not int or model.mode not in (0, 1, 2):
        raise ForgedState(f"{model.mode!r} is not a mode of a passive-aggressive model")
    return (model._calc_tau_0, model._calc_tau_1, model._calc_tau_2)[model.mode]


def _specimens() -> Iterator[Any]:
    yield from (CrossedModel("logistic", 1), SoftLog())
    yield from _linear_models()
    yield from _preprocessors()
    yield from _optimizers()
    yield from (kind() for kind in (stats.AbsMax, stats.Count, stats.Max, stats.Mean, stats.Min, stats.Sum, stats.Var))


def _linear_models() -> Iterator[Any]:
    linear: Any = linear_model  # typed in part only
    for kind in (linear_model.LinearRegression, linear_model.LogisticRegression):
        yield from (kind(), kind(l1=0.1))  # an l1 penalty adds attributes
    yield from (linear.PAClassifier(), linear.PARegressor(), linear.Perceptron())


def _preprocessors() -> Iterator[Any]:
    prepare: Any = preprocessing  # typed in part only
    yield from (prepare.MaxAbsScaler(), prepare.MinMaxScaler(), prepare.StandardScaler())
    yield from (prepare.Binarizer(), prepare.Normalizer(), prepare.OneHotEncoder())
    regressor = linear_model.LinearRegression()
    yield prepare.PredClipper(regressor, 0.0, 1.0)
    yield from (prepare.TargetMinMaxScaler(regressor), prepare.TargetStandardScaler(regressor))
    yield from (
        compose.Pipeline(),
        compose.TransformerUnion(),
        compose.Discard(),
        compose.Select(),
        compose.SelectType(),
    )
    yield from (compose.Prefixer(""), compose.Renamer({}), compose.Suffixer(""))


def _optimizers() -> Iterator[Any]:
    yield from (optim.AdaBound(), optim.AdaDelta(), optim.AdaGrad(), optim.AdaMax(), optim.Adam(), optim.AMSGrad())
    yield from (optim.Averager(optim.SGD()), optim.FTRLProximal(), optim.Momentum(), optim.Nadam())
    yield from (optim.NesterovMomentum(), optim.RMSProp(), optim.SGD())
    yield from (optim.initializers.Constant(0.0), optim.initializers.Zeros())
    schedulers, losses = optim.schedulers, optim.losses
    yield from (schedulers.Constant(0.1), schedulers.InverseScaling(0.1), schedulers.Optimal(losses.Squared()))
    yield from (losses.Absolute(), losses.BinaryFocalLoss(), losses.Cauchy(), losses.EpsilonInsensitiveHinge())
    yield from (losses.Hinge(), losses.Huber(), losses.Log(), losses.Poisson(), losses.Quantile(), losses.Squared())
