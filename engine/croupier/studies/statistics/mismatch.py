"""Sample-ratio mismatch: whether units met the variants with the probabilities that were meant, at every unit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from croupier.errors import InputError
from croupier.studies.statistics.windows import Codes, Matrix
from croupier_policies import Vector


class Mismatch(NamedTuple):
    """A sequential test of the split.

    Attributes:
        evidence: log E after each unit, shape (n,): how much likelier the units are under another split.
        p: min(1, 1/max E) so far, shape (n,), valid at every unit.
        observed: Units of each variant, shape (variants,).
        expected: Σ of their probabilities, shape (variants,).
    """

    evidence: Vector
    p: Vector
    observed: Vector
    expected: Vector

    def alarm(self, alpha: float = 0.01) -> int | None:
        """The first unit, counted from 1, at which p ≤ α; None where the split is not in doubt.

        At a right split it is ever raised with probability at most α.
        """
        raised = np.flatnonzero(self.p <= alpha)
        return int(raised[0]) + 1 if len(raised) else None


def sample_ratio(variant: Codes, probability: Matrix, concentration: float = 100.0) -> Mismatch:
    """E_n = Π q_i(v_i)/p_i(v_i), a martingale at the right split whatever the predictable q_i is.

    q_i(v) ∝ p_i(v)·(k·p_i(v) + N_v)/(k·p_i(v) + M_v), with N_v the units of v before i and M_v the sum of their
    probabilities: what was meant, tilted as the units so far were. Under unchanging weights it is the
    Dirichlet-multinomial predictive probability with parameters k·p.

    Use every unit that met a variant, in the order in which they first did, not only those with closed windows.

    Args:
        variant: v_i, index of the variant that unit i met, shape (n,).
        probability: p_i, the weights in force at that meeting, shape (n, variants), rows summing to 1.
        concentration: k. The larger, the smaller the mismatches it is best at: about ±1/(2√k) at an even split.

    Raises:
        InputError: A row of probabilities does not sum to 1, or a unit met a variant of probability 0.

    Source: Lindon & Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022.

    >>> found = sample_ratio(np.zeros(100, dtype=np.int64), np.full((100, 2), 0.5))
    >>> found.alarm()
    36
    """
    rows, k = np.arange(len(variant)), concentration
    if not np.allclose(probability.sum(axis=1), 1.0, atol=1e-9):
        raise InputError("the probabilities of all variants, the hold-out included, must sum to 1 for every unit")
    if not (probability[rows, variant] > 0).all():
        raise InputError("a unit met a variant that had probability 0: the weights in force are not these")
    met = np.zeros_like(probability)
    met[rows, variant] = 1.0
    before, meant = np.cumsum(met, axis=0) - met, np.cumsum(probability, axis=0) - probability
    prior = k * probability
    tilt = np.divide(prior + before, prior + meant, out=np.ones_like(prior), where=prior > 0)
    gain = np.log(tilt[rows, variant] / (probability * tilt).sum(axis=1))
    evidence = np.cumsum(gain)
    p = np.exp(-np.maximum(0.0, np.maximum.accumulate(evidence)))
    return Mismatch(evidence, p, met.sum(axis=0), probability.sum(axis=0))
