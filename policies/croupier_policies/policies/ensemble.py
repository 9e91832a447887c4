"""Thompson sampling by a frozen ensemble: a fixed set of draws from the posterior."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np
from scipy.special import ndtri

from croupier_policies import arrays, registry
from croupier_policies.base import Actions, Row, Vector
from croupier_policies.errors import PolicyError
from croupier_policies.exploration.sampling import uniform
from croupier_policies.models.base import Model, check_at_least
from croupier_policies.models.ridge import RidgeModel
from croupier_policies.policies.base import MAX_SIZE, ModelPolicy
from croupier_policies.policies.linear import Description
from croupier_policies.registry import register


@register
class EnsemblePolicy(ModelPolicy):
    """Votes of a frozen ensemble: π_a = (1 - ε)·(fraction of members b for which s_ab is the largest) + ε/K.

    s_ab = mean_a + scale·σ·sd_a·z_ab, where z_ab is a standard normal number derived by hashing the seed, b and the
    action's id. The members are the same at every choice, so the propensity is known exactly. `Thompson` computes the
    limit of infinitely many members with independent normals by quadrature.

    Args:
        model: The reward model, or its name and configuration as `config` gives them; a `RidgeModel` by default.
        size: The number of members B; no probability lies strictly between ε/K and ε/K + (1 − ε)/B unless votes tie.
        scale: Factor on the posterior standard deviations.
        seed: The seed of the ensemble.
        epsilon: The floor ε.

    Raises:
        PolicyError: An argument is out of range.

    Source: Lu & Van Roy (2017), "Ensemble sampling", NeurIPS.

    >>> policy = EnsemblePolicy(size=200)
    >>> bool(abs(policy.probabilities({"hour": 14.0}, Actions(("a", "b")))[0] - 0.5) < 0.1)
    True
    """

    name: ClassVar[str] = "ensemble"

    def __init__(
        self,
        *,
        model: Model | Description | None = None,
        size: int = 100,
        scale: float = 1.0,
        seed: int = 0,
        epsilon: float = 0.01,
    ) -> None:
        check_at_least(0, scale=scale)
        if not 1 <= size <= MAX_SIZE or not 0 <= seed < 1 << 64 or not 0 <= epsilon <= 1:
            raise PolicyError(
                f"size {size} must be 1 to {MAX_SIZE:,}, seed {seed} below 2**64, epsilon {epsilon} from 0 to 1"
            )
        self.model = registry.resolve(Model, RidgeModel() if model is None else model)  # type: ignore[type-abstract] # only concrete classes are built
        self.size, self.scale, self.seed, self.epsilon = size, float(scale), seed, float(epsilon)

    def config(self) -> dict[str, Any]:
        """The constructor's arguments, the model by its name and configuration."""
        own = {"size": self.size, "scale": self.scale, "seed": self.seed, "epsilon": self.epsilon}
        return own | {"model": {"name": self.model.name, "config": self.model.config()}}

    def fresh(self) -> Self:
        """A new, untrained policy on the same device."""
        return type(self)(**self.config() | {"model": self.model.fresh()})

    def probabilities(self, context: Row, actions: Actions) -> Vector:
        """(1 - ε)·votes/B + ε/K, (K,); a member with tied best actions splits its vote."""
        mean, sd, sigma, _ = self.model.estimates(context, actions)
        z = np.stack([_normals(self.seed, self.size, action) for action in actions.ids], axis=1)
        scores = arrays.to_host(mean) + self.scale * sigma * arrays.to_host(sd) * z
        best = scores == scores.max(axis=1, keepdims=True)
        votes = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
        p: Vector = (1.0 - self.epsilon) * (votes / votes.sum()) + self.epsilon / len(actions)
        return p


@lru_cache(maxsize=4096)
def _normals(seed: int, size: int, action: str) -> Vector:
    """The numbers z of one action, (size,), at the midpoints of cells of 2⁻⁵³, so that none is infinite."""
    u = np.array([uniform(seed, "ensemble", f"{b}/{action}") for b in range(size)])
    z: Vector = ndtri(u + 2.0**-54)
    z.flags.writeable = False  # the cached array is shared
    return z
