"""Finding a policy or learner by the name and configuration under which a log knows it."""

from __future__ import annotations

from typing import Any

import croupier_policies
from croupier_policies.base import Configured
from croupier_policies.errors import PolicyError


def implementations() -> dict[str, type[Configured]]:
    """Every exported policy and learner, by name: exporting one is all it takes to be found.

    >>> sorted(implementations())[:3]
    ['constant', 'inverse-gap', 'river']
    """
    exported = (getattr(croupier_policies, name) for name in croupier_policies.__all__)
    classes = (c for c in exported if isinstance(c, type) and issubclass(c, Configured))
    return {c.name: c for c in classes if not c.__abstractmethods__}


def build(name: str, config: dict[str, Any]) -> Configured:
    """A new policy or learner that has learned nothing. Raises PolicyError for an unknown name.

    >>> build("constant", {"action": "a"}).config()
    {'action': 'a', 'epsilon': 0.0}
    """
    known = implementations()
    if name not in known:
        names = ", ".join(sorted(known))
        raise PolicyError(f"{name!r} is none of the exported policies and learners ({names}); pass the object itself")
    return known[name](**config)
