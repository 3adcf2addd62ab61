#!/usr/bin/env python3
"""Runs clang-tidy over the sources of a compile_commands.json, several at a time.

A source found clean is remembered by the hash of what clang-tidy would read: its preprocessed text, the configuration and the version.
So a second run reads only what changed, which is what makes it affordable on every change. Findings are never remembered.
"""

import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
OURS = ("src/", "apps/", "bench/", "tests/", "fuzz/")


def command_of(entry):
    """The compiler call of an entry without ccache in front and without its output."""
    words = entry.get("arguments") or shlex.split(entry["command"])
    while words and pathlib.Path(words[0]).name == "ccache":
        words = words[1:]
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word == "-o":
            skip = True
        elif word != "-c":
            kept.append(word)
    return kept


def key_of(entry, salt):
    """The hash of all that the answer depends on; None where the source does not even preprocess."""
    words = command_of(entry)
    # -P leaves out the line numbers of headers, so that one checkout can use what another found; -C keeps NOLINT comments. For the same
    # reason the checkout's own place, which __FILE__ puts into every assertion of a test, is taken out.
    text = subprocess.run([*words, "-E", "-P", "-C"], cwd=entry["directory"], capture_output=True)
    if text.returncode != 0:
        return None
    return hashlib.sha256(salt + text.stdout.replace(str(ROOT).encode(), b"")).hexdigest()


def check(entry, tidy, build, cache, salt):
    """(source, seconds, output): output is empty when the source is clean, seconds is None when that was known."""
    start = time.monotonic()
    key = key_of(entry, salt)
    stamp = cache / key if key else None
    if stamp and stamp.exists():
        return entry["file"], None, ""
    run = subprocess.run(
        [tidy, "-p", str(build), "--quiet", "--warnings-as-errors=*", entry["file"]], capture_output=True, text=True, errors="replace"
    )
    if run.returncode == 0 and stamp:
        stamp.touch()
    return entry["file"], time.monotonic() - start, "" if run.returncode == 0 else run.stdout + run.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--cache", type=pathlib.Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()

    wanted = {str(file.resolve()) for file in arguments.files}
    entries = {}
    for entry in json.loads((arguments.build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if path.is_relative_to(ROOT) and str(path.relative_to(ROOT)).startswith(OURS) and (not wanted or str(path) in wanted):
            entries[str(path)] = {**entry, "file": str(path)}
    if not entries:
        print("tidy: no source to check", file=sys.stderr)
        return 1

    tidy = str(pathlib.Path(sys.executable).with_name("clang-tidy"))
    version = subprocess.run([tidy, "--version"], check=True, capture_output=True).stdout
    files = [ROOT / ".clang-tidy", *sorted(found for place in OURS for found in (ROOT / place).rglob(".clang-tidy"))]
    configurations = b"".join(file.read_bytes() for file in files)
    salt = hashlib.sha256(version + configurations).digest()
    arguments.cache.mkdir(parents=True, exist_ok=True)

    start, read, done, bad = time.monotonic(), 0, 0, []
    told = start
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        jobs = [pool.submit(check, entry, tidy, arguments.build, arguments.cache, salt) for _, entry in sorted(entries.items())]
        for job in concurrent.futures.as_completed(jobs):
            file, seconds, output = job.result()
            read += seconds is not None
            done += 1
            if time.monotonic() - told > 30 and done < len(entries):
                told = time.monotonic()
                left = (told - start) / done * (len(entries) - done)
                print(f"tidy: {done} of {len(entries)} sources, {read} read, about {left:.0f} s left", file=sys.stderr, flush=True)
            if output:
                bad.append(file)
                print(output, flush=True)
    took = time.monotonic() - start
    print(f"tidy: {len(entries)} sources, {read} read, {len(bad)} with findings, {took:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
