#!/usr/bin/env python3
"""The documents agree with the tree: links lead somewhere, `make` targets exist, modules of the map exist, no path of one machine."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
MAKE = re.compile(r"(?:`|^\s*)make ([a-z][a-z-]*)", re.MULTILINE)
# A home or a build folder of whoever wrote it: no other machine has it.
MACHINE_PATH = re.compile(r"(?<![\w.$}/~*-])/(?:root|home/(?!USER)\w+|work)/")


def problems(name, text, folder, targets):
    """Sentences about one document; `folder` is where its relative links start."""
    found = []
    for link in LINK.findall(text):
        if not re.match(r"[a-z]+:", link) and not (folder / link).exists():
            found.append(f"{name}: link to {link}, which does not exist")
    for target in MAKE.findall(text):
        if target not in targets:
            found.append(f"{name}: `make {target}` is no target of the Makefile")
    for line in text.splitlines():
        if MACHINE_PATH.search(line):
            found.append(f"{name}: a path of one machine: {line.strip()[:100]}")
    return found


def unlisted(index, names):
    """Records that the index of the decisions does not link."""
    return [f"docs/decisions/README.md does not list {name}" for name in names if f"({name})" not in index]


def self_test():
    """The check can fail."""
    assert problems("x", "see [a](README.md), `make test`", ROOT, {"test"}) == []
    assert len(problems("x", "see [a](no/such.md)", ROOT, set())) == 1
    assert len(problems("x", "run `make nothing`", ROOT, {"test"})) == 1
    assert len(problems("x", "in " + "/ro" + "ot/x", ROOT, set())) == 1
    assert unlisted("| [1](1-a.md) |", ["1-a.md", "2-b.md"]) == ["docs/decisions/README.md does not list 2-b.md"]


def main():
    self_test()
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True)
    files = listed.stdout.split("\n") if listed.returncode == 0 else [str(p.relative_to(ROOT)) for p in ROOT.rglob("*.md")]
    decisions = ROOT / "docs/decisions"
    found = unlisted((decisions / "README.md").read_text(), sorted(path.name for path in decisions.glob("0*.md")))
    for name in sorted(filter(None, files)):
        path = ROOT / name
        if path.exists() and not name.startswith(("data/", "build/", "examples/", "third_party/", "docs/results/")):
            found += problems(name, path.read_text(), path.parent, targets)
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
