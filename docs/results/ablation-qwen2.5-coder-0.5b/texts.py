"""usage: texts.py DATA_FOLDER OUT_FOLDER

Makes the four texts of this ablation from the public data sets. rows.json says which rows in which order: the first 900 of `code` calibrate,
the others are held out.
"""

import gzip
import json
import sys
from pathlib import Path

data, out = Path(sys.argv[1]), Path(sys.argv[2])


def rows_of(path):
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def write(name, pairs):
    text = "".join(json.dumps({"prompt": prompt, "completion": completion}) + "\n" for prompt, completion in pairs)
    (out / name).write_text(text, encoding="utf-8")


order = json.loads((Path(__file__).parent / "rows.json").read_text(encoding="utf-8"))
functions = rows_of(data / "calib_python" / "thealgorithms_functions.jsonl.gz")
code = [(functions[i]["instruction"], "```python\n" + functions[i]["code"].rstrip("\n") + "\n```") for i in order["code"]]
reading = rows_of(data / "calib_english" / "reading_and_writing.jsonl.gz")
out.mkdir(parents=True, exist_ok=True)
write("code_calib.jsonl", code[:900])
write("code_heldout.jsonl", code[900:])
write("general.jsonl", [(reading[i]["prompt"], reading[i]["completion"]) for i in order["general"]])
seeds = rows_of(data / "calib_english" / "seed_tasks.jsonl")
write("other.jsonl", [((row["instruction"] + "\n" + row["instances"][0]["input"]).strip(), row["instances"][0]["output"]) for row in seeds])
