"""Runs several solutions of one task on the same inputs and groups those that behave alike. Embedded into the program.

The inputs come from the task's own examples (changed a little), from type hints, or from trying. Nothing here says which group is right.

stdin: one line of JSON {"codes": [...], "entry": "name or empty", "calls": ["f(1, 'a')", ...]}, one line with the nonce.
stdout: one line "@NONCE {json}": {"groups": [[0, 2], [1]], "inputs": 24}; solutions that answer no input at all are in no group.
"""

import ast
import contextlib
import copy
import inspect
import io
import itertools
import json
import os
import random
import signal
import sys
import typing

MAX_INPUTS = 40
CALL_SECONDS = 0.3
MAX_HANGS = 3
LIMIT = 2000

VALUES = {
    "int": [0, 1, 2, 3, 5, 7, 10, 12, 100, -1, -4],
    "float": [0.0, 1.0, 2.5, 3.14, -1.5, 10.0],
    "bool": [True, False],
    "str": ["", "a", "abc", "Hello World", "aabbc", "racecar", "a1 b2,c3", "The quick brown fox", "12:30", "((()))", "0101"],
    "none": [None],
}
TRIED = ["int", "str", ["list", "int"], ["list", "str"], "float", ["list", ["list", "int"]], ["dict", "str", "int"]]


class TooLong(BaseException):
    pass


def on_alarm(signum, frame):
    raise TooLong


def read_line(fd):
    data = bytearray()
    while True:
        byte = os.read(fd, 1)
        if not byte or byte == b"\n":
            return data.decode("utf-8", "replace")
        data += byte


@contextlib.contextmanager
def bounded(seconds):
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def kind_of(value):
    if value is None:
        return "none"
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind.__name__
    if isinstance(value, (list, tuple, set)):
        name = type(value).__name__
        return [name, kind_of(next(iter(value)))] if value else [name, "int"]
    if isinstance(value, dict):
        key, item = next(iter(value.items()), ("a", 1))
        return ["dict", kind_of(key), kind_of(item)]
    return None


def kind_of_hint(hint):
    if hint in (int, float, str, bool):
        return hint.__name__
    if hint is type(None):
        return "none"
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union:
        return kind_of_hint(parts[0])
    name = {list: "list", tuple: "tuple", set: "set", dict: "dict"}.get(origin or hint)
    if name is None:
        return None
    if name == "dict":
        inner = [kind_of_hint(p) for p in parts] or ["str", "int"]
        return ["dict", *inner] if None not in inner else None
    inner = kind_of_hint(parts[0]) if parts else "int"
    return [name, inner] if inner is not None else None


def make(kind, rng):
    if isinstance(kind, str):
        return rng.choice(VALUES[kind])
    if kind[0] == "dict":
        return {make(kind[1], rng): make(kind[2], rng) for _ in range(rng.choice([0, 1, 3]))}
    items = [make(kind[1], rng) for _ in range(rng.choice([0, 1, 2, 3, 4, 6]))]
    return {"list": list, "tuple": tuple, "set": set}[kind[0]](items)


def arguments_of(call):
    """The literal arguments of the first call in an expression or statement, and the function's name."""
    for node in ast.walk(ast.parse(call)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            with contextlib.suppress(ValueError):
                return node.func.id, [ast.literal_eval(a) for a in node.args]
    return None, None


def load(code):
    names = {"__name__": "candidate"}
    with bounded(2.0):
        exec(compile(code, "candidate.py", "exec"), names)
    return names


def functions(names):
    return [n for n, v in names.items() if inspect.isfunction(v) and v.__module__ == "candidate"]


def call(function, args):
    """What the call gives, as text two solutions can be compared by."""
    args = copy.deepcopy(args)
    try:
        with bounded(CALL_SECONDS):
            value = function(*args)
            if inspect.isgenerator(value):
                value = list(itertools.islice(value, 200))
            if isinstance(value, float):
                value = round(value, 9)
            # A function that gives nothing back is known by what it made of its arguments.
            return repr(args if value is None else value)[:LIMIT]
    except TooLong:
        return "!TooLong"
    except RecursionError:
        return "!RecursionError"
    except Exception as error:
        return "!" + type(error).__name__


def find_kinds(function, examples):
    """A kind for each parameter: as in the examples, as hinted, else what the function takes without an error."""
    if examples:
        kinds = [kind_of(a) for a in examples[0]]
        return kinds if None not in kinds else None
    parameters = [p for p in inspect.signature(function).parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in parameters if p.default is p.empty]
    hints = {}
    with contextlib.suppress(Exception):
        hints = typing.get_type_hints(function)
    hinted = [kind_of_hint(hints.get(p.name)) for p in required]
    if required and None not in hinted:
        return hinted
    if not 0 < len(required) <= 3:
        return None
    for kinds in itertools.product(*[[h] if h is not None else TRIED for h in hinted]):
        rng = random.Random(1)
        tries = [call(function, [make(k, rng) for k in kinds]) for _ in range(3)]
        if not any(t.startswith("!") for t in tries):
            return list(kinds)
    return None


def make_inputs(function, examples):
    inputs = [list(e) for e in examples]
    kinds = find_kinds(function, examples)
    rng = random.Random(7)
    while kinds and len(inputs) < MAX_INPUTS:
        if examples and rng.random() < 0.5:  # one argument of an example replaced
            args = copy.deepcopy(rng.choice(examples))
            at = rng.randrange(len(args)) if args else 0
            if args and at < len(kinds):
                args[at] = make(kinds[at], rng)
            inputs.append(args)
        else:
            inputs.append([make(k, rng) for k in kinds])
    return inputs


def outputs_of(solution, inputs):
    """One text an input. A solution that hangs is not waited for on every input: the box has seconds, not minutes."""
    outputs, hung = [], 0
    for args in inputs:
        outputs.append("!TooLong" if hung >= MAX_HANGS else call(solution, args))
        hung += outputs[-1] == "!TooLong"
    return tuple(outputs)


def groups_of(job):
    loaded = []
    for code in job["codes"]:
        try:
            loaded.append(load(code))
        except BaseException:
            loaded.append({})
    examples, entry = [], job["entry"]
    for text in job["calls"]:
        with contextlib.suppress(SyntaxError):
            name, args = arguments_of(text)
            if args is not None and (not entry or name == entry):
                entry = entry or name
                examples.append(args)
    if not entry:
        common = [
            n for n in functions(next((names for names in loaded if names), {})) if all(n in functions(names) for names in loaded if names)
        ]
        entry = common[-1] if common else ""
    solutions = [names.get(entry) if callable(names.get(entry)) else None for names in loaded]
    first = next((s for s in solutions if s is not None), None)
    if first is None:
        return {"groups": [], "inputs": 0}
    inputs = make_inputs(first, examples)
    groups = {}
    for index, solution in enumerate(solutions):
        if solution is None:
            continue
        outputs = outputs_of(solution, inputs)
        if inputs and all(o.startswith("!") for o in outputs):
            continue
        groups.setdefault(outputs, []).append(index)
    return {"groups": list(groups.values()), "inputs": len(inputs)}


def main():
    signal.signal(signal.SIGALRM, on_alarm)
    job = json.loads(read_line(0))
    nonce = read_line(0)
    out = sys.stdout
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        result = groups_of(job)
    out.write("\n@" + nonce + " " + json.dumps(result) + "\n")
    out.flush()


main()
