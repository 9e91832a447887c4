"""The two policies to begin with: the ridge model, under softmax and under inverse-gap weighting."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from croupier_policies.exploration import InverseGap, Softmax
from croupier_policies.linear_policy import LinearPolicy
from croupier_policies.ridge_model import RidgeModel


class _RidgePolicy(LinearPolicy):
    def config(self) -> dict[str, Any]:
        """The constructor's arguments, without `device`: where it runs is not what it is."""
        model = self.model.config()
        return self.law.config() | {name: model[name] for name in ("squares", "max_columns", "max_bytes")}

    def fresh(self) -> Self:
        """A new one that has learned nothing, on the same device."""
        return type(self)(**self.config(), device=self.model.device)  # type: ignore[call-arg]


class SoftmaxPolicy(_RidgePolicy):
    """The default: a softmax over optimistic scores whose temperature is the uncertainty itself.

    score_a = mean_a + 2·alpha·σ·sd_a and
    π_a = (1 - epsilon)·softmax_a(-Δ_a / (v·σ·√(sd_a² + sd_b²))) + epsilon/K,
    Δ_a the gap to the best score and b its action. Where the evidence has settled a gap the policy commits; where it
    has not, it tries. It is `LinearPolicy(model=RidgeModel(…), law=Softmax(…))` under a name of its own.

    Args:
        alpha: Optimism.
        v: Temperature, in standard deviations of the difference of two estimates.
        epsilon: The floor.
        squares: See `RidgeModel`.
        max_columns: See `RidgeModel`.
        max_bytes: See `RidgeModel`.
        device: See `Model`.

    >>> from croupier_policies import Actions
    >>> SoftmaxPolicy().probabilities({"hour": 14.0}, Actions(("a", "b"))).tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "softmax"

    def __init__(
        self,
        *,
        alpha: float = 0.75,
        v: float = 0.1,
        epsilon: float = 0.01,
        squares: bool = True,
        max_columns: int = 512,
        max_bytes: int = 2**30,
        device: str = "cpu",
    ) -> None:
        super().__init__(
            model=RidgeModel(squares=squares, max_columns=max_columns, max_bytes=max_bytes, device=device),
            law=Softmax(alpha=alpha, v=v, epsilon=epsilon),
        )


class InverseGapPolicy(_RidgePolicy):
    """Inverse-gap weighting (Foster & Rakhlin 2020, "SquareCB") on the same posterior; for clicks and many actions.

    q_a = 1 / (K + gamma·√(K(t+1))·Δ_a/σ) for a ≠ b, the rest for b, mixed with epsilon/K; t counts rewards.

    Args:
        alpha: Optimism; .25 suits hundreds of actions.
        gamma: How fast a gap closes.
        epsilon: The floor.
        squares: See `RidgeModel`.
        max_columns: See `RidgeModel`.
        max_bytes: See `RidgeModel`.
        device: See `Model`.

    >>> from croupier_policies import Actions
    >>> InverseGapPolicy().probabilities({"hour": 14.0}, Actions(("a", "b"))).tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "inverse-gap"

    def __init__(
        self,
        *,
        alpha: float = 0.5,
        gamma: float = 15.0,
        epsilon: float = 0.01,
        squares: bool = True,
        max_columns: int = 512,
        max_bytes: int = 2**30,
        device: str = "cpu",
    ) -> None:
        super().__init__(
            model=RidgeModel(squares=squares, max_columns=max_columns, max_bytes=max_bytes, device=device),
            law=InverseGap(alpha=alpha, gamma=gamma, epsilon=epsilon),
        )
