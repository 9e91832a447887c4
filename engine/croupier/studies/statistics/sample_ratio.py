"""Sequential test for sample-ratio mismatch (SRM): are units assigned with the intended probabilities?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from croupier.errors import InputError
from croupier.studies.statistics.windows import IntVector, Matrix
from croupier_policies import Vector


class SampleRatioTest(NamedTuple):
    """The result of a sequential test for sample-ratio mismatch.

    Attributes:
        log_e: log E after each unit, shape (n,): the log likelihood ratio of another split against the intended one.
        p: Anytime-valid p-value min(1, 1/max E) after each unit, shape (n,).
        observed: Units assigned to each variant, shape (variants,).
        expected: Sum of the units' assignment probabilities, shape (variants,).
    """

    log_e: Vector
    p: Vector
    observed: Vector
    expected: Vector

    def alarm(self, alpha: float = 0.01) -> int | None:
        """The first unit, counted from 1, at which p ≤ α; None if no mismatch is detected.

        If the split is as intended, an alarm is ever raised with probability at most α.
        """
        raised = np.flatnonzero(self.p <= alpha)
        return int(raised[0]) + 1 if len(raised) else None


def sample_ratio_test(variant: IntVector, probability: Matrix, concentration: float = 100.0) -> SampleRatioTest:
    """E_n = Π q_i(v_i)/p_i(v_i), a martingale under the intended split for every predictable q_i.

    q_i(v) ∝ p_i(v)·(k·p_i(v) + N_v)/(k·p_i(v) + M_v), with N_v the number of units before i assigned to v and M_v the
    sum of their probabilities of v: the intended probabilities, tilted towards the counts observed so far. Under
    constant weights q_i is the Dirichlet-multinomial predictive probability with parameters k·p.

    Use every assigned unit, in order of first assignment, not only those with closed windows.

    Args:
        variant: v_i, index of the variant of unit i, shape (n,).
        probability: p_i, the assignment probabilities of unit i, shape (n, variants), rows summing to 1.
        concentration: k. Larger values suit smaller mismatches: about ±1/(2√k) at an even split.

    Returns:
        The test after every unit.

    Raises:
        InputError: A row of probabilities does not sum to 1, or a unit has a variant of probability 0.

    Source: Lindon & Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022.

    >>> found = sample_ratio_test(np.zeros(100, dtype=np.int64), np.full((100, 2), 0.5))
    >>> found.alarm()
    36
    """
    rows, k = np.arange(len(variant)), concentration
    if not np.allclose(probability.sum(axis=1), 1.0, atol=1e-9):
        raise InputError("the probabilities of all variants, including the hold-out, must sum to 1 for every unit")
    if not (probability[rows, variant] > 0).all():
        raise InputError("a unit has a variant of probability 0; give the weights that were in force")
    assigned = np.zeros_like(probability)
    assigned[rows, variant] = 1.0
    observed = np.cumsum(assigned, axis=0) - assigned
    expected = np.cumsum(probability, axis=0) - probability
    prior = k * probability
    tilt = np.divide(prior + observed, prior + expected, out=np.ones_like(prior), where=prior > 0)
    gain = np.log(tilt[rows, variant] / (probability * tilt).sum(axis=1))
    log_e = np.cumsum(gain)
    p = np.exp(-np.maximum(0.0, np.maximum.accumulate(log_e)))
    return SampleRatioTest(log_e, p, assigned.sum(axis=0), probability.sum(axis=0))
