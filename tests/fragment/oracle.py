"""Independent numpy computations that the fragment tests compare with. usage: oracle.py COMMAND DIR [sizes...]

DIR holds raw little-endian inputs and takes the outputs; each command says which.
"""

import os
import sys

import gguf
import numpy as np


def load(folder, name, *shape):
    return np.fromfile(os.path.join(folder, name), np.float32).reshape(shape)


def store(folder, name, values, dtype=np.float32):
    np.ascontiguousarray(values, dtype).tofile(os.path.join(folder, name))


def score(folder, n_out, n_in):
    """weight, norm -> score"""
    store(folder, "score", np.abs(load(folder, "weight", n_out, n_in)) * load(folder, "norm", n_in))


def mask(folder, n_out, n_in, keep):
    """score -> mask (bytes), by sorting: stable, so equal scores keep the lower column first"""
    s = load(folder, "score", n_out, n_in)
    k = max(1, int(n_in * keep))
    out = np.zeros(s.shape, np.uint8)
    np.put_along_axis(out, np.argsort(-s, axis=1, kind="stable")[:, :k], 1, axis=1)
    store(folder, "mask", out, np.uint8)


def energy(folder, n_out, n_in, rank):
    """delta, norm -> energy (float64): what the best approximation of this rank keeps, by the exact SVD in double"""
    m = load(folder, "delta", n_out, n_in).astype(np.float64) * load(folder, "norm", n_in)
    s = np.linalg.svd(m, compute_uv=False)
    store(folder, "energy", np.array([(s[:rank] ** 2).sum() / (s**2).sum()]), np.float64)


def residual(folder, n_out, n_in, rank):
    """delta, norm, b, a -> kept (float64): 1 - ||(delta - b a) diag(norm)||^2 / ||delta diag(norm)||^2"""
    x = load(folder, "norm", n_in).astype(np.float64)
    delta = load(folder, "delta", n_out, n_in).astype(np.float64)
    ba = load(folder, "b", n_out, rank).astype(np.float64) @ load(folder, "a", rank, n_in).astype(np.float64)
    store(folder, "kept", np.array([1 - (((delta - ba) * x) ** 2).sum() / ((delta * x) ** 2).sum()]), np.float64)


def channel(folder, n_out, n_in, n_task, n_general):
    """weight, task, general (norms over the tokens) -> importance, by the definition"""
    w = load(folder, "weight", n_out, n_in).astype(np.float64)
    task, general = (load(folder, name, n_in).astype(np.float64) for name in ("task", "general"))
    store(folder, "importance", np.linalg.norm(w, axis=0) * (task / np.sqrt(n_task) - general / np.sqrt(n_general)), np.float64)


def moments_apart(folder, n_in):
    """x, b -> apart (float64): smallest and largest eigenvalue of X^T X - B^T B, and ||X||_F^2"""
    x, b = (load(folder, name, -1, n_in).astype(np.float64) for name in ("x", "b"))
    values = np.linalg.eigvalsh(x.T @ x - b.T @ b)
    store(folder, "apart", np.array([values[0], values[-1], (x**2).sum()]), np.float64)


def actsvd(folder, n_out, n_in, rank):
    """weight, task, general -> delta: U U^T W, U the top left singular vectors of W X_task^T without the general ones, in double"""
    w = load(folder, "weight", n_out, n_in).astype(np.float64)
    task, general = (load(folder, name, -1, n_in).astype(np.float64) for name in ("task", "general"))
    g, s, _ = np.linalg.svd(w @ general.T, full_matrices=False)
    n = int(np.searchsorted(np.cumsum(s**2), 0.9 * (s**2).sum())) + 1
    n = max(0, min(max(n, rank), len(s), n_out // 2, n_out - rank))
    y = w @ task.T
    u = np.linalg.svd(y - g[:, :n] @ (g[:, :n].T @ y), full_matrices=False)[0][:, :rank]
    store(folder, "delta", u @ (u.T @ w))


def actsvd_kept(folder, n_out, n_in, path, name):
    """weight, task, general -> apart (float64): distance of the file's factors to U U^T W, relative to its norm"""
    b, a = factors(path, name)
    actsvd(folder, n_out, n_in, a.shape[0])
    delta = load(folder, "delta", n_out, n_in).astype(np.float64)
    store(folder, "apart", np.array([np.linalg.norm(b @ a - delta) / np.linalg.norm(delta)]), np.float64)


def ridge(folder, n_out, n_in, rank, share):
    """weight, inputs, change, b, a -> loss of b a, least loss of that rank, its share of the unlimited energy, lambda (float64).
    In input space, by the normal equations, and the projection by a whitened SVD."""
    w = load(folder, "weight", n_out, n_in).astype(np.float64)
    x, d = (load(folder, name, -1, n_in).astype(np.float64) for name in ("inputs", "change"))
    lam = share * (x**2).sum() / len(x)

    def loss(delta):
        return ((delta @ x.T - w @ d.T) ** 2).sum() + lam * (delta**2).sum()

    metric = x.T @ x + lam * np.eye(n_in)
    full = np.linalg.solve(metric, x.T @ d @ w.T).T
    u, s, _ = np.linalg.svd(full @ np.linalg.cholesky(metric), full_matrices=False)
    best = u[:, :rank] @ (u[:, :rank].T @ full)
    ba = load(folder, "b", n_out, rank).astype(np.float64) @ load(folder, "a", rank, n_in)
    store(folder, "ridge", np.array([loss(ba), loss(best), (s[:rank] ** 2).sum() / (s**2).sum(), lam]), np.float64)


def half(folder):
    """values -> halves (bits of F16)"""
    with np.errstate(over="ignore"):
        store(folder, "halves", np.fromfile(os.path.join(folder, "values"), np.float32).astype(np.float16).view(np.uint16), np.uint16)


def imatrix_dump(folder):
    """s.gguf -> on stdout, what llama-imatrix would look for, read by the gguf package"""
    reader = gguf.GGUFReader(os.path.join(folder, "s.gguf"))
    for key in ("general.type", "imatrix.datasets", "imatrix.chunk_count", "imatrix.chunk_size"):
        print(key, reader.fields[key].contents())
    for t in sorted(reader.tensors, key=lambda t: t.name):
        total = f" sum {t.data.sum():.0f}" if t.name.endswith(".counts") else ""
        print(t.name, t.tensor_type.name, t.shape.tolist(), end=total + "\n")


def factors(path, name):
    """B [n_out, rank] and A [rank, n_in] of a fragment file, in double"""
    raw = {t.name: t for t in gguf.GGUFReader(path).tensors}
    return [np.array(raw[name + s].data, np.float64).reshape(raw[name + s].shape[::-1]) for s in (".lora_b", ".lora_a")]


def contrast_kept(folder, n_out, n_in, path, name):
    """weight, task, general -> kept, best (float64): the share of the contrast delta that the file's factors keep, and that the exact SVD would"""
    w = load(folder, "weight", n_out, n_in)
    k = int(n_in * 0.2)

    def top(norm):
        order = np.argsort(-(np.abs(w) * norm), axis=1, kind="stable")[:, :k]
        chosen = np.zeros(w.shape, bool)
        np.put_along_axis(chosen, order, True, axis=1)
        return chosen

    x = load(folder, "task", n_in)
    delta = (w * (top(x) & ~top(load(folder, "general", n_in)))).astype(np.float64)
    b, a = factors(path, name)
    total = ((delta * x) ** 2).sum()
    store(folder, "kept", np.array([1 - (((delta - b @ a) * x) ** 2).sum() / total]), np.float64)
    s = np.linalg.svd(delta * x, compute_uv=False)
    store(folder, "best", np.array([(s[: a.shape[0]] ** 2).sum() / total]), np.float64)


def donor_kept(folder, n_out, n_in, path, name):
    """weight, donor, task -> kept, best (float64): the share of donor - weight that the file's factors keep, and that the exact SVD would"""
    x = load(folder, "task", n_in).astype(np.float64)
    delta = load(folder, "donor", n_out, n_in).astype(np.float64) - load(folder, "weight", n_out, n_in)
    b, a = factors(path, name)
    total = ((delta * x) ** 2).sum()
    store(folder, "kept", np.array([1 - (((delta - b @ a) * x) ** 2).sum() / total]), np.float64)
    store(folder, "best", np.array([(np.linalg.svd(delta * x, compute_uv=False)[: a.shape[0]] ** 2).sum() / total]), np.float64)


def merge(folder, n_out, n_in, strength, path, name):
    """weight -> merged: weight + strength * B A"""
    b, a = factors(path, name)
    store(folder, "merged", load(folder, "weight", n_out, n_in) + strength * (b @ a))


COMMANDS = {
    f.__name__: f
    for f in (
        score,
        mask,
        energy,
        residual,
        channel,
        moments_apart,
        actsvd,
        actsvd_kept,
        ridge,
        half,
        imatrix_dump,
        contrast_kept,
        donor_kept,
        merge,
    )
}

if __name__ == "__main__":
    command, folder, *sizes = sys.argv[1:]
    COMMANDS[command](folder, *[int(s) if s.isdigit() else float(s) if s.replace(".", "", 1).isdigit() else s for s in sizes])
