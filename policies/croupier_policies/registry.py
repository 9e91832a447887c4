"""Registry of policies, learners, models and exploration laws, by the name that a log stores."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import Any, TypeVar

from croupier_policies.arguments import checked
from croupier_policies.base import Configurable, Learner, Policy
from croupier_policies.errors import PolicyError

T = TypeVar("T")
C = TypeVar("C", bound=type)

_CLASSES: list[type] = []


def register(cls: C) -> C:
    """Register a class under its `name`: logs, the command line and the conformance suites find it there.

    From then on its constructor refuses arguments that are not of the plain types in its annotations.

    Raises:
        PolicyError: Another class of the same contract already has the name.

    >>> from croupier_policies import UniformPolicy
    >>> register(UniformPolicy) is UniformPolicy
    True
    """
    for other in _CLASSES:
        if other is not cls and _name(other) == _name(cls) and _bases(other) & _bases(cls):
            raise PolicyError(f"{cls.__name__} and {other.__name__} are both named {_name(cls)!r}; rename one of them")
    if cls not in _CLASSES:
        cls.__init__ = checked(cls.__init__)  # type: ignore[misc] # once, before there is an object of it
        _CLASSES.append(cls)
    return cls


def _name(cls: type) -> str:
    return cls.name  # type: ignore[attr-defined,no-any-return] # every contract declares `name`


def _bases(cls: type) -> set[type]:
    return set(cls.__mro__) - {object, ABC}


def registered(kind: type[T]) -> dict[str, type[T]]:
    """The registered implementations of a contract, by name.

    >>> from croupier_policies import Law
    >>> sorted(registered(Law))[:3]
    ['annealed-softmax', 'boltzmann', 'epsilon-greedy']
    """
    return {_name(cls): cls for cls in sorted(_CLASSES, key=_name) if issubclass(cls, kind)}


def implementations() -> dict[str, type[Configurable]]:
    """The registered policies and learners, by name.

    >>> sorted(implementations())[:3]
    ['adaptive', 'bag', 'catalogue']
    """
    return {**registered(Policy), **registered(Learner)}  # type: ignore[type-abstract] # only compared with


def build(name: str, config: dict[str, Any]) -> Configurable:
    """A new, untrained policy or learner. Raises PolicyError for an unknown name.

    >>> build("constant", {"action": "a"}).config()
    {'action': 'a', 'epsilon': 0.0}
    """
    return _lookup(implementations(), name)(**config)


def resolve(kind: type[T], value: T | Mapping[str, Any], **extra: Any) -> T:
    """The object itself, or a new one built from its name and configuration, with `extra` arguments added.

    >>> from croupier_policies import Law
    >>> resolve(Law, {"name": "upper-bound", "config": {"alpha": 1.0}})
    UpperBound(epsilon=0.01, alpha=1.0)
    """
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping) or {*value} != {"name", "config"} or not isinstance(value["config"], Mapping):
        raise PolicyError(
            f"a {type(value).__name__} is no {kind.__name__}; give one, or a mapping with its name and config"
        )
    cls = _lookup(registered(kind), value["name"])
    try:
        return cls(**value["config"], **extra)
    except TypeError as error:
        raise PolicyError(f"{value['name']!r} cannot be built: {error}") from error


def _lookup(known: dict[str, type[T]], name: str) -> type[T]:
    if not isinstance(name, str) or name not in known:
        names = ", ".join(sorted(known))
        raise PolicyError(f"{name!r} is not registered (known: {names}); pass the object itself, or register its class")
    return known[name]
