#!/usr/bin/env bash
# semantic-router sends a question that equals an example of one route to another route, and each further example of a
# route lowers its score.
#
# A route is described by examples; the question goes to the route whose examples are nearest. Guessed before: a
# question that is one of the examples goes to its route, with a score of 1. Seen: the score of a route is the mean
# over those of its examples that are among the five nearest (`top_k`, `aggregation="mean"`), so its other examples,
# which have nothing to do with the question, count as much as the equal one. With five unlike examples it is 0.2,
# below any threshold that is of use; a route with one example that is only similar wins with 0.75. With
# `aggregation="max"` the route has 1. The usual advice, to add the question that went wrong to the examples of its
# route, does not mend it.
#
# Vectors are counts of words here, so that nothing is loaded; the aggregation is the same for any encoder.
# Seen with semantic-router 1.1.1, Python 3.11. Installs it into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet semantic-router==1.1.1
"$folder/venv/bin/python" -W ignore - <<'PY'
import logging
import sys

import numpy
from semantic_router import IndexedRouter, Route
from semantic_router.encoders import DenseEncoder

logging.disable(logging.CRITICAL)
REFUND = [
    "where is my money",
    "give it back please",
    "I want to return shoes",
    "cancel the order",
    "this was charged twice",
]
AXES = {}


class Words(DenseEncoder):
    name: str = "words"

    def __call__(self, docs):
        vectors = numpy.zeros((len(docs), 100))
        for row, text in enumerate(docs):
            for word in text.split():
                vectors[row, AXES.setdefault(word, len(AXES))] += 1
        return (vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)).tolist()


def chosen(examples, aggregation, *others):
    routes = [Route(name="refund", utterances=examples), *others]
    choices = IndexedRouter(encoder=Words(), routes=routes, aggregation=aggregation)(REFUND[0], limit=None)
    return choices[0].name, {choice.name: round(choice.confidence, 2) for choice in choices}


track = Route(name="track", utterances=["where is my parcel"])
seen = {}
for aggregation in ("mean", "max"):
    seen[aggregation, "alone"] = chosen(REFUND, aggregation)
    for count in (1, 2, 5):
        seen[aggregation, count] = chosen(REFUND[:count], aggregation, track)
for (aggregation, count), (name, scores) in seen.items():
    print(f"{aggregation}, examples of refund: {count}: {name} {scores}")
print(f"the question: {REFUND[0]!r}, the first example of refund")
right = ("refund", {"refund": 1.0, "track": 0.75})
expected = {
    ("mean", "alone"): ("refund", {"refund": 0.2}),
    ("mean", 1): right,
    ("mean", 2): ("track", {"track": 0.75, "refund": 0.5}),
    ("mean", 5): ("track", {"track": 0.75, "refund": 0.25}),
    ("max", "alone"): ("refund", {"refund": 1.0}),
    ("max", 1): right,
    ("max", 2): right,
    ("max", 5): right,
}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
