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
    store(folder, "energy", np.array([(s[:rank] ** 2).sum() / (s ** 2).sum()]), np.float64)


def residual(folder, n_out, n_in, rank):
    """delta, norm, b, a -> kept (float64): 1 - ||(delta - b a) diag(norm)||^2 / ||delta diag(norm)||^2"""
    x = load(folder, "norm", n_in).astype(np.float64)
    delta = load(folder, "delta", n_out, n_in).astype(np.float64)
    ba = load(folder, "b", n_out, rank).astype(np.float64) @ load(folder, "a", rank, n_in).astype(np.float64)
    store(folder, "kept", np.array([1 - (((delta - ba) * x) ** 2).sum() / ((delta * x) ** 2).sum()]), np.float64)


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


COMMANDS = {f.__name__: f for f in (score, mask, energy, residual, half, imatrix_dump)}

if __name__ == "__main__":
    command, folder, *sizes = sys.argv[1:]
    COMMANDS[command](folder, *[float(s) if "." in s else int(s) for s in sizes])
