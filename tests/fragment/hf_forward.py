"""A llama, qwen2 or qwen3 transformer as Hugging Face orders and computes it, in numpy and double: an answer to compare our logits with.

usage: hf_forward.py MODEL.gguf PEFT_FOLDER|- TOKENS OUT N_LAYER [as-stored]

Shares nothing with ours but the files: the gguf package reads and dequantizes the model, rows of Q and K go back to the order of Hugging
Face here, the adapter is added to the weights as W + lora_alpha / r * B A, and no key or value is rounded on its way. TOKENS holds int32,
OUT gets float32 [n_tokens, n_vocab], of the first N_LAYER layers. `as-stored` takes the rows of each B for rows of the GGUF: what an export
that forgot the order would be.
"""

import json
import os
import sys

import gguf
import numpy as np
from oracle import KINDS, peft_module_scale
from safetensors.numpy import load_file


def halves(rows, n_head):
    """Rows of a converted llama -> rows of Hugging Face: within each head, pairs become halves."""
    return rows.reshape(n_head, rows.shape[0] // n_head // 2, 2, -1).swapaxes(1, 2).reshape(rows.shape)


class Weights:
    """Tensors of the model in the order of Hugging Face, with the adapter added."""

    def __init__(self, path, peft, as_stored):
        reader = gguf.GGUFReader(path)
        self.fields = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("tokenizer.")}
        self.tensors = {t.name: t for t in reader.tensors}
        self.architecture = self.fields["general.architecture"]
        self.n_head = self.number("attention.head_count")
        self.n_head_kv = self.number("attention.head_count_kv", self.n_head)
        self.as_stored = as_stored
        self.config, self.adapter = None, {}
        if peft != "-":
            self.config = json.load(open(os.path.join(peft, "adapter_config.json")))
            self.adapter = load_file(os.path.join(peft, "adapter_model.safetensors"))

    def number(self, key, usual=None):
        return self.fields.get(f"{self.architecture}.{key}", usual)

    def rows(self, name, chosen=slice(None)):
        tensor = self.tensors[name]
        return gguf.quants.dequantize(tensor.data[chosen], tensor.tensor_type).astype(np.float64)

    def ordered(self, kind, values):
        heads = {"self_attn.q_proj": self.n_head, "self_attn.k_proj": self.n_head_kv}.get(kind)
        return halves(values, heads) if heads and self.architecture == "llama" else values

    def linear(self, layer, kind, x):
        name = f"blk.{layer}.{KINDS[kind]}"
        w = self.ordered(kind, self.rows(name + ".weight"))
        module = f"model.layers.{layer}.{kind}"
        key = f"base_model.model.{module}.lora_A.weight"
        if key in self.adapter:
            a, b = (self.adapter[k].astype(np.float64) for k in (key, key.replace("lora_A", "lora_B")))
            if self.as_stored:
                b = self.ordered(kind, b)
            w += peft_module_scale(self.config, module)[1] * (b @ a)
        y = x @ w.T
        if name + ".bias" in self.tensors:
            y += self.ordered(kind, self.rows(name + ".bias").reshape(-1, 1))[:, 0]
        return y


def rms_norm(x, weight, epsilon):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon) * weight


def rotate(x, theta):
    """Rotary embedding of Hugging Face, x [n, heads, d]: component j turns with component j + d / 2."""
    n, _, d = x.shape
    angle = np.arange(n)[:, None] * theta ** (-np.arange(0, d, 2) / d)[None, :]
    cos, sin = (np.concatenate([f(angle)] * 2, -1)[:, None, :] for f in (np.cos, np.sin))
    return x * cos + np.concatenate([-x[..., d // 2 :], x[..., : d // 2]], -1) * sin


def attention(w, layer, x, epsilon, theta):
    n = len(x)
    q = w.linear(layer, "self_attn.q_proj", x).reshape(n, w.n_head, -1)
    k, v = (w.linear(layer, f"self_attn.{s}_proj", x).reshape(n, w.n_head_kv, -1) for s in "kv")
    if f"blk.{layer}.attn_q_norm.weight" in w.tensors:  # qwen3
        q, k = (rms_norm(y, w.rows(f"blk.{layer}.attn_{s}_norm.weight"), epsilon) for y, s in ((q, "q"), (k, "k")))
    q, k = rotate(q, theta), rotate(k, theta)
    k, v = (np.repeat(y, w.n_head // w.n_head_kv, axis=1) for y in (k, v))
    scores = np.einsum("ihd,jhd->hij", q, k) / np.sqrt(q.shape[-1])
    scores[:, np.triu(np.ones((n, n), bool), 1)] = -np.inf
    p = np.exp(scores - scores.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    return w.linear(layer, "self_attn.o_proj", np.einsum("hij,jhd->ihd", p, v).reshape(n, -1))


def feed_forward(w, layer, x):
    gate = w.linear(layer, "mlp.gate_proj", x)
    return w.linear(layer, "mlp.down_proj", gate / (1 + np.exp(-gate)) * w.linear(layer, "mlp.up_proj", x))


def forward(w, tokens, n_layer):
    epsilon, theta = w.number("attention.layer_norm_rms_epsilon"), w.number("rope.freq_base", 10000.0)
    x = w.rows("token_embd.weight", tokens)
    for layer in range(n_layer):
        x = x + attention(w, layer, rms_norm(x, w.rows(f"blk.{layer}.attn_norm.weight"), epsilon), epsilon, theta)
        x = x + feed_forward(w, layer, rms_norm(x, w.rows(f"blk.{layer}.ffn_norm.weight"), epsilon))
    x = rms_norm(x, w.rows("output_norm.weight"), epsilon)
    head = "output.weight" if "output.weight" in w.tensors else "token_embd.weight"
    n_vocab = len(w.tensors[head].data)
    step = 1 << 14  # a vocabulary of 152k in double at once would be 1 GB
    return np.concatenate([x @ w.rows(head, slice(at, at + step)).T for at in range(0, n_vocab, step)], axis=1)


if __name__ == "__main__":
    model, peft, tokens, out, n_layer = sys.argv[1:6]
    weights = Weights(model, peft, sys.argv[6:] == ["as-stored"])
    forward(weights, np.fromfile(tokens, np.int32), int(n_layer)).astype(np.float32).tofile(out)
