#!/usr/bin/env bash
# A search with rank_bm25 ranks chunks with the word asked for no better, or below one without it.
#
# rank_bm25 is the keyword half of many hybrid searches in Python, and BM25Okapi its first class. Guessed before: a chunk
# with the only word of the question comes before one without. Seen: a word in exactly half of the chunks weighs nothing,
# so that all chunks have the same score, and the first of the list are the "best". Where most words are common, as in
# the few chunks of one page, a word in all but one of them weighs less than nothing, and the chunk without it is first.
# bm25s and SQLite's FTS5, the same formula with weights that stay above nothing, find the chunks with the word.
#
# Seen with rank-bm25 0.2.2, bm25s 0.3.16, Python 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet rank-bm25==0.2.2 bm25s==0.3.16
"$folder/venv/bin/python" -W ignore - <<'PY'
import sqlite3
import sys

import bm25s
from rank_bm25 import BM25Okapi

CHUNKS = {
    "in half of them": ["open from nine", "open on sundays", "refunds take ten days", "refunds need a receipt"],
    "in all but one": ["refunds by card", "refunds by post", "refunds by card or post", "card or post"],
}


def by_rank_bm25(words):
    scores = BM25Okapi(words).get_scores(["refunds"])
    return [round(float(score), 2) + 0.0 for score in scores]


def by_bm25s(words):
    index = bm25s.BM25()
    index.index(words, show_progress=False)
    return [round(float(score), 2) for score in index.get_scores(["refunds"])]


def by_sqlite(words):
    base = sqlite3.connect(":memory:")
    base.execute("create virtual table chunks using fts5(text)")
    base.executemany("insert into chunks values (?)", [(" ".join(each),) for each in words])
    found = {row for (row,) in base.execute("select rowid from chunks where chunks match 'refunds'")}
    base.close()
    return [number in found for number in range(1, len(words) + 1)]


seen = {}
for name, chunks in CHUNKS.items():
    words = [chunk.split() for chunk in chunks]
    scores = by_rank_bm25(words)
    best = chunks[max(range(len(chunks)), key=scores.__getitem__)]
    right = [score > 0 for score in by_bm25s(words)] == by_sqlite(words) == ["refunds" in each for each in words]
    print(f"refunds, {name}: rank_bm25 {scores}, best “{best}”; bm25s and FTS5 right: {right}")
    seen[name] = "refunds" in best, right
expected = {"in half of them": (False, True), "in all but one": (False, True)}
sys.exit(0 if seen == expected else f"changed: {seen}, expected {expected}")
PY
