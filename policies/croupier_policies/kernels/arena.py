"""The layout of a mixed model's numbers: one array of floats in sections, and one array of integers that places them.

Kernels take both arrays, so that a call passes few arguments, and a state is a copy. The integers hold three numbers
for every section (offset, rows, width), and after them the sizes that the kernels need.
"""

from __future__ import annotations

from croupier_policies.kernels.jit import jit

# sections
NUMBERS, TAGS, DOCUMENTS = range(3)
BLOCKS, PER_BLOCK = 3, 4  # of block b: BLOCKS + PER_BLOCK·b + one of
BASIS, SKETCH, ROWS, STATISTICS = range(4)
MAX_BLOCKS = 8
MEMBERS, PER_MEMBER = BLOCKS + PER_BLOCK * MAX_BLOCKS, 6  # of member m: MEMBERS + PER_MEMBER·m + one of
NOISE, TRIANGLES, WEIGHTS, VECTORS, SHARED_TRIANGLE, SHARED_WEIGHTS = range(6)
MAX_MEMBERS = 8
SECTIONS = MEMBERS + PER_MEMBER * MAX_MEMBERS

# sizes, behind the sections
SIZES = 3 * SECTIONS
MEMBER_COUNT = SIZES  # members in use
COLUMNS = SIZES + 1  # columns of the full part: without squares, with squares
COORDINATES = SIZES + 3  # of all blocks together
FORGETS_EVERY = SIZES + 4  # rewards between two steps of forgetting
MEMBER_KIND = SIZES + 5  # three for each member: squares, pairs, forgets
LENGTH = MEMBER_KIND + 3 * MAX_MEMBERS

# a number's record: moments of the clipped values, fences, sample, columns without and with squares
COUNT, MEAN, M2, LOW, HIGH, STRIDE, SEEN, FILLED, COLUMN, COLUMN_SQUARED, OUTSIDE = range(11)
SAMPLE, SAMPLED = 16, 64
NUMBER_WIDTH = SAMPLE + SAMPLED

# a tag field's record
DOCUMENT_COUNT, SQUARES_SUM = range(2)
TAG_WIDTH = 2
DOCUMENT_BUCKETS = 1 << 14

# rows of a block: subtracted when encoding, running mean, its second moments, factors
CENTRE, RUNNING, SPREAD, FACTOR = range(4)
# statistics of a block
SEEN_ROWS, SCALE, SINCE, MEAN_SQUARE, CLIPPED, TURNS, ROTATIONS, LIMIT = range(8)
LENGTHS, FIRST_ROWS = 8, 16  # squared lengths of the first rows
STATISTICS_WIDTH = LENGTHS + FIRST_ROWS
RANK = 128  # coordinates of a block, or as many as it has numbers
SETTLED = 4096  # rows after which a block's basis stays

# statistics of a member's rewards
REWARDS, WEIGHT, MEAN_REWARD, REWARD_M2, ERRORS, LOSS, EPOCHS = range(7)
NOISE_WIDTH = 8


@jit
def section(F, L, k):  # type: ignore[no-untyped-def] # compiled
    """Section k, (rows, width)."""
    start, rows, width = L[3 * k], L[3 * k + 1], L[3 * k + 2]
    return F[start : start + rows * width].reshape(rows, width)
