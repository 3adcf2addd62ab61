#!/usr/bin/env python3
"""Makes data/calib/*.jsonl.gz and data/tasks/{mbpp,gsm8k}_select.jsonl from a folder of public data sets.

usage: make_calib.py DATA_FOLDER [OUT_FOLDER]      (OUT_FOLDER defaults to data/ of this repository)

The sources, their commits and licences are in data/calib/NOTICE.md. Seeded: the same inputs give the same bytes.
Benchmarks and what is kept for evaluation never enter: no HumanEval, QuixBugs or test split, no MBPP id below 601. MBPP from 601 on
only selects strengths (data/tasks), so it is not calibration text either; GSM8K rows from 1000 on are left for the same purpose.
"""
import gzip
import html
import json
import random
import re
import sys
from pathlib import Path

SEED = 20261122
BYTES_PER_SET = 420_000  # of JSON before compression: two to three times what a capture of 30k tokens reads
PERMISSIVE = {"MIT", "BSD-3-Clause", "BSD-2-Clause", "Apache-2.0", "Unlicense"}


def rows_of(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def chat(prompt, completion, source, licence):
    return {"prompt": prompt.strip(), "completion": completion.strip(), "source": source, "licence": licence}


def coder(data, rng):
    asks = ["Write a Python {kind} `{name}`.\n\n{text}", "{text}\n\nWrite this in Python as `{name}`.",
            "Implement `{name}` in Python: {text}", "I need a Python {kind} called `{name}`. {text}"]
    rows = []
    for row in rows_of(data / "calib_python" / "thealgorithms_functions.jsonl.gz"):
        if 150 <= len(row["code"]) <= 2500:
            ask = rng.choice(asks).format(kind=row["kind"], name=row["name"], text=row["instruction"])
            rows.append(chat(ask, f"```python\n{row['code'].rstrip()}\n```", f"TheAlgorithms/Python {row['path']}", "MIT"))
    return rows


def hunks(diff):
    """(file name, code before, code after) of every hunk of a unified diff that changes something"""
    name, before, after, changed = "", [], [], False
    for line in diff.split("\n") + ["@@"]:
        if line.startswith(("@@", "diff --git", "--- ", "+++ ")):
            if changed and before:
                yield name, "\n".join(before), "\n".join(after)
            before, after, changed = [], [], False
            if line.startswith("+++ b/"):
                name = line[6:]
        elif line.startswith("-"):
            before.append(line[1:])
            changed = True
        elif line.startswith("+"):
            after.append(line[1:])
            changed = True
        elif line.startswith(" "):
            before.append(line[1:])
            after.append(line[1:])


def debugger(data, rng):
    asks = ["This code from `{file}` has a bug. The test `{test}` fails. Fix it.\n\n```python\n{before}\n```",
            "`{test}` fails because of a defect in this part of `{file}`:\n\n```python\n{before}\n```\n\nGive the corrected code.",
            "Find and fix the bug:\n\n```python\n{before}\n```\n\nIt shows when running `{test}`."]
    rows = []
    for row in rows_of(data / "calib_debug" / "bugsinpy_patches.jsonl"):
        if row["licence"] not in PERMISSIVE:
            continue
        for file, before, after in hunks(row["patch"]):
            if file.endswith(".py") and "test" not in file and 120 <= len(before) and len(before) + len(after) <= 4000:
                ask = rng.choice(asks).format(file=file, test=row["test_command"], before=before)
                source = f"{row['repository'].removeprefix('https://github.com/').strip('/')} {row['fixed_commit'][:12]}"
                rows.append(chat(ask, f"Here is the corrected code:\n\n```python\n{after}\n```", source, row["licence"]))
    return rows


def security(data, rng):
    rows = []
    for row in rows_of(data / "calib_security" / "owasp_cheatsheets.jsonl.gz"):
        parts = re.split(r"^#{2,3} +(.+)$", row["text"], flags=re.M)[1:]
        for heading, body in zip(parts[::2], parts[1::2]):
            body = body.strip()
            if 400 <= len(body) <= 3000 and heading.lower() not in ("references", "related articles", "introduction"):
                ask = rng.choice(["{t}: what should a developer know about \"{h}\"?", "Explain \"{h}\" in secure software ({t}).",
                                  "Give secure coding guidance on {h} ({t})."]).format(t=row["title"], h=heading.strip("# ").rstrip("."))
                rows.append(chat(ask, body, f"OWASP/CheatSheetSeries {row['path']}", "CC-BY-SA-4.0"))
    guides = rng.sample(rows, len(rows))
    fixes = []
    for row in rows_of(data / "calib_security" / "fuzz_fix_patches.jsonl"):
        if row["licence"] not in PERMISSIVE:
            continue
        for patch in row["patches"]:
            if not re.search(r"\.(c|cc|cpp|cxx|h|hpp)$", patch["filename"]):
                continue
            for _, before, after in hunks(patch["patch"]):
                if 120 <= len(before) and len(before) + len(after) <= 4000:
                    ask = (f"The {row['sanitizer']} sanitizer reports {row['crash_type']} in `{patch['filename']}`. Fix the vulnerable code:"
                           f"\n\n```cpp\n{before}\n```")
                    fixes.append(chat(ask, f"```cpp\n{after}\n```", f"{row['project']} {row['fix']}", row["licence"]))
    # Fixes are few: half as many as guides at most, so that neither kind of text is all of it.
    return guides + fixes[: len(guides) // 2]


def math(data, rng):
    rows = []
    for row in rows_of(data / "gsm8k" / "train_first2000.jsonl.gz")[:1000]:
        steps, _, answer = re.sub(r"<<[^>]*>>", "", row["answer"]).partition("####")
        rows.append(chat(row["question"], f"{steps.strip()}\nThe answer is {answer.strip()}.", "openai/grade-school-math train", "MIT"))
    return rows


def plain_wikitext(line):
    """The tokenised text of WikiText-2 as people write it"""
    line = re.sub(r" @([-,.])@ ", r"\1", line.strip())
    line = re.sub(r" ([,.;:!?%)\]])", r"\1", re.sub(r"([(\[]) ", r"\1", line))
    line = re.sub(r" '(s|t|re|ve|ll|d|m)\b", r"'\1", line)
    return re.sub(r'" ([^"]*?) "', r'"\1"', line)


def general(data, rng):
    wiki = []
    with gzip.open(data / "wikitext2" / "valid.txt.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            if len(line) > 350 and line.count("<unk>") <= 1:
                wiki.append({"text": plain_wikitext(line).replace("<unk> ", ""), "source": "WikiText-2 validation", "licence": "CC-BY-SA-3.0"})
    tasks = []
    for row in rows_of(data / "calib_english" / "seed_tasks.jsonl"):
        one = row["instances"][0]
        if len(one["output"]) >= 40:
            tasks.append(chat(f"{row['instruction']}\n\n{one['input']}", one["output"], f"yizhongw/self-instruct {row['id']}", "Apache-2.0"))
    reading = [chat(html.unescape(r["prompt"]), r["completion"], f"self-instruct T0 sample, {r['dataset']}", r["licence"])
               for r in rows_of(data / "calib_english" / "reading_and_writing.jsonl.gz") if len(r["prompt"]) <= 3000]
    rng.shuffle(wiki)
    rng.shuffle(reading)
    return wiki[:250] + tasks + reading[:250]


def korean(data, rng):
    talk = [chat(r["question"], r["answer"], "songys/Chatbot_data", "MIT") for r in rows_of(data / "korean_chat" / "chat.jsonl.gz")]
    prose = []
    for row in rows_of(data / "korean_novels" / "novels.jsonl.gz"):
        source = f"storidient/KoCoNovel {row['doc_id']} ({row['author']}, {row['title_en']})"
        prose += [{"text": row["text"][i : i + 800], "source": source, "licence": "CC-BY-SA-4.0"} for i in range(0, len(row["text"]) - 400, 800)]
    rng.shuffle(talk)
    rng.shuffle(prose)
    return talk[:900] + prose[:110]


def write_set(path, rows, rng):
    rng.shuffle(rows)
    text, size = [], 0
    for row in rows:
        line = json.dumps(row, ensure_ascii=False) + "\n"
        size += len(line.encode())
        if size > BYTES_PER_SET:
            break
        text.append(line)
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as out:
        out.write("".join(text).encode())
    print(f"{path.name}: {len(text)} of {len(rows)} rows, {path.stat().st_size:,} bytes")


def write_tasks(target, rows):
    target.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    print(f"{target.name}: {len(rows)} rows, {target.stat().st_size:,} bytes")


def main(data, out):
    (out / "calib").mkdir(parents=True, exist_ok=True)
    (out / "tasks").mkdir(parents=True, exist_ok=True)
    for make in (coder, debugger, security, math, general, korean):
        rng = random.Random(f"{SEED} {make.__name__}")
        write_set(out / "calib" / f"{make.__name__}.jsonl.gz", make(data, rng), rng)
    write_tasks(out / "tasks" / "mbpp_select.jsonl", [r for r in rows_of(data / "mbpp" / "sanitized_train.jsonl") if r["task_id"] >= 601])
    maths = rows_of(data / "gsm8k" / "train_first2000.jsonl.gz")[1000:1100]
    write_tasks(out / "tasks" / "gsm8k_select.jsonl", [{**r, "use": "select"} for r in maths])


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else Path(__file__).resolve().parents[2] / "data")
