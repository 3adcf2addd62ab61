"""Reads GBNF independently of llama.cpp and of our code, writes random texts with it, and asks jsonschema whether they are valid.

Usage: gbnf_oracle.py CASES.json, a list of {"name", "schema", "grammar", "accept": [texts], "reject": [texts]}.
Every text of a grammar must be valid JSON that satisfies the schema; `accept` and `reject` are run through a recognizer.
"""

import json
import random
import sys

import jsonschema

SAMPLES = 300


class Reader:
    """One grammar: name -> alternatives; an alternative is a list of (kind, value, least, most)."""

    def __init__(self, text):
        self.rules = {}
        for line in text.splitlines():
            name, body = line.split(" ::= ", 1)
            self.text, self.at = body, 0
            self.rules[name] = self.alternatives()
            assert self.at == len(self.text), f"{name}: rest {self.text[self.at :]!r}"
        for name in self.names():
            assert name in self.rules, f"rule {name} is missing"

    def names(self):
        def walk(alternatives):
            for sequence in alternatives:
                for kind, value, _, _ in sequence:
                    if kind == "rule":
                        yield value
                    elif kind == "group":
                        yield from walk(value)

        for alternatives in self.rules.values():
            yield from walk(alternatives)

    def blank(self):
        while self.at < len(self.text) and self.text[self.at] == " ":
            self.at += 1

    def peek(self):
        self.blank()
        return self.text[self.at] if self.at < len(self.text) else ""

    def alternatives(self):
        out = [self.sequence()]
        while self.peek() == "|":
            self.at += 1
            out.append(self.sequence())
        return out

    def sequence(self):
        out = []
        while self.peek() not in ("", "|", ")"):
            kind, value = self.atom()
            least, most = 1, 1
            nxt = self.text[self.at] if self.at < len(self.text) else ""
            if nxt in "*+?" and nxt:
                least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[nxt]
                self.at += 1
            elif nxt == "{":
                end = self.text.index("}", self.at)
                numbers = self.text[self.at + 1 : end].split(",")
                least = int(numbers[0])
                most = least if len(numbers) == 1 else int(numbers[1]) if numbers[1] else None
                self.at = end + 1
            out.append((kind, value, least, most))
        return out

    def character(self):
        c = self.text[self.at]
        self.at += 1
        if c != "\\":
            return c
        c = self.text[self.at]
        self.at += 1
        sizes = {"x": 2, "u": 4, "U": 8}
        if c in sizes:
            digits = self.text[self.at : self.at + sizes[c]]
            self.at += sizes[c]
            return chr(int(digits, 16))
        return {"n": "\n", "t": "\t", "r": "\r"}.get(c, c)

    def atom(self):
        c = self.text[self.at]
        if c == '"':
            self.at += 1
            out = ""
            while self.text[self.at] != '"':
                out += self.character()
            self.at += 1
            return "text", out
        if c == "[":
            self.at += 1
            negated = self.text[self.at] == "^"
            self.at += negated
            ranges = []
            while self.text[self.at] != "]":
                first = self.character()
                last = first
                if self.text[self.at] == "-" and self.text[self.at + 1] != "]":
                    self.at += 1
                    last = self.character()
                ranges.append((ord(first), ord(last)))
            self.at += 1
            return "set", (negated, ranges)
        if c == "(":
            self.at += 1
            out = self.alternatives()
            assert self.peek() == ")"
            self.at += 1
            return "group", out
        start = self.at
        while self.at < len(self.text) and (self.text[self.at].isalnum() or self.text[self.at] == "-"):
            self.at += 1
        assert self.at > start, f"{self.text[self.at :]!r}"
        return "rule", self.text[start : self.at]


def in_set(value, c):
    negated, ranges = value
    return any(low <= ord(c) <= high for low, high in ranges) != negated


ODD = ["a", "Z", "0", "9", "_", " ", "é", "한", "😀", '"', "\\", "/", "\x7f", "\u2028", "-", "."]


def pick(value, rng):
    negated, ranges = value
    if not negated:
        low, high = rng.choice(ranges)
        while True:
            c = rng.randint(low, high)
            if not 0xD800 <= c <= 0xDFFF:
                return chr(c)
    return rng.choice([c for c in ODD if in_set(value, c)])


def write(grammar, alternatives, rng, depth):
    # Deep down the shortest alternative is taken, so that recursion ends.
    sequence = rng.choice(alternatives) if depth < 14 else min(alternatives, key=lambda s: cost(grammar, s, 6))
    out = ""
    for kind, value, least, most in sequence:
        top = least + 3 if most is None else most
        n = least if depth >= 10 else rng.choice([least, top, rng.randint(least, top)])
        for _ in range(n):
            if kind == "text":
                out += value
            elif kind == "set":
                out += pick(value, rng)
            else:
                out += write(grammar, grammar.rules[value] if kind == "rule" else value, rng, depth + 1)
    return out


def cost(grammar, sequence, depth):
    total = 0
    for kind, value, least, _ in sequence:
        if least == 0:
            continue
        if kind in ("text", "set"):
            total += least
        elif depth == 0:
            total += 1000
        else:
            inner = grammar.rules[value] if kind == "rule" else value
            total += least * min(cost(grammar, s, depth - 1) for s in inner)
    return total


def accepts(grammar, text):
    memo = {}

    def ends(alternatives, at):
        key = (id(alternatives), at)
        if key not in memo:
            memo[key] = set()  # left recursion finds nothing
            memo[key] = {end for sequence in alternatives for end in after(sequence, {at})}
        return memo[key]

    def once(kind, value, at):
        if kind == "text":
            return {at + len(value)} if text.startswith(value, at) else set()
        if kind == "set":
            return {at + 1} if at < len(text) and in_set(value, text[at]) else set()
        return ends(grammar.rules[value] if kind == "rule" else value, at)

    def after(sequence, positions):
        for kind, value, least, most in sequence:
            reached, now, n = set(positions) if least == 0 else set(), set(positions), 0
            while now and (most is None or n < most):
                now = {end for at in now for end in once(kind, value, at)}
                n += 1
                if n >= least:
                    if now <= reached:
                        break
                    reached |= now
            positions = reached
        return positions

    return len(text) in ends(grammar.rules["root"], 0)


def main():
    sys.setrecursionlimit(100_000)
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = json.load(file)
    failures = []
    samples = 0
    for case in cases:
        grammar = Reader(case["grammar"])
        rng = random.Random(case["name"])
        validator = jsonschema.Draft202012Validator(case["schema"], format_checker=jsonschema.FormatChecker())
        for _ in range(SAMPLES):
            text = write(grammar, grammar.rules["root"], rng, 0)
            samples += 1
            try:
                value = json.loads(text)
            except ValueError as error:
                failures.append(f"{case['name']}: no JSON: {text!r}: {error}")
                continue
            problem = next(validator.iter_errors(value), None)
            if problem is not None:
                failures.append(f"{case['name']}: {text!r}: {problem.message}")
            if not accepts(grammar, text):
                failures.append(f"{case['name']}: the recognizer does not take its own {text!r}")
        failures += [f"{case['name']}: should accept {t!r}" for t in case.get("accept", []) if not accepts(grammar, t)]
        failures += [f"{case['name']}: should reject {t!r}" for t in case.get("reject", []) if accepts(grammar, t)]
    for line in failures[:40]:
        print(line)
    print(f"{len(cases)} schemas, {samples} texts, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
