"""The draw at its edge cases, and uniform numbers derived by hashing."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier_policies.exploration.sampling import check_distribution, draw, uniform

BELOW_ONE = 1.0 - 2.0**-53


@pytest.mark.parametrize(
    ("p", "u", "drawn"),
    [
        ([0.25, 0.75], 0.0, 0),
        ([0.25, 0.75], 0.25, 1),  # u < 1/4 belongs to the first, ¼ itself to the second
        ([0.25, 0.75], np.nextafter(0.25, 0.0), 0),
        ([0.0, 0.5, 0.0, 0.5, 0.0], 0.0, 1),
        ([0.0, 0.5, 0.0, 0.5, 0.0], 0.5, 3),
        ([0.5, 0.5 - 1e-12, 0.0], BELOW_ONE, 1),  # the sum stays below u: the last one with p > 0
        ([0.1] * 10, BELOW_ONE, 9),  # ten tenths are less than 1 in floating point
        ([1.0], BELOW_ONE, 0),
        ([0.0, 0.0], 0.5, -1),
    ],
)
def test_draw_at_the_edges(p: list[float], u: float, drawn: int) -> None:
    assert draw(np.array(p), u) == drawn


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30).filter(any), st.floats(0, 1, exclude_max=True))
def test_draw_inverts_the_cumulative_sum(weights: list[float], u: float) -> None:
    p = np.array(weights) / sum(weights)
    k = draw(p, u)
    assert p[k] > 0.0
    sums = [0.0]
    for value in p:  # one by one, as the kernel adds, not pairwise
        sums.append(sums[-1] + value)
    assert sums[k] <= u or k == np.flatnonzero(p)[0]
    assert u < sums[k + 1] or k == np.flatnonzero(p)[-1]


def test_the_uniform_numbers_never_change() -> None:
    digest = hashlib.blake2b(b"a", digest_size=8, key=(7).to_bytes(8, "little"), person=b"draw").digest()
    assert uniform(7, "draw", "a") == (int.from_bytes(digest, "little") >> 11) / 2**53
    assert uniform(7, "draw", "a").hex() == "0x1.95f69d5ac66f2p-2"


@given(st.integers(0, 2**64 - 1), st.text(st.characters(codec="utf-8")))
def test_uniform_is_below_one(seed: int, name: str) -> None:
    assert 0.0 <= uniform(seed, "draw", name) < 1.0


def _distance(sample: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Kolmogorov's distance from the uniform distribution."""
    ordered, n = np.sort(sample), len(sample)
    return float(max((np.arange(1, n + 1) / n - ordered).max(), (ordered - np.arange(n) / n).max()))


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
def test_uniform_is_uniform(seed: int) -> None:
    n = 20_000
    sample = np.array([uniform(seed, "draw", str(t)) for t in range(n)])
    allowed = (np.log(2.0 / 1e-4) / (2.0 * n)) ** 0.5  # Dvoretzky, Kiefer, Wolfowitz with Massart's constant, at 1e-4
    assert _distance(sample) <= allowed
    assert _distance((sample[:-1] + sample[1:]) % 1.0) <= allowed, "neighbours are not independent"


@pytest.mark.parametrize("other", [(7, "assignment", "{}"), (8, "draw", "{}"), (7, "draw", "{}x")])
def test_seeds_domains_and_names_are_independent(other: tuple[int, str, str]) -> None:
    n, (seed, domain, name) = 20_000, other
    differences = [uniform(7, "draw", str(t)) - uniform(seed, domain, name.format(t)) for t in range(n)]
    assert _distance(np.array(differences) % 1.0) <= (np.log(2.0 / 1e-4) / (2.0 * n)) ** 0.5


@pytest.mark.parametrize("p", [[0.5, 0.5 + 1e-8], [-1e-300, 1.0], [np.nan, 1.0], [np.inf, 0.0], [0.5, 0.5, 0.0]])
def test_an_invalid_distribution_over_two_is_refused(p: list[float]) -> None:
    with pytest.raises(ValueError, match="not a distribution"):
        check_distribution(np.array(p), 2)


@pytest.mark.parametrize("values", [[0.25, 0.75 + 1e-10], [0.0, 1.0], [1.0, 0.0]])
def test_a_valid_distribution_is_returned(values: list[float]) -> None:
    p = np.array(values)
    assert check_distribution(p, 2) is p
