"""The formulas of a posterior in two parts, for any array namespace.

The reward of an action is θᵀu + wᵀs, plus noise. u, (P,), is the full part of an encoded row, with covariance B,
(P, P), in units of σ²; s holds all values of the diagonal part, each with a precision of its own. θ1 and w1 are what θ
and w would be if every reward were 1: mean = r̄ + (θ - r̄·θ1)ᵀu + (w - r̄·w1)ᵀs is centred at the mean reward r̄.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Array = Any  # of whichever namespace


class Posterior(NamedTuple):
    """That of one action, or of several along a first axis.

    Attributes:
        B: (…, P, P).
        theta, theta1: (…, P).
        precision: Above the prior's 1, (…, S).
        w, w1: (…, S).
        constant, constant1: Added to both predictions; not learned here.
    """

    B: Array
    theta: Array
    theta1: Array
    precision: Array
    w: Array
    w1: Array
    constant: float = 0.0
    constant1: float = 0.0


class Innovation(NamedTuple):
    """What a row says before its reward: q = uᵀBu + Σ s²/prec, Bu, and the predictions of the reward and of 1."""

    q: Array
    Bu: Array
    predicted: Array
    predicted1: Array


def innovation(xp: Any, u: Array, s: Array, posterior: Posterior) -> Innovation:
    """For one row and one action, or several actions: u (P,), s (S,)."""
    B, theta, theta1, precision, w, w1, constant, constant1 = posterior
    Bu = xp.sum(B * u, axis=-1)
    q = xp.sum(Bu * u, axis=-1) + xp.sum(s * s / (1.0 + precision), axis=-1)
    predicted = constant + xp.sum(theta * u, axis=-1) + xp.sum(w * s, axis=-1)
    return Innovation(q, Bu, predicted, constant1 + xp.sum(theta1 * u, axis=-1) + xp.sum(w1 * s, axis=-1))


def scores(xp: Any, u: Array, s: Array, posterior: Posterior, mean_reward: float, unseen: float) -> tuple[Array, Array]:
    """Mean and sd, in units of σ, of every action; `unseen` is the squared length of values without a column yet."""
    q, _, predicted, predicted1 = innovation(xp, u, s, posterior)
    return mean_reward + predicted - mean_reward * predicted1, xp.sqrt(xp.maximum(q + unseen, xp.zeros_like(q)))


def learn(xp: Any, u: Array, s: Array, posterior: Posterior, reward: float) -> tuple[Posterior, Innovation]:
    """One innovation updates both parts of one action; their cross-covariance is neglected.

    g = 1/(1 + q), e = r - θᵀu - wᵀs: θ += Bu·g·e, B -= g·Bu(Bu)ᵀ, w += s/prec·g·e, prec += s², and for θ1 and w1 with 1
    in place of r.
    """
    seen = innovation(xp, u, s, posterior)
    B, theta, theta1, precision, w, w1, _, _ = posterior
    gain = 1.0 / (1.0 + seen.q)
    step, step1 = gain * (reward - seen.predicted), gain * (1.0 - seen.predicted1)
    share = s / (1.0 + precision)
    learned = Posterior(
        B - gain * seen.Bu[:, None] * seen.Bu[None, :],
        theta + step * seen.Bu,
        theta1 + step1 * seen.Bu,
        precision + s * s,
        w + step * share,
        w1 + step1 * share,
    )
    return learned, seen


def forget_full(xp: Any, B: Array, theta: Array, theta1: Array, retain: float) -> tuple[Array, Array, Array]:
    """With b = B_ii: B_ii ← b/(b + κ(1 - b)) and θ_i, θ1_i ← κ·θ_i/(b + κ(1 - b)), κ = `retain`; (…, P, P) and (…, P).

    B only gains on its diagonal, so it stays positive definite.
    """
    eye = xp.eye(B.shape[-1], dtype=xp.float64)
    b = xp.sum(B * eye, axis=-1)
    rest = b + retain * (1.0 - b)
    return B + eye * (b / rest - b)[..., None], theta * (retain / rest), theta1 * (retain / rest)


def forget_diagonal(precision: Array, w: Array, w1: Array, retain: float | Array) -> tuple[Array, Array, Array]:
    """prec ← 1 + κ(prec - 1), w ← κ·w·prec_old/prec_new; `precision` is prec - 1."""
    kept = retain * precision
    factor = retain * (1.0 + precision) / (1.0 + kept)
    return kept, w * factor, w1 * factor
