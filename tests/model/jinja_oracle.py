"""The oracle of the Jinja tests: Jinja2 itself, in the environment that transformers renders chat templates in.

jinja_oracle.py render < cases        [{"template", "variables"}...]  ->  [{"text"} or {"error"}...]
jinja_oracle.py model FILE < requests [{"messages", "add_generation_prompt"}...] with the template and tokens of a GGUF file  ->  as render
jinja_oracle.py random SEED N         N seeded template/data pairs with what Jinja2 makes of them, one JSON object a line
"""

import json
import random
import sys

from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    """{% generation %} marks text for training masks; rendering ignores it."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"])

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise TemplateError(message)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    return env


def render(env, case):
    try:
        return {"text": env.from_string(case["template"]).render(**case["variables"])}
    except Exception as error:  # whatever a template can do wrong
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def model_template(path):
    """Template and special tokens of a model, as transformers would hand them over."""
    from gguf import GGUFReader

    reader = GGUFReader(path)

    def contents(key):
        field = reader.fields.get(key)
        return None if field is None else field.contents()

    variables = {"tools": None, "documents": None}
    for name in ("bos", "eos"):
        token = contents(f"tokenizer.ggml.{name}_token_id")
        if token is not None:
            variables[f"{name}_token"] = reader.fields["tokenizer.ggml.tokens"].contents(token)
    return contents("tokenizer.chat_template"), variables


class Random:
    """Small templates over every construct of the subset. Many fail in Jinja2 as well: then we must fail, too."""

    STRINGS = ["", "a", "Ab c", "  x ", "hello world", "한글 text", "1", "12", "a,b,,c", "line\nline\n", "it's", '"q"', "x\ty"]
    INTEGERS = [0, 1, 2, 3, -1, -7, 10]
    FLOATS = [0.5, 1.0, -2.25, 1e20, 0.1]
    TEXTS = ["", " ", "\n", "text", "\n  ", "  \n\n", "a\n\tb ", "{ x }", "# ", "|"]

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.depth = 0

    def variables(self):
        r = self.r
        roles = ["system", "user", "assistant", "tool"]
        messages = [{"role": r.choice(roles), "content": r.choice(self.STRINGS + [None])} for _ in range(r.randrange(4))]
        return {
            "messages": messages,
            "s": r.choice(self.STRINGS),
            "t": r.choice(self.STRINGS),
            "n": r.choice(self.INTEGERS),
            "f": r.choice(self.FLOATS),
            "b": r.random() < 0.5,
            "none_value": None,
            "xs": [r.choice(self.INTEGERS) for _ in range(r.randrange(5))],
            "words": [r.choice(self.STRINGS) for _ in range(r.randrange(4))],
            "d": {r.choice(["a", "b", "key", "B"]): r.choice([1, "v", [1, 2], None, {"k": True}]) for _ in range(3)},
        }

    def name(self):
        return self.r.choice(["messages", "s", "s", "t", "n", "f", "b", "none_value", "xs", "words", "d", "v", "w", "missing", "ns"])

    def literal(self):
        r = self.r
        return r.choice(
            [
                lambda: json.dumps(r.choice(self.STRINGS), ensure_ascii=False),
                lambda: "'" + r.choice(["a", "x y", "\\n", "\\u00e9", "b\\'c", "user", "0"]) + "'",
                lambda: str(r.choice(self.INTEGERS)),
                lambda: str(r.choice(self.FLOATS)),
                lambda: r.choice(["true", "false", "none", "True", "None"]),
                lambda: "[" + ", ".join(self.expression() for _ in range(r.randrange(3))) + "]",
                lambda: "(" + self.expression() + ", " + self.expression() + ")",
                lambda: "{" + ", ".join(f"'{k}': {self.expression()}" for k in r.sample("abc", r.randrange(3))) + "}",
                lambda: f"range({r.randrange(5)})",
            ]
        )()

    FILTERS = [
        "trim", "length", "upper", "lower", "title", "capitalize", "first", "last", "list", "string", "int", "float",
        "tojson", "tojson(indent=2)", "tojson(sort_keys=true)", "join", "join(', ')", "default('dd')", "default('e', true)",
        "d(1)", "replace('a', 'b')", "replace('l', '', 1)", "items|list", "dictsort", "unique|list", "sort", "sort(reverse=true)",
        "reverse|list", "map('upper')|list", "map(attribute='role')|list", "map('int')|join('-')", "select|list",
        "select('string')|list", "reject('none')|list", "select('gt', 1)|list", "selectattr('role', 'equalto', 'user')|list",
        "selectattr('content')|list|length", "rejectattr('role', 'in', ['user'])|list", "abs", "round", "round(1)", "sum", "max",
        "min", "indent(2)", "indent(first=true)", "indent('>', blank=true)", "batch(2)|list", "count", "trim('ax')", "attr('x')",
        "map('trim')|list", "join(attribute='role')",
    ]  # fmt: skip
    TESTS = [
        "defined", "undefined", "none", "string", "mapping", "iterable", "number", "boolean", "true", "false", "integer", "float",
        "sequence", "odd", "even", "lower", "upper", "eq 1", "equalto('a')", "in [1, 'a', none]", "divisibleby 2", "ne none",
        "gt 1", "callable", "sameas none", "lt(2)", "filter", "test",
    ]  # fmt: skip
    METHODS = [
        "strip()", "lstrip()", "rstrip('x ')", "split()", "split(',')", "split(' ', 1)", "rsplit(',', 1)", "startswith('a')",
        "endswith(('c', 'd'))", "upper()", "lower()", "title()", "capitalize()", "replace('a', 'bb')", "find('b')", "rfind('l')",
        "count('l')", "removeprefix('he')", "removesuffix('c')", "splitlines()", "isdigit()", "isspace()", "isupper()", "items()|list",
        "keys()|list", "values()|list", "get('a')", "get('zz', 'dflt')", "index('a')", "join(['p', 'q'])", "partition(',')",
        "zfill(4)", "center(7)", "ljust(6, '.')", "rjust(5)", "append(1)", "pop()", "role", "a", "content", "x.y", "isalpha()",
        "isalnum()", "rpartition(' ')",
    ]  # fmt: skip

    # What mostly goes well together, so that enough of the templates render at all.
    TYPED = [
        "messages|length", "messages[-1].role", "messages|map(attribute='content')|list", "messages|tojson", "d|tojson(indent=4)",
        "messages|selectattr('role', 'eq', 'user')|map(attribute='content')|join('/')", "messages|rejectattr('content', 'none')|list",
        "s|trim", "s|upper ~ t|lower", "s|replace('l', t)", "s|indent(3, true)", "s|title", "s|capitalize", "s|length", "s[1:-1]", "s[::-1]",
        "s.split(',')|join('+')", "s.strip().split(' ')[-1]", "s in t", "'l' in s", "t not in s", "s + t", "s ~ n ~ f ~ b ~ none_value",
        "n + 1", "n * f", "n // 3", "n % 3", "n / 4", "-n", "2 ** 3", "n|abs", "f|round(1)", "f|int", "n|float", "(n, f)|max", "n is odd",
        "xs|sort|join(' ')", "xs|sum", "xs|max|default('none', true)", "xs|reverse|list", "xs|unique|list", "xs[1:]", "xs|first|default(9)",
        "xs|select('odd')|list", "xs|reject('gt', 0)|list|length", "xs + [n]", "n in xs", "xs|batch(2, 0)|list", "words|join(s)",
        "words|map('trim')|map('upper')|list", "words|sort(case_sensitive=true)|list", "d.a", "d['b']", "d.get('key', 'no')", "d|length",
        "d|dictsort", "d.items()|list", "d|items|list", "d.keys()|list|sort", "d is mapping", "missing is defined", "missing|default(s)",
        "b and s or t", "not b", "s if b else t", "s == t", "n < 3 < 10", "none_value is none", "[s, t, [n]]", "{'k': s, 'j': [n]}", "(s,)",
        "dict(a=1, b=s)|tojson", "namespace(a=1).a", "s.startswith('a')", "range(1, n if n > 1 else 2)|list", "range(9, 0, -3)|list",
        "messages[0].content is string", "(messages|first).role|default('nobody')", "messages[1:]|length", "f|string|length", "1e16", "1.5e-7",
        "[0.1, 1e100, 123456789.125, 1e15, 1e16, 1e-5, 0.0001]", "7 // -2", "-7 % 3", "-7.5 // 2", "7.5 % -2", "[1, 2] == [1, 2.0]", "'a' 'b'",
    ]  # fmt: skip

    def expression(self):
        if self.r.random() < 0.5:
            return self.r.choice(self.TYPED)
        return self.free_expression()

    def free_expression(self):
        r = self.r
        self.depth += 1
        try:
            if self.depth > 4:
                return r.choice([self.name, self.literal])() if self.depth < 7 else "s"
            e = self.expression
            return r.choice(
                [
                    self.name, self.name, self.name, self.literal, self.literal,
                    lambda: f"{e()}{r.choice([' + ', ' - ', ' * ', ' / ', ' // ', ' % ', ' ~ ', ' ~ ', ' + ', ' ** '])}{e()}",
                    lambda: f"({e()}) {r.choice(['==', '!=', '<', '>', '<=', '>=', 'in', 'not in', 'and', 'or'])} ({e()})",
                    lambda: f"{e()} {r.choice(['==', '<', 'in', 'and', 'or'])} {e()}",
                    lambda: f"not {e()}",
                    lambda: f"-{e()}",
                    lambda: f"{e()} if {e()} else {e()}",
                    lambda: f"({e()} if {e()})",
                    lambda: f"{e()}|{r.choice(self.FILTERS)}",
                    lambda: f"({e()})|{r.choice(self.FILTERS)}",
                    lambda: f"{self.name()}|{r.choice(self.FILTERS)}",
                    lambda: f"({e()}) is {r.choice(['', 'not '])}{r.choice(self.TESTS)}",
                    lambda: f"{self.name()} is {r.choice(self.TESTS)}",
                    lambda: f"{self.name()}.{r.choice(self.METHODS)}",
                    lambda: f"s.{r.choice(self.METHODS)}",
                    lambda: f"({e()}).{r.choice(self.METHODS)}",
                    lambda: f"({e()})[{e()}]",
                    lambda: f"{self.name()}[{r.choice(['0', '-1', '1:', ':-1', '::-1', '1:3', ':2', '-2:', '::2', '9'])}]",
                    lambda: f"messages[{r.randrange(3)}].{r.choice(['role', 'content', 'other'])}",
                    lambda: f"messages[0]['{r.choice(['role', 'content'])}']",
                    lambda: f"m({', '.join(e() for _ in range(r.randrange(3)))})",
                    lambda: f"loop.{r.choice(['index', 'index0', 'first', 'last', 'length', 'previtem', 'nextitem', 'revindex'])}",
                    lambda: f"ns.{r.choice(['x', 'y'])}",
                ]
            )()  # fmt: skip
        finally:
            self.depth -= 1

    def open(self, body):
        return self.r.choice(["{%", "{%", "{%", "{%-", "{%+"]) + " " + body + " " + self.r.choice(["%}", "%}", "%}", "-%}", "+%}"])

    def output(self):
        return self.r.choice(["{{", "{{", "{{-"]) + " " + self.expression() + " " + self.r.choice(["}}", "}}", "-}}"])

    def statement(self, loops):
        r = self.r
        self.depth += 1
        try:
            kinds = [self.output] * 5 + [lambda: r.choice(self.TEXTS)] * 4
            kinds += [lambda: r.choice(["{# note #}", "{#- note -#}", "{#+ x #}", "{# {{ s }} \n#}"])]
            if self.depth < 5:
                kinds += [
                    lambda: self.open(f"if {self.expression()}") + self.body(loops)
                    + (self.open(f"elif {self.expression()}") + self.body(loops) if r.random() < 0.3 else "")
                    + (self.open("else") + self.body(loops) if r.random() < 0.5 else "") + self.open("endif"),
                    lambda: self.open(
                        f"for {r.choice(['v', 'w', 'v, w'])} in {r.choice(['messages', 'xs', 'words', 'd.items()', 'd', self.expression()])}"
                        + (f" if {self.expression()}" if r.random() < 0.3 else "")
                    ) + self.body(loops + 1) + (self.open("else") + self.body(loops) if r.random() < 0.2 else "") + self.open("endfor"),
                    lambda: self.open(f"set {r.choice(['v', 'w', 'ns.x', 'v, w'])} = {self.expression()}"),
                    lambda: self.open(f"set {r.choice(['v', 'w'])}{r.choice(['', ' | upper'])}") + self.body(loops) + self.open("endset"),
                    lambda: self.open(f"with v = {self.expression()}, w = 1") + self.body(loops) + self.open("endwith"),
                    lambda: self.open("filter upper|trim") + self.body(loops) + self.open("endfilter"),
                    lambda: self.open("generation") + self.body(loops) + self.open("endgeneration"),
                    lambda: self.open("macro m(v, w='dw')") + self.body(0) + self.open("endmacro"),
                    lambda: self.open("raw") + r.choice(self.TEXTS) + "{{ not read }}" + self.open("endraw"),
                ]  # fmt: skip
                if loops:
                    kinds += [
                        lambda: self.open(f"if {self.expression()}") + self.open(r.choice(["break", "continue"])) + self.open("endif")
                    ]
            return r.choice(kinds)()
        finally:
            self.depth -= 1

    def body(self, loops):
        return "".join(self.statement(loops) for _ in range(self.r.randrange(1, 4)))

    def case(self):
        head = self.r.choice(["", "", "{% set ns = namespace(x=1) %}", "{% macro m(a, b=2) %}<{{ a }}|{{ b }}>{% endmacro %}\n"])
        # A set of a name that only the loop knows reads differently from run to run of the generator: start at depth 0 each time.
        self.depth = 0
        return {"template": head + "".join(self.statement(0) for _ in range(self.r.randrange(1, 5))), "variables": self.variables()}


def main():
    env = environment()
    if sys.argv[1] == "render":
        json.dump([render(env, case) for case in json.load(sys.stdin)], sys.stdout)
    elif sys.argv[1] == "model":
        template, variables = model_template(sys.argv[2])
        requests = json.load(sys.stdin)
        json.dump([render(env, {"template": template, "variables": {**variables, **r}}) for r in requests], sys.stdout)
    elif sys.argv[1] == "random":
        generator = Random(int(sys.argv[2]))
        for _ in range(int(sys.argv[3])):
            case = generator.case()
            text = json.dumps(dict(case, result=render(env, case)))
            # A callable or a generator prints its address.
            if " at 0x" not in text:
                print(text)
    else:
        sys.exit(f"unknown mode {sys.argv[1]}")


if __name__ == "__main__":
    main()
