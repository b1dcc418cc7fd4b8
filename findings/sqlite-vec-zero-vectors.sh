#!/usr/bin/env bash
# A nearest-neighbour search of sqlite-vec puts an all-zero vector first, before the equal one.
#
# A vector of zeros is what a vector of word counts is for a text without known words, and what many pipelines store for an empty
# text. It has no direction, so its cosine is not defined. Guessed before: it is the last of the neighbours, or in the middle,
# or refused. Seen: its distance is NULL, and NULL comes first in SQLite's order, so it is the nearest neighbour
# of every question, in a vec0 table and in a plain one. usearch gives it the distance of unrelated texts.
#
# Seen with sqlite-vec 0.1.9, apsw 3.54.1.0, usearch 2.26.6, Python 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet sqlite-vec==0.1.9 apsw==3.54.1.0 usearch==2.26.6 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import sys

import apsw  # Python's own sqlite3 is often built without extensions
import numpy
import sqlite_vec
from usearch.index import Index

QUESTION = numpy.array([1.0, 0.0, 0.0], numpy.float32)
STORED = {"equal": [1, 0, 0], "alike": [0.9, 0.1, 0], "zero": [0, 0, 0], "opposite": [-1, 0, 0]}
vectors = [numpy.array(each, numpy.float32) for each in STORED.values()]
names = list(STORED)

base = apsw.Connection(":memory:")
base.enable_load_extension(True)
base.load_extension(sqlite_vec.loadable_path())
base.execute("create virtual table near using vec0(vector float[3] distance_metric=cosine)")
base.execute("create table plain (id integer, vector blob)")
for number, vector in enumerate(vectors):
    base.execute("insert into near (rowid, vector) values (?, ?)", (number, vector.tobytes()))
    base.execute("insert into plain values (?, ?)", (number, vector.tobytes()))
asked = (QUESTION.tobytes(),)
search = "select rowid, distance from near where vector match ? and k = 4 order by distance"
scan = "select id, vec_distance_cosine(vector, ?) as distance from plain order by distance"
found = {"vec0": list(base.execute(search, asked)), "plain table": list(base.execute(scan, asked))}
index = Index(ndim=3, metric="cos", dtype="f32")
index.add(numpy.arange(4), numpy.array(vectors))
matches = index.search(QUESTION, 4)
found["usearch"] = list(zip(matches.keys.tolist(), matches.distances.tolist()))

seen = {}
for name, rows in found.items():
    seen[name] = [names[number] for number, _ in rows]
    told = ((names[number], distance if distance is None else round(distance, 3)) for number, distance in rows)
    print(f"{name}: {list(told)}")
first = ["zero", "equal", "alike", "opposite"]
expected = {"vec0": first, "plain table": first, "usearch": ["equal", "alike", "zero", "opposite"]}
sys.exit(0 if seen == expected else f"changed: {seen}, expected {expected}")
PY
