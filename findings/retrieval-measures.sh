#!/usr/bin/env bash
# One run of a retriever has the reciprocal rank 0.33, 0.5 or 1 by the library that measures it and by the order of
# its lines, where scores are equal; and a question without a result is left out of the mean by one of them.
#
# Equal scores are common: BM25 gives 0 to all texts without the word, a cache gives 1 to all copies, rounded
# similarities meet. Guessed before: a question without a result counts 0, and equal scores are ranked the same way
# whatever order they are written in. Seen: trec_eval's order (pytrec_eval, ir_measures) is by the name of the
# document, from the last letter of the alphabet, so that "doc9" stands before "doc1"; ranx' is the order of the run's
# lines, so that a run that is written again has other numbers. A question for which the retriever found nothing, and
# which the run's file can thus not name, is 0 for ir_measures, an error for ranx and missing for pytrec_eval: a
# retriever that finds nothing where it is hard has the best mean.
#
# Seen with ranx 0.3.21, ir-measures 0.4.3, pytrec-eval-terrier 0.5.11, Python 3.11. Installs them into a temporary
# folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ranx==0.3.21 ir-measures==0.4.3 pytrec-eval-terrier==0.5.11
NUMBA_DISABLE_JIT=1 "$folder/venv/bin/python" -W ignore - <<'PY'
import sys
from statistics import mean

import ir_measures
import pytrec_eval
import ranx


def by_ir_measures(judged, run):
    return ir_measures.calc_aggregate([ir_measures.RR], judged, run)[ir_measures.RR]


def by_pytrec_eval(judged, run):
    return mean(each["recip_rank"] for each in pytrec_eval.RelevanceEvaluator(judged, {"recip_rank"}).evaluate(run).values())


def by_ranx(judged, run):
    try:
        return float(ranx.evaluate(ranx.Qrels(judged), ranx.Run(run), "mrr"))
    except AssertionError:
        return None


MEASURES = {"ir_measures": by_ir_measures, "pytrec_eval": by_pytrec_eval, "ranx": by_ranx}
ONE = {"q1": {"doc1": 1}}
THREE = {"q1": {"doc1": 1}, "q2": {"doc2": 1}, "q3": {"doc3": 1}}
RUNS = {
    "equal scores, doc1 doc5 doc9": (ONE, {"q1": {"doc1": 1.0, "doc5": 1.0, "doc9": 1.0}}),
    "equal scores, doc5 doc1 doc9": (ONE, {"q1": {"doc5": 1.0, "doc1": 1.0, "doc9": 1.0}}),
    "equal scores, doc9 doc5 doc1": (ONE, {"q1": {"doc9": 1.0, "doc5": 1.0, "doc1": 1.0}}),
    "the third question found nothing": (THREE, {"q1": {"doc1": 1.0}, "q2": {"doc2": 1.0}}),
}
seen = {name: [measure(*run) for measure in MEASURES.values()] for name, run in RUNS.items()}
seen = {name: [None if one is None else round(one, 2) for one in ones] for name, ones in seen.items()}
for name, found in seen.items():
    print(f"{name}: {dict(zip(MEASURES, found, strict=True))}")
expected = {
    "equal scores, doc1 doc5 doc9": [0.33, 0.33, 1.0],
    "equal scores, doc5 doc1 doc9": [0.33, 0.33, 0.5],
    "equal scores, doc9 doc5 doc1": [0.33, 0.33, 0.33],
    "the third question found nothing": [0.67, 1.0, None],
}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
