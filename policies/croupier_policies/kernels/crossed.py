"""Kernels for a ridge posterior over the products of context and action features (`backends.crossed`)."""

from __future__ import annotations

from croupier_policies.kernels.jit import jit


@jit
def contract(cols, vals, Q, w, w1, centre, M, u):  # type: ignore[no-untyped-def] # compiled
    """Write Σ x_i·x_j·Q_ij, doubled off the diagonal, into `M` (dz, dz) and Σ x_i·(w_i - r̄·w1_i) into `u` (dz,)."""
    M[:, :] = 0.0
    u[:] = 0.0
    dz = u.shape[0]
    for i in range(cols.shape[0]):
        c = cols[i]
        base = c * (c + 1) // 2
        for j in range(i + 1):
            weight = vals[i] * vals[j] if i == j else 2.0 * vals[i] * vals[j]
            block = Q[base + cols[j]]
            for k in range(dz):
                for m in range(dz):
                    M[k, m] += weight * block[k, m]
        for k in range(dz):
            u[k] += vals[i] * (w[c, k] - centre * w1[c, k])


@jit
def forms(Z, M, u, quadratic, mean, work):  # type: ignore[no-untyped-def] # compiled
    """Add zᵀMz and uᵀz of every column of Z (dz, K) to `quadratic` and `mean`; `work` is scratch space, (K,)."""
    dz, count = Z.shape
    for k in range(dz):
        work[:] = 0.0
        for m in range(dz):
            for a in range(count):
                work[a] += M[k, m] * Z[m, a]
        for a in range(count):
            quadratic[a] += work[a] * Z[k, a]
            mean[a] += u[k] * Z[k, a]


@jit
def project(cols, vals, z, Q, w, w1, px):  # type: ignore[no-untyped-def] # compiled
    """Write Qφ of φ = x ⊗ z into `px` (dx, dz); returns φᵀQφ, wᵀφ and w1ᵀφ."""
    dx, dz = px.shape
    px[:, :] = 0.0
    quadratic = 0.0
    predicted = 0.0
    predicted1 = 0.0
    for i in range(dx):
        for j in range(cols.shape[0]):
            c = cols[j]
            if c <= i:
                block = Q[i * (i + 1) // 2 + c]
                for m in range(dz):
                    weight = vals[j] * z[m]
                    for k in range(dz):
                        px[i, k] += weight * block[k, m]
            else:
                block = Q[c * (c + 1) // 2 + i]
                for m in range(dz):
                    weight = vals[j] * z[m]
                    for k in range(dz):
                        px[i, k] += weight * block[m, k]
    for j in range(cols.shape[0]):
        for k in range(dz):
            phi = vals[j] * z[k]
            quadratic += phi * px[cols[j], k]
            predicted += phi * w[cols[j], k]
            predicted1 += phi * w1[cols[j], k]
    return quadratic, predicted, predicted1


@jit
def update(Q, w, w1, px, down, step, step1):  # type: ignore[no-untyped-def] # compiled
    """Q -= down·pxpxᵀ, w += step·px, w1 += step1·px."""
    dx, dz = px.shape
    for i in range(dx):
        for j in range(i + 1):
            block = Q[i * (i + 1) // 2 + j]
            for k in range(dz):
                scaled = down * px[i, k]
                for m in range(dz):
                    block[k, m] -= scaled * px[j, m]
        for k in range(dz):
            w[i, k] += step * px[i, k]
            w1[i, k] += step1 * px[i, k]
