"""Kernels of the two-part posteriors of all members of a mixed model; `reference.two_part` has the formulas.

A row is what `encoding_mixed.encode` returns. `cells` and `pairs` are tables of cells: their values, keys, places,
counts in use (`kernels.cells`) and groups. A cell holds, for each member, prec - 1 of all lanes, then w, then w1, so
that zeros are the prior; then the forgetting steps that each lane has had.
"""

from __future__ import annotations

import math

import numpy as np

from croupier_policies.kernels import arena
from croupier_policies.kernels.arena import section
from croupier_policies.kernels.blocks import rotations
from croupier_policies.kernels.cells import LANES, claim, find
from croupier_policies.kernels.crossing import SHARED, cross, factors
from croupier_policies.kernels.encoding_mixed import encode, encode_at, observe
from croupier_policies.kernels.jit import jit, reduced

PER_MEMBER = 3  # numbers of a cell and a lane
SHIFT, MASK = LANES.bit_length() - 1, LANES - 1  # of a slot: its group, its lane
SQUARES, PAIRS, FORGETS = range(3)  # of a member's kind
EQUAL = 1e-24  # of the squared mean reward: a smaller variance is rounding
OWN = 0.03  # prior variance of an action's own part, where its features share what they teach
LOSS_DECAY = 0.5 ** (1.0 / 1000.0)
STEPS_PER_HALF_LIFE = 16
RETAINED = 0.5 ** (1.0 / STEPS_PER_HALF_LIFE)  # κ of a step
RETAINED_POWERS = np.append(RETAINED ** np.arange(1024), 0.0)  # κ^0, κ^1, … and at last 0


@jit
def _kind(L, m, which):  # type: ignore[no-untyped-def] # compiled
    return L[arena.MEMBER_KIND + 3 * m + which] != 0


@jit
def _member(F, L, m):  # type: ignore[no-untyped-def] # compiled
    """Noise, triangles, weights and block coordinates of member m."""
    first = arena.MEMBERS + arena.PER_MEMBER * m
    return (
        section(F, L, first + arena.NOISE)[0],
        section(F, L, first + arena.TRIANGLES),
        section(F, L, first + arena.WEIGHTS),
        section(F, L, first + arena.VECTORS),
    )


@jit
def sigma(noise):  # type: ignore[no-untyped-def] # compiled
    """σ = √((s² + Σ e²/(1 + q))/(1 + n)), with s² the running variance of the rewards; ½ while all are equal."""
    if noise[arena.WEIGHT] == 0.0:
        return 0.5
    spread, mean = noise[arena.REWARD_M2] / noise[arena.WEIGHT], noise[arena.MEAN_REWARD]
    variance = (spread + noise[arena.ERRORS]) / (1.0 + noise[arena.WEIGHT])
    return math.sqrt(variance) if variance > EQUAL * mean * mean else 0.5


@jit
def leader(F, L):  # type: ignore[no-untyped-def] # compiled
    """The first member with the smallest loss."""
    best, least = 0, np.inf
    for m in range(L[arena.MEMBER_COUNT]):
        loss = section(F, L, arena.MEMBERS + arena.PER_MEMBER * m + arena.NOISE)[0, arena.LOSS]
        if loss < least:
            best, least = m, loss
    return best


@jit
def _scaled(row, factor):  # type: ignore[no-untyped-def] # compiled
    """The row of an action's own part, whose prior variance is factor²."""
    cols, vals, cols2, vals2, z, hashes, values, pair_hashes, pair_values, length = row
    return (
        cols,
        factor * vals,
        cols2,
        factor * vals2,
        factor * z,
        hashes,
        factor * values,
        pair_hashes,
        factor * pair_values,
        factor * factor * length,
    )


@jit
def nothing():  # type: ignore[no-untyped-def] # compiled
    """The shared row of an action without features."""
    return np.empty(0, np.int64), np.empty(0), np.empty(0, np.uint64), np.empty(0)


@jit
def joined(row, features, turned, products, claims):  # type: ignore[no-untyped-def] # compiled
    """The own row and the shared row of an action with features, given both encoded rows and their rotations."""
    shared = cross(factors(row, turned[0]), factors(features, turned[1]), products, claims)
    return _scaled(row, math.sqrt(OWN)), shared


@jit
def estimate(F, L, G, M, cells, pairs, products, D, X, E, Y, starts, Z, slots, order, mean, sd):  # type: ignore[no-untyped-def] # compiled
    """Write the leader's means and sds for the actions in `slots`, -1 for one never rewarded; returns σ and n.

    F and L are floats and layout of the model, G and M those of the statistics of actions' features. D and X are the
    packed context. E and Y are the packed features of the actions, each from where `starts`, (K + 1, 2), says, and Z,
    (K, R), holds the coordinates of their blocks; `starts` is empty where actions have no features. `order` sorts the
    slots.
    """
    m = leader(F, L)
    squares, crosses, kappa = _kind(L, m, SQUARES), _kind(L, m, PAIRS), _kind(L, m, FORGETS)
    noise, triangles, weights, vectors = _member(F, L, m)
    centre, epoch, first = noise[arena.MEAN_REWARD], noise[arena.EPOCHS], PER_MEMBER * m
    row = encode(F, L, D, X, crosses)
    mean[:], sd[:] = 0.0, 0.0  # gains and quadratic forms, so far
    if starts.shape[0]:
        _estimate_shared(F, L, m, row, G, M, cells, products, E, Y, starts, Z, mean, sd)
        row = _scaled(row, math.sqrt(OWN))
    cols, vals, cols2, vals2, z, hashes, values, pair_hashes, pair_values, unseen = row
    if squares:
        cols, vals = cols2, vals2
    weighted, length = _products(cols, vals), reduced(vals, vals) + reduced(z, z)
    for k in range(slots.shape[0]):
        slot = slots[k]
        if slot < 0:
            sd[k] += length
            continue
        q, gain = _full(triangles[slot], weights[slot], cols, vals, weighted, centre)
        if z.shape[0]:
            more, better = _dense(vectors[slot], z, centre)
            q, gain = q + more, gain + better
        mean[k] += gain
        sd[k] += q
    _sparse(cells, hashes, values, slots, order, first, centre, epoch if kappa else -1.0, mean, sd)
    if crosses:
        _sparse(pairs, pair_hashes, pair_values, slots, order, 0, centre, -1.0, mean, sd)
    for k in range(slots.shape[0]):
        mean[k] += centre
        sd[k] = math.sqrt(max(sd[k] + unseen, 0.0))
    return sigma(noise), noise[arena.REWARDS]


@jit
def _estimate_shared(F, L, m, row, G, M, cells, products, E, Y, starts, Z, mean, sd):  # type: ignore[no-untyped-def] # compiled
    """Add what actions with features share."""
    triangle, common = _shared(F, L, m)
    noise, x = _member(F, L, m)[0], factors(row, rotations(F, L))
    constant, vector = _of_features(G, M, m)
    turned = rotations(G, M)
    centre, epoch = noise[arena.MEAN_REWARD], noise[arena.EPOCHS] if _kind(L, m, FORGETS) else -1.0
    codes, inverse, weights = np.zeros(0, np.uint64), np.zeros(0), np.zeros(0)
    for k in range(mean.shape[0]):
        (i, j), (i1, j1) = starts[k], starts[k + 1]
        features = encode_at(G, M, E[i:i1], Y[j:j1], Z[k], False)
        cols, vals, hashes, values = cross(x, factors(features, turned), products, False)
        q, gain = _dense(vector, features[4], centre)
        q, gain = q + features[9], gain + constant[0] - centre * constant[1]
        if cols.shape[0]:
            more, better = _full(triangle, common, cols, vals, vals[:0], centre)
            q, gain = q + more, gain + better
        if hashes.shape[0] > codes.shape[0]:
            codes, inverse, weights = (
                np.zeros(hashes.shape[0], np.uint64),
                np.zeros(hashes.shape[0]),
                np.zeros(hashes.shape[0]),
            )
        for p in range(hashes.shape[0]):
            if codes[p] != hashes[p]:  # most have the place that they had in the row before
                codes[p] = hashes[p]
                inverse[p], weights[p] = _shared_cell(cells, hashes[p], PER_MEMBER * m, centre, epoch)
            q += values[p] * values[p] * inverse[p]
            gain += values[p] * weights[p]
        mean[k] += gain
        sd[k] += q


@jit
def _shared_cell(table, code, first, centre, epoch):  # type: ignore[no-untyped-def] # compiled
    """1/prec and w - r̄·w1 of a cell that all actions share; `epoch` as in `_sparse`."""
    cells, keys, places, used, _ = table
    c, at = find(keys, places, used, code, SHARED >> SHIFT), LANES * first + (SHARED & MASK)
    if c < 0:
        return 1.0, 0.0
    precision, w, w1 = cells[c, at], cells[c, at + LANES], cells[c, at + 2 * LANES]
    if epoch >= 0.0:
        stamp = cells[c, cells.shape[1] - LANES + (SHARED & MASK)]
        precision, w, w1 = _forgotten(precision, w, w1, _retained(epoch - stamp))
    return 1.0 / (1.0 + precision), w - centre * w1


@jit
def _shared(F, L, m):  # type: ignore[no-untyped-def] # compiled
    """The triangle and the weights that all actions of member m share."""
    first = arena.MEMBERS + arena.PER_MEMBER * m
    triangle, weights = section(F, L, first + arena.SHARED_TRIANGLE), section(F, L, first + arena.SHARED_WEIGHTS)
    return triangle.reshape(triangle.size), weights.reshape(weights.size)


@jit
def _of_features(G, M, m):  # type: ignore[no-untyped-def] # compiled
    """The constant and the coordinates of the features of actions, for member m."""
    first = arena.MEMBERS + arena.PER_MEMBER * m
    return section(G, M, first + arena.WEIGHTS)[0], section(G, M, first + arena.VECTORS)[0]


@jit
def _full(triangle, own, cols, vals, products, centre):  # type: ignore[no-untyped-def] # compiled
    """uᵀBu and (θ - r̄·θ1)ᵀu; `products` is `_products` of u."""
    P, n, gain = own.shape[0] // 2, cols.shape[0], 0.0
    if products.shape[0]:
        q = reduced(triangle[: products.shape[0]], products)
        return q, reduced(own[:n], vals) - centre * reduced(own[P : P + n], vals)
    q = 0.0
    for a in range(n):
        i, inner = cols[a], 0.0
        for b in range(a):
            inner += vals[b] * triangle[_entry(i, cols[b])]
        q += vals[a] * (2.0 * inner + vals[a] * triangle[_entry(i, i)])
        gain += vals[a] * (own[i] - centre * own[P + i])
    return q, gain


@jit
def _products(cols, vals):  # type: ignore[no-untyped-def] # compiled
    """The products u_i·u_j in the order of a packed triangle, twice off the diagonal, for the columns 0, 1, 2, and on.

    uᵀBu is then one reduction for each action. Empty for other columns.
    """
    n, same = cols.shape[0], True
    for a in range(n):
        same = same and cols[a] == a
    packed = np.empty(n * (n + 1) // 2 if same else 0)
    if same:
        k = 0
        for i in range(n):
            twice = 2.0 * vals[i]
            for j in range(i):
                packed[k + j] = twice * vals[j]
            packed[k + i] = vals[i] * vals[i]
            k += i + 1
    return packed


@jit
def _entry(i, j):  # type: ignore[no-untyped-def] # compiled
    return i * (i + 1) // 2 + j if j <= i else j * (j + 1) // 2 + i


@jit
def _dense(own, z, centre):  # type: ignore[no-untyped-def] # compiled
    """Σ z²/prec and Σ (w - r̄·w1)·z over the coordinates of the blocks."""
    R = z.shape[0]
    width = own.shape[0] // 3
    q, gain = 0.0, 0.0
    for k in range(R):
        q += z[k] * z[k] / (1.0 + own[k])
        gain += z[k] * (own[width + k] - centre * own[2 * width + k])
    return q, gain


@jit
def _sparse(table, hashes, values, slots, order, first, centre, epoch, gain, q):  # type: ignore[no-untyped-def] # compiled
    """Add Σ (w - r̄·w1)·s and Σ s²/prec over the cells of every action, group by group.

    `epoch` is the number of forgetting steps so far, and cells are read as they are after those that are due; -1 for a
    member that does not forget. An action in slot -1, never rewarded, has no cells.
    """
    if hashes.shape[0] == 0:
        return
    length = reduced(values, values)
    lanes_q, lanes_gain = np.empty(LANES), np.empty(LANES)
    group = -1_000
    for k in order:
        if slots[k] == -1:
            q[k] += length
            continue
        if slots[k] >> SHIFT != group:
            group = slots[k] >> SHIFT
            _sparse_group(table, hashes, values, group, first, centre, epoch, lanes_gain, lanes_q)
        gain[k] += lanes_gain[slots[k] & MASK]
        q[k] += lanes_q[slots[k] & MASK]


@jit
def _sparse_group(table, hashes, values, group, first, centre, epoch, gain, q):  # type: ignore[no-untyped-def] # compiled
    """Write the sums of all actions of a group."""
    cells, keys, places, used, _ = table
    q[:] = 0.0
    gain[:] = 0.0
    spread = 0.0
    for k in range(hashes.shape[0]):
        c, s = find(keys, places, used, hashes[k], group), values[k]
        if c < 0:
            spread += s * s
            continue
        cell = cells[c]
        at = LANES * first
        if epoch < 0.0:
            for lane in range(LANES):
                q[lane] += s * s / (1.0 + cell[at + lane])
                gain[lane] += s * (cell[at + LANES + lane] - centre * cell[at + 2 * LANES + lane])
        else:
            for lane in range(LANES):
                retain = _retained(epoch - cell[cell.shape[0] - LANES + lane])
                kept = retain * cell[at + lane]
                factor = retain * (1.0 + cell[at + lane]) / (1.0 + kept)
                q[lane] += s * s / (1.0 + kept)
                gain[lane] += s * factor * (cell[at + LANES + lane] - centre * cell[at + 2 * LANES + lane])
    for lane in range(LANES):
        q[lane] += spread


@jit
def _retained(steps):  # type: ignore[no-untyped-def] # compiled
    """κ^steps; 0 after more than are tabled."""
    if not steps > 0.0:
        return 1.0
    return RETAINED_POWERS[int(min(steps, RETAINED_POWERS.shape[0] - 1.0))]


@jit
def _forgotten(precision, w, w1, retain):  # type: ignore[no-untyped-def] # compiled
    """prec ← 1 + κ(prec - 1), w ← κ·w·prec_old/prec_new; `precision` is prec - 1."""
    kept = retain * precision
    factor = retain * (1.0 + precision) / (1.0 + kept)
    return kept, w * factor, w1 * factor


@jit
def learn(F, L, G, M, cells, pairs, products, D, X, E, Y, slot, reward):  # type: ignore[no-untyped-def] # compiled
    """Observe and encode the row and the action's features, if `E` is not empty, and teach every member.

    Returns what the leader predicted.
    """
    observe(F, L, D, X)
    row, shared, z, columns = encode(F, L, D, X, _any_pairs(L)), nothing(), np.empty(0), -1
    if E.shape[0]:
        observe(G, M, E, Y)
        features = encode(G, M, E, Y, False)
        row, shared = joined(row, features, (rotations(F, L), rotations(G, M)), products, True)
        z, columns = features[4], products[2][0]
    return _teach_all(F, L, G, M, row, shared, z, columns, cells, pairs, slot, reward)


@jit
def _any_pairs(L):  # type: ignore[no-untyped-def] # compiled
    found = False
    for m in range(L[arena.MEMBER_COUNT]):
        found = found or _kind(L, m, PAIRS)
    return found


@jit
def _teach_all(F, L, G, M, row, shared, z, columns, cells, pairs, slot, reward):  # type: ignore[no-untyped-def] # compiled
    touched, touched_pairs = claim_all(cells, row[5], slot), claim_all(pairs, row[7], slot)
    touched_shared = claim_all(cells, shared[2], SHARED)
    first, predicted = leader(F, L), 0.0
    for m in range(L[arena.MEMBER_COUNT]):
        mean = _teach(
            F,
            L,
            G,
            M,
            m,
            row,
            shared,
            z,
            columns,
            cells[0],
            touched,
            touched_shared,
            pairs[0],
            touched_pairs,
            slot,
            reward,
        )
        if m == first:
            predicted = mean
    return predicted


@jit
def claim_all(table, hashes, slot):  # type: ignore[no-untyped-def] # compiled
    """The cells of features with an action, new ones where there are none; -1 without room."""
    _, keys, places, used, groups = table
    touched = np.empty(hashes.shape[0], np.int64)
    for k in range(hashes.shape[0]):
        before = used[0]
        c = claim(keys, places, used, hashes[k], slot >> SHIFT)
        touched[k] = c
        if used[0] > before:
            groups[c] = slot >> SHIFT
    return touched


@jit
def _teach(  # type: ignore[no-untyped-def] # compiled
    F, L, G, M, m, row, shared, features, columns, cells, touched, touched_shared, pairs, touched_pairs, slot, reward
):
    """One innovation updates all parts of one action; returns the prediction before it.

    `features` are the coordinates of the action's features, and `columns` is the number of columns of the shared full
    part; -1 for an action without features.
    """
    cols, vals, cols2, vals2, z, _, values, _, pair_values, _ = row
    squares, crosses, forgets = _kind(L, m, SQUARES), _kind(L, m, PAIRS), _kind(L, m, FORGETS)
    if squares:
        cols, vals = cols2, vals2
    noise, triangles, weights, vectors = _member(F, L, m)
    vector, first = vectors[slot], PER_MEMBER * m
    if forgets:
        catch_up(cells, touched, first, slot, noise[arena.EPOCHS])
        catch_up(cells, touched_shared, first, SHARED, noise[arena.EPOCHS])
    px = np.zeros(L[arena.COLUMNS + squares])
    q, theta, theta1 = _predict(triangles[slot], weights[slot], cols, vals, px)
    (triangle, common), (constant, of_features) = _shared(F, L, m), _of_features(G, M, m)
    shared_px = np.zeros(max(columns, 0))
    if columns >= 0:
        more, better, better1 = _predict(triangle, common, shared[0], shared[1], shared_px)
        q, theta, theta1 = q + more, theta + better + constant[0], theta1 + better1 + constant[1]
        more, better, better1 = _read_dense(of_features, features)
        q, theta, theta1 = q + more, theta + better, theta1 + better1
    more, better, better1 = _read_dense(vector, z)
    q, theta, theta1 = q + more, theta + better, theta1 + better1
    more, better, better1 = _read(cells, touched, values, first, slot)
    q, theta, theta1 = q + more, theta + better, theta1 + better1
    more, better, better1 = _read(cells, touched_shared, shared[3], first, SHARED)
    q, theta, theta1 = q + more, theta + better, theta1 + better1
    if crosses:
        more, better, better1 = _read(pairs, touched_pairs, pair_values, 0, slot)
        q, theta, theta1 = q + more, theta + better, theta1 + better1
    down = 1.0 / (1.0 + q)
    step, step1 = down * (reward - theta), down * (1.0 - theta1)
    _update(triangles[slot], weights[slot], px, down, step, step1)
    if columns >= 0:
        _update(triangle, common, shared_px, down, step, step1)
        _write_dense(of_features, features, step, step1)
    _write_dense(vector, z, step, step1)
    _write(cells, touched, values, first, slot, step, step1)
    _write(cells, touched_shared, shared[3], first, SHARED, step, step1)
    if crosses:
        _write(pairs, touched_pairs, pair_values, 0, slot, step, step1)
    mean = noise[arena.MEAN_REWARD] + theta - noise[arena.MEAN_REWARD] * theta1
    hear(noise, reward, mean, q)
    if forgets and int(noise[arena.REWARDS]) % L[arena.FORGETS_EVERY] == 0:
        forget(F, L, G, M, m, RETAINED, -1)
        noise[arena.EPOCHS] += 1.0
    return mean


@jit
def _read_dense(own, z):  # type: ignore[no-untyped-def] # compiled
    """Σ z²/prec, wᵀz and w1ᵀz over the coordinates of the blocks."""
    width, q, theta, theta1 = own.shape[0] // 3, 0.0, 0.0, 0.0
    for k in range(z.shape[0]):
        q += z[k] * z[k] / (1.0 + own[k])
        theta += z[k] * own[width + k]
        theta1 += z[k] * own[2 * width + k]
    return q, theta, theta1


@jit
def _write_dense(own, z, step, step1):  # type: ignore[no-untyped-def] # compiled
    width = own.shape[0] // 3
    for k in range(z.shape[0]):
        gain = z[k] / (1.0 + own[k])
        own[width + k] += gain * step
        own[2 * width + k] += gain * step1
        own[k] += z[k] * z[k]


@jit
def _predict(triangle, own, cols, vals, px):  # type: ignore[no-untyped-def] # compiled
    """Bu into `px`, zeros before; returns uᵀBu, θᵀu and θ1ᵀu."""
    _project(triangle, cols, vals, px)
    P, q, theta, theta1 = own.shape[0] // 2, 0.0, 0.0, 0.0
    for a in range(cols.shape[0]):
        q += vals[a] * px[cols[a]]
        theta += vals[a] * own[cols[a]]
        theta1 += vals[a] * own[P + cols[a]]
    return q, theta, theta1


@jit
def _update(triangle, own, px, down, step, step1):  # type: ignore[no-untyped-def] # compiled
    """B -= down·BuBuᵀ, θ += step·Bu, θ1 += step1·Bu."""
    P = own.shape[0] // 2
    for i in range(px.shape[0]):
        start, scaled = i * (i + 1) // 2, down * px[i]
        if scaled != 0.0:
            for j in range(i + 1):
                triangle[start + j] -= scaled * px[j]
            own[i] += step * px[i]
            own[P + i] += step1 * px[i]


@jit
def _project(triangle, cols, vals, px):  # type: ignore[no-untyped-def] # compiled
    """Bu into `px`, zeros before."""
    p = px.shape[0]
    if 2 * cols.shape[0] < p:
        for a in range(cols.shape[0]):
            c, v = cols[a], vals[a]
            start = c * (c + 1) // 2
            for j in range(c + 1):
                px[j] += v * triangle[start + j]
            for i in range(c + 1, p):
                px[i] += v * triangle[i * (i + 1) // 2 + c]
        return
    u = np.zeros(p)
    for a in range(cols.shape[0]):
        u[cols[a]] = vals[a]
    for i in range(p):
        start = i * (i + 1) // 2
        row = triangle[start : start + i]
        px[i] += reduced(row, u[:i]) + triangle[start + i] * u[i]
        if u[i] != 0.0:
            for j in range(i):
                px[j] += u[i] * row[j]


@jit
def _read(cells, touched, values, first, slot):  # type: ignore[no-untyped-def] # compiled
    q, theta, theta1, at = 0.0, 0.0, 0.0, LANES * first + (slot & MASK)
    for k in range(touched.shape[0]):
        c, s = touched[k], values[k]
        if c < 0:
            q += s * s
            continue
        q += s * s / (1.0 + cells[c, at])
        theta += s * cells[c, at + LANES]
        theta1 += s * cells[c, at + 2 * LANES]
    return q, theta, theta1


@jit
def _write(cells, touched, values, first, slot, step, step1):  # type: ignore[no-untyped-def] # compiled
    at = LANES * first + (slot & MASK)
    for k in range(touched.shape[0]):
        c, s = touched[k], values[k]
        if c >= 0:
            gain = s / (1.0 + cells[c, at])
            cells[c, at + LANES] += gain * step
            cells[c, at + 2 * LANES] += gain * step1
            cells[c, at] += s * s


@jit
def catch_up(cells, touched, first, slot, epoch):  # type: ignore[no-untyped-def] # compiled
    """Apply the forgetting that is due to the cells of one action."""
    at, stamp = LANES * first + (slot & MASK), cells.shape[1] - LANES + (slot & MASK)
    for k in range(touched.shape[0]):
        c = touched[k]
        if c >= 0 and epoch > cells[c, stamp]:
            cells[c, at], cells[c, at + LANES], cells[c, at + 2 * LANES] = _forgotten(
                cells[c, at], cells[c, at + LANES], cells[c, at + 2 * LANES], _retained(epoch - cells[c, stamp])
            )
            cells[c, stamp] = epoch


@jit
def hear(noise, reward, mean, q):  # type: ignore[no-untyped-def] # compiled
    """Update the statistics of the rewards; the first reward sets their mean, and counts as foreseen."""
    if noise[arena.REWARDS] == 0.0:
        mean = reward
    error = reward - mean
    noise[arena.ERRORS] += error * error / (1.0 + q)
    noise[arena.REWARDS] += 1.0
    noise[arena.WEIGHT] += 1.0
    delta = reward - noise[arena.MEAN_REWARD]
    noise[arena.MEAN_REWARD] += delta / noise[arena.WEIGHT]
    noise[arena.REWARD_M2] += delta * (reward - noise[arena.MEAN_REWARD])
    noise[arena.LOSS] = LOSS_DECAY * noise[arena.LOSS] + error * error


@jit
def forget(F, L, G, M, m, retain, slot):  # type: ignore[no-untyped-def] # compiled
    """Discount full part and blocks of one action, or of all (-1) and the noise, of member m; cells are separate.

    With b = B_ii, B_ii ← b/(b + κ(1 - b)), θ_i ← κ·θ_i/(b + κ(1 - b)). B only gains on its diagonal.
    """
    noise, triangles, weights, vectors = _member(F, L, m)
    p = L[arena.COLUMNS + _kind(L, m, SQUARES)]
    for s in range(triangles.shape[0]):
        if slot < 0 or s == slot:
            _forget_full(triangles[s], weights[s], p, retain)
            _forget_dense(vectors[s], retain)
    if slot < 0:
        triangle, common = _shared(F, L, m)
        _forget_full(triangle, common, common.shape[0] // 2, retain)
        constant, of_features = _of_features(G, M, m)
        constant *= retain
        _forget_dense(of_features, retain)
        noise[arena.WEIGHT] *= retain
        noise[arena.REWARD_M2] *= retain
        noise[arena.ERRORS] *= retain


@jit
def _forget_dense(own, retain):  # type: ignore[no-untyped-def] # compiled
    R = own.shape[0] // 3
    for k in range(R):
        own[k], own[R + k], own[2 * R + k] = _forgotten(own[k], own[R + k], own[2 * R + k], retain)


@jit
def _forget_full(triangle, own, p, retain):  # type: ignore[no-untyped-def] # compiled
    P = own.shape[0] // 2
    for i in range(p):
        entry = i * (i + 1) // 2 + i
        b = triangle[entry]
        rest = b + retain * (1.0 - b)
        triangle[entry] = b / rest
        own[i] *= retain / rest
        own[P + i] *= retain / rest


@jit
def forget_cells(cells, used, groups, members, retain, slot):  # type: ignore[no-untyped-def] # compiled
    """Discount all cells of one action, or of all (-1), in the parts of all members."""
    for c in range(used[0]):
        if slot >= 0 and groups[c] != slot >> SHIFT:
            continue
        for m in range(members):
            for lane in range(LANES):
                if slot < 0 or lane == slot & MASK:
                    at = LANES * PER_MEMBER * m + lane
                    cells[c, at], cells[c, at + LANES], cells[c, at + 2 * LANES] = _forgotten(
                        cells[c, at], cells[c, at + LANES], cells[c, at + 2 * LANES], retain
                    )
