"""The two policies to begin with: ridge models with and without squares, under softmax and inverse-gap weighting."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from croupier_policies.exploration.base import Law
from croupier_policies.exploration.laws import InverseGap, Softmax
from croupier_policies.models.bank import BankModel
from croupier_policies.models.base import Model
from croupier_policies.models.ridge import RidgeModel
from croupier_policies.policies.linear import LinearPolicy
from croupier_policies.registry import register


class _RidgePolicy(LinearPolicy):
    """A law on the better of two ridge models: on numbers alone, and on numbers and their squares.

    Where the truth is linear, squares double what has to be estimated and help nothing: clicks at 1 % earn 4 points of
    lift less. On tables of measurements they halve the error of some sets. Which it is the first few hundred rewards
    tell: no amplitude of the squares between was as good on either side.
    """

    def __init__(self, law: Law, squares: bool, max_columns: int, max_bytes: int, device: str) -> None:
        self.squares, self.max_columns, self.max_bytes = squares, max_columns, max_bytes
        super().__init__(model=self._model(device), law=law)

    def _model(self, device: str) -> Model:
        both = (False, True) if self.squares else (False,)
        share = self.max_bytes // len(both)
        members = [
            RidgeModel(squares=squares, max_columns=self.max_columns, max_bytes=share, device=device)
            for squares in both
        ]
        return BankModel(members=members, memory=0.0) if self.squares else members[0]

    def config(self) -> dict[str, Any]:
        """The constructor's arguments, without `device`: where it runs is not what it is."""
        return self.law.config() | {name: getattr(self, name) for name in ("squares", "max_columns", "max_bytes")}

    def fresh(self) -> Self:
        """A new one that has learned nothing, on the same device."""
        return type(self)(**self.config(), device=self.model.device)


@register
class SoftmaxPolicy(_RidgePolicy):
    """The default: a softmax over optimistic scores whose temperature is the uncertainty itself.

    score_a = mean_a + 2·alpha·σ·sd_a and
    π_a = (1 - epsilon)·softmax_a(-Δ_a / (v·σ·√(sd_a² + sd_b²))) + epsilon/K,
    Δ_a the gap to the best score and b its action. Where the evidence has settled a gap the policy commits; where it
    has not, it tries. The estimates are those of a `RidgeModel` on the numbers of the context or, as soon as its
    predictions have been the better ones, of another on the numbers and their squares: a `BankModel` of the two.

    Args:
        alpha: Optimism.
        v: Temperature, in standard deviations of the difference of two estimates.
        epsilon: The floor.
        squares: Whether there is the model with squares; without, choosing and learning take half the time.
        max_columns: See `RidgeModel`.
        max_bytes: The most memory, half of it for each model.
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
        super().__init__(Softmax(alpha=alpha, v=v, epsilon=epsilon), squares, max_columns, max_bytes, device)


@register
class InverseGapPolicy(_RidgePolicy):
    """Inverse-gap weighting (Foster & Rakhlin 2020, "SquareCB") on the same models; for clicks and many actions.

    q_a = 1 / (K + gamma·√(K(t+1))·Δ_a/σ) for a ≠ b, the rest for b, mixed with epsilon/K; t counts rewards.

    Args:
        alpha: Optimism; .25 suits hundreds of actions.
        gamma: How fast a gap closes.
        epsilon: The floor.
        squares: Whether there is the model with squares; without, choosing and learning take half the time.
        max_columns: See `RidgeModel`.
        max_bytes: The most memory, half of it for each model.
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
        super().__init__(InverseGap(alpha=alpha, gamma=gamma, epsilon=epsilon), squares, max_columns, max_bytes, device)
