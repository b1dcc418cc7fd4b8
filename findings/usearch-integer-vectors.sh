#!/usr/bin/env bash
# An index of usearch with whole-number vectors (`dtype="i8"`) loses their lengths: under the distances of Euclid and of
# the inner product a vector, its half and its double are the same.
#
# `dtype` of an index is the precision in which it keeps its vectors, and "i8" a quarter of the memory. Guessed before:
# values are rounded to 256 steps, and distances are nearly those of floats, or an error for values out of range. Seen:
# each vector is scaled to the length 127 on its own when it is added, and the query as well, so that the only distance
# left is that of the cosine, whatever `metric` says: the nearest neighbour of (2, 4, 6, 8) by Euclid is (0.1, 0.2, 0.3,
# 0.4), at the distance 0, and the inner product cannot tell a weak match from a strong one, nor has a distance that
# compares with that of another index. `get` gives the scaled values back. With f16 and bf16 all is right.
#
# Seen with usearch 2.26.6, numpy 2.4.6, Python 3.11. Installs it into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet usearch==2.26.6 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PY'
import sys

import numpy
from usearch.index import Index

VECTORS = numpy.array([[0.1, 0.2, 0.3, 0.4], [1, 2, 3, 4], [2, 4, 6, 8], [4, 3, 2, 1]], dtype=numpy.float32)


def searched(metric, precision):
    """The distance of each vector from the third one, and the third one as it is given back."""
    index = Index(ndim=4, metric=metric, dtype=precision)
    index.add(numpy.arange(4), VECTORS)
    matches = index.search(VECTORS[2], 4)
    distances = dict(zip(matches.keys.tolist(), matches.distances.tolist(), strict=True))
    return [round(distances[key]) for key in range(4)], index.get(2).tolist()


seen = {}
for metric in ("l2sq", "ip"):
    for precision in ("f32", "f16", "bf16", "i8"):
        seen[metric, precision] = searched(metric, precision)
        print(f"{metric}, {precision}: distances {seen[metric, precision][0]}, the vector {seen[metric, precision][1]}")
alike = {key: len({*distances[:3]}) == 1 for key, (distances, _) in seen.items()}
kept = {key: vector == VECTORS[2].tolist() for key, (_, vector) in seen.items()}
right = alike == {key: key[1] == "i8" for key in seen} and kept == {key: key[1] != "i8" for key in seen}
sys.exit(0 if right else "changed: expected equal distances of the first three, and another vector, with i8 alone")
PY
