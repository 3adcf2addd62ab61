"""Scores the segments of a JSON file by sacrebleu and compares them with ours in it. Ends with 1 and the differences if any is above 1e-9.

{"cases": [{"hypotheses": [..], "references": [[..], ..], "bleu": {"13a": [b1, b2, b4], ..}, "chrf": x, "tokens": {"13a": [[..]], ..}}, ..]}
"""

import json
import sys

from sacrebleu.metrics import BLEU, CHRF

LIMIT = 1e-9


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = json.load(file)["cases"]
    wrong = 0

    def check(case, what, ours, theirs):
        nonlocal wrong
        if abs(ours - theirs) > LIMIT:
            wrong += 1
            if wrong <= 10:
                print(f"{what}: ours {ours!r}, sacrebleu {theirs!r}\n  {case['hypotheses'][:2]}\n  {case['references'][:2]}")

    for case in cases:
        hypotheses = case["hypotheses"]
        # Streams: the n-th reference of every segment.
        streams = [[r[n] if n < len(r) else None for r in case["references"]] for n in range(max(map(len, case["references"])))]
        for tokenizer, scores in case["bleu"].items():
            for order, ours in zip((1, 2, 4), scores):
                bleu = BLEU(tokenize=tokenizer, max_ngram_order=order)
                check(case, f"bleu-{order} {tokenizer}", ours, bleu.corpus_score(hypotheses, streams).score / 100)
            if len(hypotheses) == 1:
                bleu = BLEU(tokenize=tokenizer, effective_order=True)
                check(
                    case,
                    f"sentence bleu {tokenizer}",
                    case["sentence"][tokenizer],
                    bleu.sentence_score(hypotheses[0], case["references"][0]).score / 100,
                )
        check(case, "chrf", case["chrf"], CHRF().corpus_score(hypotheses, streams).score / 100)
    print(f"{len(cases)} cases, {wrong} differences")
    return 1 if wrong or not cases else 0


sys.exit(main())
