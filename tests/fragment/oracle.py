"""Independent numpy computations that the fragment tests compare with. usage: oracle.py COMMAND DIR [sizes...]

DIR holds raw little-endian inputs and takes the outputs; each command says which.
"""

import json
import os
import sys

import gguf
import numpy as np
from safetensors.numpy import load_file, safe_open, save_file


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


KINDS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def permute(rows, n_head):
    """Hugging Face order of rows -> order of a converted llama: within each head, halves become pairs."""
    return rows.reshape(n_head, 2, rows.shape[0] // n_head // 2, -1).swapaxes(1, 2).reshape(rows.shape)


def to_gguf_order(architecture, weight, b, n_head, n_head_kv):
    heads = {"attn_q": n_head, "attn_k": n_head_kv}.get(weight.split(".")[2])
    return permute(b, heads) if architecture == "llama" and heads else b


def row_order(folder, n_out, n_head):
    """-> order (u64): the GGUF row that holds each row of Hugging Face"""
    gguf_rows = permute(np.arange(n_out).reshape(n_out, 1), n_head)[:, 0]
    store(folder, "order", np.argsort(gguf_rows), np.uint64)


def peft_module_scale(config, module):
    """rank and scale of a module, by the rule of PEFT for patterns that are plain names"""

    def of(pattern, usual):
        return next((v for k, v in pattern.items() if module == k or module.endswith("." + k)), usual)

    rank, alpha = of(config["rank_pattern"], config["r"]), of(config["alpha_pattern"], config["lora_alpha"])
    return rank, alpha / (rank**0.5 if config["use_rslora"] else rank)


def peft_compare(folder, path, n_head, n_head_kv, strength):
    """An exported folder against its GGUF: same bytes after numpy's own permutation, same deltas at the strength. Prints what it saw."""
    config = json.load(open(os.path.join(folder, "adapter_config.json")))
    theirs = load_file(os.path.join(folder, "adapter_model.safetensors"))
    reader = gguf.GGUFReader(path)
    architecture = reader.fields["general.architecture"].contents()
    alpha = reader.fields["adapter.lora.alpha"].contents() if "adapter.lora.alpha" in reader.fields else 0
    ours = {t.name: t.data.reshape(t.shape[::-1]) for t in reader.tensors}
    assert len(theirs) == len(ours), (len(theirs), len(ours))
    moved, worst = 0, 0.0
    for name, a in theirs.items():
        if ".lora_B." in name:
            continue
        module = name[len("base_model.model.") : -len(".lora_A.weight")]
        assert name == "base_model.model." + module + ".lora_A.weight", name
        layers, n, kind = module.split(".", 3)[1:]
        assert layers == "layers", module
        assert any(module == t or module.endswith("." + t) for t in config["target_modules"]), module
        weight = f"blk.{n}.{KINDS[kind]}.weight"
        b = theirs[name.replace(".lora_A.", ".lora_B.")]
        gguf_b = to_gguf_order(architecture, weight, b, n_head, n_head_kv)
        assert a.dtype == ours[weight + ".lora_a"].dtype and a.tobytes() == ours[weight + ".lora_a"].tobytes(), weight
        assert gguf_b.tobytes() == ours[weight + ".lora_b"].tobytes(), weight
        moved += b.tobytes() != gguf_b.tobytes()
        rank, scale = peft_module_scale(config, module)
        assert (rank, rank) == (a.shape[0], b.shape[1]), weight
        delta = scale * (b.astype(np.float64) @ a.astype(np.float64))
        wanted = strength * (alpha / rank if alpha else 1) * (ours[weight + ".lora_b"].astype(np.float64) @ a.astype(np.float64))
        delta = to_gguf_order(architecture, weight, delta, n_head, n_head_kv)
        worst = max(worst, np.abs(delta - wanted).max() / np.abs(wanted).max())
    assert worst < 1e-6, worst
    print(f"pairs {len(theirs) // 2} moved {moved} r {config['r']} alpha {config['lora_alpha']:g}")
    print("rank_pattern", json.dumps(config["rank_pattern"]), "targets", " ".join(sorted(config["target_modules"])))
    with safe_open(os.path.join(folder, "adapter_model.safetensors"), "np") as f:
        print("metadata", json.dumps(f.metadata(), sort_keys=True))


def peft_make(folder, architecture, n_embd, n_ff, n_head, n_head_kv, rank, alpha, dtype, patterns):
    """A PEFT folder of one layer as PEFT writes it, in FOLDER/peft, and FOLDER/NAME.delta (float64): scale * B A in GGUF order"""
    rng = np.random.default_rng(7)
    n_kv = n_embd // n_head * n_head_kv
    shapes = dict(
        zip(KINDS, [(n_embd, n_embd), (n_kv, n_embd), (n_kv, n_embd), (n_embd, n_embd), (n_ff, n_embd), (n_ff, n_embd), (n_embd, n_ff)])
    )
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "org/tiny", "r": rank, "lora_alpha": alpha}
    config |= {"lora_dropout": 0.05, "bias": "none", "target_modules": ["q_proj"], "rank_pattern": {}, "alpha_pattern": {}}
    config |= {"use_rslora": patterns == "rslora", "use_dora": False, "modules_to_save": None, "init_lora_weights": True}
    if patterns == "patterns":
        config |= {"rank_pattern": {"k_proj": 2, "^model.layers.0.mlp.up_proj": 3}, "alpha_pattern": {"model.layers.0.mlp.down_proj": 1.5}}
    tensors = {}
    for kind, (n_out, n_in) in shapes.items():
        module = "model.layers.0." + kind
        plain = {k.lstrip("^"): v for k, v in config["rank_pattern"].items()}
        r, scale = peft_module_scale(config | {"rank_pattern": plain}, module)
        a = rng.normal(0, 0.1, (r, n_in)).astype(dtype)
        b = rng.normal(0, 0.1, (n_out, r)).astype(dtype)
        tensors[f"base_model.model.{module}.lora_A.weight"] = a
        tensors[f"base_model.model.{module}.lora_B.weight"] = b
        weight = f"blk.0.{KINDS[kind]}.weight"
        delta = scale * (b.astype(np.float64) @ a.astype(np.float64))
        store(folder, weight + ".delta", to_gguf_order(architecture, weight, delta, n_head, n_head_kv), np.float64)
    peft = os.path.join(folder, "peft")
    os.makedirs(peft, exist_ok=True)
    json.dump(config, open(os.path.join(peft, "adapter_config.json"), "w"))
    save_file(tensors, os.path.join(peft, "adapter_model.safetensors"), {"format": "pt"})


def worst_delta(folder, path, strength):
    """FOLDER/NAME.delta for every weight of the GGUF -> prints the largest relative error of strength * B A"""
    worst = 0.0
    names = sorted(t.name[: -len(".lora_a")] for t in gguf.GGUFReader(path).tensors if t.name.endswith(".lora_a"))
    for name in names:
        b, a = factors(path, name)
        wanted = np.fromfile(os.path.join(folder, name + ".delta"), np.float64).reshape(b.shape[0], a.shape[1])
        worst = max(worst, np.linalg.norm(strength * (b @ a) - wanted) / np.linalg.norm(wanted))
    print(len(names), f"{worst:.3g}")


def peft_unpermuted(folder, path, out):
    """The GGUF again with the B of an exported folder as they stand there, in the order of Hugging Face"""
    theirs = load_file(os.path.join(folder, "adapter_model.safetensors"))
    reader = gguf.GGUFReader(path)
    writer = gguf.GGUFWriter(out, reader.fields["general.architecture"].contents())
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 0.0)
    writer.add_float32("aicoder.strength", reader.fields["aicoder.strength"].contents())
    backwards = {v: k for k, v in KINDS.items()}
    for t in reader.tensors:
        n, kind = t.name.split(".")[1:3]
        half = "A" if t.name.endswith("a") else "B"
        writer.add_tensor(t.name, theirs[f"base_model.model.model.layers.{n}.{backwards[kind]}.lora_{half}.weight"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def dense_deltas(path):
    """Weight -> scale * B A of a LoRA GGUF, in double, at strength 1"""
    reader = gguf.GGUFReader(path)
    alpha = reader.fields["adapter.lora.alpha"].contents() if "adapter.lora.alpha" in reader.fields else 0
    deltas = {}
    for name in (t.name[: -len(".lora_a")] for t in reader.tensors if t.name.endswith(".lora_a")):
        b, a = factors(path, name)
        deltas[name] = (alpha / a.shape[0] if alpha else 1) * (b @ a)
    return deltas


def ties(deltas, density):
    """Trim, elect sign, disjoint mean, by sorting"""
    trimmed = []
    for d in deltas:
        keep = np.argsort(-np.abs(d.ravel()), kind="stable")[: max(1, int(density * d.size))]
        t = np.zeros(d.size)
        t[keep] = d.ravel()[keep]
        trimmed.append(t.reshape(d.shape))
    t = np.stack(trimmed)
    agree = np.sign(t) == np.sign(t.sum(0))
    agree &= t != 0
    return np.where(agree, t, 0).sum(0) / np.maximum(agree.sum(0), 1)


def dare_kept(n, drop, seed, name):
    """Which entries DARE keeps: splitmix64 over a FNV-1a hash of the name, 24 bits of each number"""
    mask = (1 << 64) - 1
    h = 0xCBF29CE484222325 ^ seed
    for c in name.encode():
        h = ((h ^ c) * 0x100000001B3) & mask
    with np.errstate(over="ignore"):
        z = np.uint64(h) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return ((z >> np.uint64(40)).astype(np.float64) + 0.5) * 2.0**-24 >= drop


def merge_check(folder):
    """merge.json: {out, method, density, drop, seed, paths, weights} -> prints, as the worst over weights: the error of the merged
    deltas beyond what their rank explains, the distance of what they keep to the best of that rank, the distance of the recorded energy"""
    job = json.load(open(os.path.join(folder, "merge.json")))
    parts = [(dense_deltas(path), weight) for path, weight in zip(job["paths"], job["weights"])]
    reader = gguf.GGUFReader(job["out"])
    recorded = dict(zip(reader.fields["aicoder.tensor.names"].contents(), reader.fields["aicoder.tensor.retained_energy"].contents()))
    names = sorted(set().union(*(d for d, _ in parts)))
    assert sorted(recorded) == names, (names, recorded)
    error = kept_gap = recorded_gap = 0.0
    for name in names:
        shares = [(i, w * d[name]) for i, (d, w) in enumerate(parts) if name in d]
        if job["method"] == "ties":
            wanted = ties([d for _, d in shares], job["density"])
        elif job["method"] == "dare":
            p = job["drop"]
            wanted = sum(np.where(dare_kept(d.size, p, job["seed"] + i, name).reshape(d.shape), d / (1 - p), 0) for i, d in shares)
        else:
            wanted = sum(d for _, d in shares)
        b, a = factors(job["out"], name)
        total, s = (wanted**2).sum(), np.linalg.svd(wanted, compute_uv=False)
        residual, best = ((wanted - b @ a) ** 2).sum() / total, (s[a.shape[0] :] ** 2).sum() / total
        error = max(error, np.sqrt(max(0, residual - best)))
        kept_gap = max(kept_gap, abs(residual - best))
        recorded_gap = max(recorded_gap, abs(1 - best - recorded[name]))
    print(f"{len(names)} {error:.3g} {kept_gap:.3g} {recorded_gap:.3g}")


def diff_check(folder, path_a, path_b):
    """-> one line per weight, by name: norms, relative difference and cosine of the dense deltas"""
    a, b = dense_deltas(path_a), dense_deltas(path_b)

    def line(name, x, y):
        nx, ny = np.linalg.norm(x), np.linalg.norm(y)
        cosine = (x * y).sum() / (nx * ny) if nx and ny else 0
        print(name, repr(float(nx)), repr(float(ny)), repr(float(np.linalg.norm(x - y) / max(nx, ny))), repr(float(cosine)))

    names = sorted(set(a) | set(b))
    pairs = [(a.get(n, np.zeros(1)), b.get(n, np.zeros(1))) for n in names]
    for name, (x, y) in zip(names, pairs):
        line(name, x, y)
    same = [np.broadcast_arrays(x, y) if 1 in (x.size, y.size) else (x, y) for x, y in pairs]
    line("total", *(np.concatenate([p[i].ravel() for p in same]) for i in (0, 1)))


def safetensors_make(folder):
    """A file by the safetensors package, with metadata and three types"""
    rng = np.random.default_rng(3)
    tensors = {"a": rng.normal(size=(2, 3)).astype(np.float32), "b.h": rng.normal(size=(4,)).astype(np.float16), "i": np.arange(3)}
    save_file(tensors | {"empty": np.zeros((0, 5), np.float32)}, os.path.join(folder, "t.safetensors"), {"who": "oracle"})
    store(folder, "a", tensors["a"])
    store(folder, "h", tensors["b.h"], np.float16)


def safetensors_dump(folder):
    """t.safetensors -> on stdout, read by the safetensors package"""
    with safe_open(os.path.join(folder, "t.safetensors"), "np") as f:
        print(json.dumps(f.metadata(), sort_keys=True))
        for name in sorted(f.keys()):
            t = f.get_tensor(name)
            print(name, t.dtype, list(t.shape), t.ravel().tolist())


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
        merge_check,
        diff_check,
        row_order,
        peft_compare,
        peft_make,
        worst_delta,
        peft_unpermuted,
        safetensors_make,
        safetensors_dump,
    )
}

if __name__ == "__main__":
    command, folder, *sizes = sys.argv[1:]
    COMMANDS[command](folder, *[int(s) if s.isdigit() else float(s) if s.lstrip("-").replace(".", "", 1).isdigit() else s for s in sizes])
