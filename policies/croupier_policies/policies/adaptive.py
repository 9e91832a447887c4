"""A policy for contexts as they are: text, tags, ids and embeddings beside numbers, and a world that changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from croupier_policies.base import UNIT
from croupier_policies.exploration.laws import AnnealedSoftmax
from croupier_policies.models.mixed import MixedModel
from croupier_policies.policies.linear import LinearPolicy
from croupier_policies.registry import register


@register
class AdaptivePolicy(LinearPolicy):
    """A softmax, cooled by the number of rewards, over the best of four reward models; see `MixedModel`.

    û_a = mean_a + 2·alpha·σ·sd_a and π_a = (1 - epsilon)·softmax_a(-(max û - û_a)/τ) + epsilon/K with
    τ = v·σ·√(K/(n + 1)) after n rewards. The models are one without memory loss, one that forgets, one with squares of
    numbers and one with products of fields; the one whose latest predictions were best decides. What the unit of a
    decision likes is learned with shrinkage to what all like.

    Args:
        alpha: Optimism; .25 for rare clicks, .5 for labels without noise among many classes.
        v: Temperature.
        epsilon: The floor.
        squares: See `MixedModel`.
        pairs: See `MixedModel`.
        half_life: See `MixedModel`.
        ids: Fields whose values are ids, besides the unit.
        max_bytes: The memory limit.
        device: See `MixedModel`.

    >>> from croupier_policies import Actions
    >>> AdaptivePolicy().probabilities({"hour": 14.0, "tags": ["new"]}, Actions(("a", "b"))).tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "adaptive"
    unit_field = UNIT

    def __init__(
        self,
        *,
        alpha: float = 0.35,
        v: float = 0.1,
        epsilon: float = 0.01,
        squares: bool = True,
        pairs: bool = True,
        half_life: float = 500.0,
        ids: Sequence[str] = (),
        max_bytes: int = 2**30,
        device: str = "cpu",
    ) -> None:
        self._config: dict[str, Any] = {
            "squares": squares,
            "pairs": pairs,
            "half_life": half_life,
            "max_bytes": max_bytes,
        }
        self.ids = tuple(ids)
        super().__init__(
            model=MixedModel(ids=(*self.ids, UNIT), device=device, **self._config),
            law=AnnealedSoftmax(alpha=alpha, v=v, epsilon=epsilon),
        )

    def config(self) -> dict[str, Any]:
        """The constructor's arguments without `device`."""
        return self.law.config() | self._config | {"ids": list(self.ids)}

    def fresh(self) -> Self:
        """A new, untrained policy on the same device."""
        return type(self)(**self.config(), device=self.model.device)
