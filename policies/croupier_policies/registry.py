"""Finding what this package exports by the name and configuration under which a log knows it."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import isabstract
from typing import Any, TypeVar

import croupier_policies
from croupier_policies.base import Configured, Learner, Policy
from croupier_policies.errors import PolicyError

T = TypeVar("T")


def exported(kind: type[T]) -> dict[str, type[T]]:
    """Every exported implementation of a contract, by name: exporting one is all it takes to be found.

    >>> from croupier_policies import Law
    >>> sorted(exported(Law))[:3]
    ['boltzmann', 'epsilon-greedy', 'inverse-gap']
    """
    things = (getattr(croupier_policies, name) for name in croupier_policies.__all__)
    found = (c for c in things if isinstance(c, type) and issubclass(c, kind) and not isabstract(c))
    return {c.name: c for c in found}  # type: ignore[attr-defined] # every contract has names


def implementations() -> dict[str, type[Configured]]:
    """Every exported policy and learner, by name.

    >>> sorted(implementations())[:3]
    ['bag', 'catalogue', 'constant']
    """
    return {**exported(Policy), **exported(Learner)}  # type: ignore[type-abstract] # only the concrete are returned


def build(name: str, config: dict[str, Any]) -> Configured:
    """A new policy or learner that has learned nothing. Raises PolicyError for an unknown name.

    >>> build("constant", {"action": "a"}).config()
    {'action': 'a', 'epsilon': 0.0}
    """
    return _known(implementations(), name)(**config)


def made(kind: type[T], given: T | Mapping[str, Any], **where: Any) -> T:
    """The object itself, or a new one of its name, its configuration and what `where` adds. Raises PolicyError.

    >>> from croupier_policies import Law
    >>> made(Law, {"name": "upper-bound", "config": {"alpha": 1.0}})
    UpperBound(epsilon=0.01, alpha=1.0)
    """
    if isinstance(given, Mapping):
        return _known(exported(kind), given["name"])(**given["config"], **where)
    return given


def _known(known: dict[str, type[T]], name: str) -> type[T]:
    if name not in known:
        names = ", ".join(sorted(known))
        raise PolicyError(f"{name!r} is none of those exported ({names}); pass the object itself")
    return known[name]
