"""Loss, gradients and AdamW of a LoRA over a llama, qwen2 or qwen3 base, in JAX and double: an answer to compare our training with.

usage: jax_oracle.py gradient MODEL.gguf FOLDER      reads FOLDER/case.json and the raw files beside it, writes loss and gradient
       jax_oracle.py curve MODEL.gguf FOLDER         trains for case["steps"] steps and writes the loss before each

Shares nothing with ours but the files: the gguf package reads and dequantizes the base, JAX differentiates. Raw files are little-endian:
parameters float32 (per layer q, k, v, o, gate, up, down: A [rank, n_in], then B transposed [rank, n_out]), tokens, positions, segments,
targets int32.
"""

import json
import os
import sys

import gguf
import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

KINDS = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]


class Base:
    """The dequantized tensors and the few numbers of the metadata."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        fields = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("tokenizer.")}
        self.family = fields["general.architecture"]
        number = lambda key: fields[f"{self.family}.{key}"]  # noqa: E731
        self.n_layer, self.n_head, self.n_kv = (number(k) for k in ("block_count", "attention.head_count", "attention.head_count_kv"))
        self.eps, self.rope_base = number("attention.layer_norm_rms_epsilon"), number("rope.freq_base")
        self.w = {t.name: jnp.asarray(gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float64)) for t in reader.tensors}


def rms_norm(x, gain, eps):
    return x / jnp.sqrt(jnp.mean(x * x, axis=-1, keepdims=True) + eps) * gain


def rotate(x, positions, base):
    """x [heads, tokens, dim]. llama files hold pairs side by side, the others halves."""
    dim = x.shape[-1]
    frequency = base.rope_base ** (-jnp.arange(0, dim, 2) / dim)
    if "rope_freqs.weight" in base.w:
        frequency = frequency / base.w["rope_freqs.weight"]
    angle = positions[:, None] * frequency
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    if base.family == "llama":
        first, second = x[..., 0::2], x[..., 1::2]
        turned = jnp.stack([first * cos - second * sin, first * sin + second * cos], axis=-1)
        return turned.reshape(x.shape)
    first, second = x[..., : dim // 2], x[..., dim // 2 :]
    return jnp.concatenate([first * cos - second * sin, first * sin + second * cos], axis=-1)


def loss_of(parameters, base, case, batch):
    """Sum of -log p over the targets."""

    def linear(layer, kind, x):
        name = f"blk.{layer}.{KINDS[kind]}"
        a, b = parameters[layer][kind]
        y = x @ base.w[name + ".weight"].T + case["scale"] * (x @ a.T) @ b
        return y + base.w[name + ".bias"] if name + ".bias" in base.w else y

    def heads(x, n, gain):
        x = x.reshape(x.shape[0], n, -1)
        if gain in base.w:
            x = rms_norm(x, base.w[gain], base.eps)
        return x.swapaxes(0, 1)

    segments = batch["segments"]
    n = len(segments)
    sees = (segments[:, None] == segments[None, :]) & (segments[:, None] >= 0) & (jnp.arange(n)[:, None] >= jnp.arange(n)[None, :])
    sees = sees | jnp.eye(n, dtype=bool)
    x = base.w["token_embd.weight"][batch["tokens"]]
    for layer in range(base.n_layer):
        block = f"blk.{layer}."
        normed = rms_norm(x, base.w[block + "attn_norm.weight"], base.eps)
        q = rotate(heads(linear(layer, 0, normed), base.n_head, block + "attn_q_norm.weight"), batch["positions"], base)
        k = rotate(heads(linear(layer, 1, normed), base.n_kv, block + "attn_k_norm.weight"), batch["positions"], base)
        v = heads(linear(layer, 2, normed), base.n_kv, "")
        k, v = (jnp.repeat(t, base.n_head // base.n_kv, axis=0) for t in (k, v))
        scores = jnp.einsum("hqd,hkd->hqk", q, k) / np.sqrt(q.shape[-1])
        mixed = jnp.einsum("hqk,hkd->qhd", jax.nn.softmax(jnp.where(sees, scores, -jnp.inf), axis=-1), v)
        x = x + linear(layer, 3, mixed.reshape(n, -1))
        normed = rms_norm(x, base.w[block + "ffn_norm.weight"], base.eps)
        x = x + linear(layer, 6, jax.nn.silu(linear(layer, 4, normed)) * linear(layer, 5, normed))
    table = base.w["output.weight" if "output.weight" in base.w else "token_embd.weight"]
    log_p = jax.nn.log_softmax(rms_norm(x, base.w["output_norm.weight"], base.eps) @ table.T)
    counted = batch["targets"] >= 0
    return -jnp.sum(jnp.where(counted, log_p[jnp.arange(n), jnp.maximum(batch["targets"], 0)], 0.0))


def unflatten(flat, base, rank):
    layers, at = [], 0
    for layer in range(base.n_layer):
        factors = []
        for kind in KINDS:
            n_out, n_in = base.w[f"blk.{layer}.{kind}.weight"].shape
            r = min(rank, n_in, n_out)
            a, at = flat[at : at + r * n_in].reshape(r, n_in), at + r * n_in
            b, at = flat[at : at + r * n_out].reshape(r, n_out), at + r * n_out
            factors.append((a, b))
        layers.append(factors)
    assert at == len(flat)
    return layers


def flatten(layers):
    return np.concatenate([np.asarray(m).ravel() for layer in layers for pair in layer for m in pair])


def adamw_curve(parameters, base, case, batch):
    """Loshchilov and Hutter 2019, with warm-up, a cosine and clipping of the norm, written from the papers."""
    value_and_grad = jax.jit(jax.value_and_grad(lambda p: loss_of(p, base, case, batch) / jnp.sum(batch["targets"] >= 0)))
    tree = jax.tree_util
    m = v = tree.tree_map(jnp.zeros_like, parameters)
    losses = []
    for step in range(case["steps"]):
        loss, g = value_and_grad(parameters)
        losses.append(float(loss))
        norm = jnp.sqrt(sum(jnp.sum(x * x) for x in tree.tree_leaves(g)))
        factor = min(1.0, case["clip"] / float(norm))
        g = tree.tree_map(lambda x, factor=factor: x * factor, g)
        if step < case["warmup"]:
            rate = case["rate"] * (step + 1) / case["warmup"]
        else:
            done = (step - case["warmup"]) / (case["steps"] - case["warmup"])
            rate = case["rate"] * (case["floor"] + (1 - case["floor"]) * 0.5 * (1 + np.cos(np.pi * done)))
        m = tree.tree_map(lambda x, y: case["beta1"] * x + (1 - case["beta1"]) * y, m, g)
        v = tree.tree_map(lambda x, y: case["beta2"] * x + (1 - case["beta2"]) * y * y, v, g)
        c1, c2 = 1 - case["beta1"] ** (step + 1), 1 - case["beta2"] ** (step + 1)

        def update(p, x, y, rate=rate, c1=c1, c2=c2):
            return p - rate * ((x / c1) / (jnp.sqrt(y / c2) + case["epsilon"]) + case["decay"] * p)

        parameters = tree.tree_map(update, parameters, m, v)
    return losses


def main():
    what, model, folder = sys.argv[1:]
    read = lambda name, kind: np.fromfile(os.path.join(folder, name), kind)  # noqa: E731
    case = json.load(open(os.path.join(folder, "case.json")))
    base = Base(model)
    batch = {name: jnp.asarray(read(name, np.int32)) for name in ("tokens", "positions", "segments", "targets")}
    parameters = unflatten(jnp.asarray(read("parameters", np.float32).astype(np.float64)), base, case["rank"])
    if what == "curve":
        np.array(adamw_curve(parameters, base, case, batch)).tofile(os.path.join(folder, "losses"))
        return
    loss, gradient = jax.value_and_grad(lambda p: loss_of(p, base, case, batch))(parameters)
    np.array([float(loss)]).tofile(os.path.join(folder, "loss"))
    flatten(gradient).astype(np.float64).tofile(os.path.join(folder, "gradient"))


main()
