"""Writes sanitize.jsonl: what the sanitizer of EvalPlus (Apache-2.0) makes of the texts below, one JSON object a line.

    pip install --no-deps evalplus==0.3.1 tree-sitter==0.26.1 tree-sitter-python==0.25.0
    python make_sanitize.py > sanitize.jsonl

The modules stubbed here are imported by evalplus.sanitize, but not used by sanitize() itself.
"""
import json
import sys
import types

for name, members in {
    "evalplus.data": ["get_human_eval_plus", "get_mbpp_plus", "load_solutions", "write_directory", "write_jsonl"],
    "tqdm": ["tqdm"],
    "termcolor": ["colored"],
}.items():
    module = types.ModuleType(name)
    for member in members:
        setattr(module, member, None)
    sys.modules[name] = module

from evalplus.sanitize import sanitize  # noqa: E402

TEXTS = {
    "plain": "def f(x):\n    return x + 1\n",
    "one line": "def f(x): return x + 1",
    "prose and a fence": "Sure! Here it is:\n```python\ndef f(x):\n    return x + 1\n```\nIt adds one to x.",
    "prose that parses": "Answer\n\ndef f(x):\n    return x + 1\n\nDone",
    "two fences": "```python\ndef f(x):\n    return 0\n```\nBetter:\n```python\ndef g(x):\n    y = x\n    return y\n\ndef f(x):\n    return g(x)\n```",
    "cut in a second function": "def f(x):\n    return x\n\ndef g(x):\n    if x >",
    "cut in the only function": "def f(x):\n    y = x\n    return (y +",
    "cut in a string": "def f(x):\n    return 'abc\n",
    "nothing": "",
    "blank lines": "\n\n\n",
    "no code": "I am sorry, I cannot help with that.",
    "bad indentation": "def f(x):\n    y = x\n  return y\n",
    "example call": "def f(x):\n    return x\n\n# Example usage\nprint(f(1))\nassert f(1) == 1\n",
    "main guard": "import sys\n\ndef f(x):\n    return x\n\nif __name__ == '__main__':\n    sys.exit(f(0))\n",
    "imports kept": "import os.path as p, math\nfrom a.b import (c,\n    d)\nfrom __future__ import annotations\n\ndef f(x):\n    return math.sqrt(x)\n",
    "unused helpers dropped": "def g(x):\n    return h(x)\n\ndef h(x):\n    return x\n\ndef unused(x):\n    return x\n\ndef f(x):\n    return g(x)\n",
    "class reached through an attribute": "class Box:\n    size = 3\n    def get(self):\n        return self.size\n\ndef f(x):\n    return Box().get() + x\n",
    "class not reached": "class Box:\n    size = 3\n\ndef f(x):\n    return x\n",
    "constants": "LIMIT = 3\nUNUSED = 4\na, b = 1, 2\nz: int = 5\nLIMIT += 1\n\ndef f(x):\n    return x + LIMIT + z\n",
    "assignment to an attribute": "class C:\n    v = 1\n\nw = 2\nC.v = w\n\ndef f(x):\n    return C.v + w + x\n",
    "chained assignment": "p = q = 3\n\ndef f(x):\n    return p + x\n",
    "defined twice": "def f(x):\n    return 1\n\ndef f(x):\n    return 2\n",
    "function without return dropped": "def show(x):\n    print(x)\n\ndef f(x):\n    show(x)\n    return x\n",
    "return in a nested function only": "def g(x):\n    def inner():\n        return x\n    print(inner())\n\ndef f(x):\n    g(x)\n    return x\n",
    "async": "async def g(x):\n    return x\n\ndef f(x):\n    return g(x)\n",
    "lambda": "g = lambda x: x + 1\n\ndef f(x):\n    return g(x)\n",
    "name in an f-string": "def g(x):\n    return x\n\ndef f(x):\n    return f'{g(x)}'\n",
    "name as keyword": "def key(x):\n    return x\n\ndef f(x):\n    return sorted(x, key=key)\n",
    "entry point missing": "import math\n\ndef g(x):\n    return x\n",
    "entry point is a class": "class f:\n    def __init__(self, x):\n        self.x = x\n",
    "comments between": "# top\ndef f(x):  # head\n    # body\n    return x\n# bottom\n",
    "docstring with a fence": "def f(x):\n    \"\"\"Doc.\n\n    ```\n    f(1)\n    ```\n    \"\"\"\n    return x\n",
    "Hangul": "def f(x):\n    # \ub354\ud558\uae30\n    return x + len('\ub354\ud558\uae30')\n",
    "semicolons": "a = 1; b = 2\ndef f(x):\n    return a + b + x\n",
    "try import": "try:\n    import numpy\nexcept ImportError:\n    numpy = None\n\ndef f(x):\n    return x\n",
}

for name, text in TEXTS.items():
    print(json.dumps({"name": name, "text": text, "entry_point": "f", "solution": sanitize(text, entrypoint="f")}))
