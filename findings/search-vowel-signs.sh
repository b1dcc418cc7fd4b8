#!/usr/bin/env bash
# Word search in Hindi, Tamil and Thai finds letters: scikit-learn, bm25s, Haystack and SQLite's FTS5 cut words at
# each vowel sign, and the first two then drop what is one letter long.
#
# Guessed before: a word between two spaces is a word, in any script. Seen: `\w` of Python's re, of which the
# tokenizers of the first three are made, and the default categories of FTS5's unicode61 leave out combining marks
# (categories Mn and Mc), and these scripts write vowels with them: "parking" (पार्किंग) is four letters for Haystack
# and FTS5, for the others nothing at all, so that BM25 scores every text 0 for it and hands over the first ones all
# the same. Words that differ in vowels alone are one: दिन (day) finds दान (gift). Hybrid search with such a part has
# no keyword half in Hindi, and nothing says so. tantivy keeps the words; MiniSearch does in JavaScript. With
# `categories 'L* N* Co Mn Mc'` FTS5 does, too.
#
# Seen with scikit-learn 1.9.1, bm25s 0.3.16, haystack-ai 3.4.1, tantivy 0.27.0, SQLite 3.40, Python 3.11, minisearch
# 7.2.0 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scikit-learn==1.9.1 bm25s==0.3.16 haystack-ai==3.4.1 tantivy==0.27.0
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund minisearch@7.2.0 >/dev/null
cat >find.mjs <<'JS'
import MiniSearch from "minisearch";

const [query, ...texts] = process.argv.slice(2);
const index = new MiniSearch({ fields: ["text"] });
index.addAll(texts.map((text, id) => ({ id, text })));
console.log(JSON.stringify(index.search(query).map(({ id }) => id).sort()));
JS
venv/bin/python -W ignore - <<'PY'
import json
import sqlite3
import subprocess
import sys

import bm25s
import tantivy
from haystack import Document
from haystack.document_stores.in_memory import InMemoryDocumentStore
from sklearn.feature_extraction.text import TfidfVectorizer

# The rent is due each day; it is not a gift. / Parking is not allowed. / The kitchen has gas.
TEXTS = ["किराया हर दिन देना है", "पार्किंग की अनुमति नहीं", "रसोई में गैस है"]
QUERIES = {"parking": "पार्किंग", "gift": "दान"}  # the first is in the second text, the other one in none


def by_sklearn(query):
    words = TfidfVectorizer()
    scores = (words.fit_transform(TEXTS) @ words.transform([query]).T).toarray().ravel()
    return [number for number, score in enumerate(scores) if score > 0]


def by_bm25s(query):
    split = lambda texts: bm25s.tokenize(texts, stopwords=None, show_progress=False)
    index = bm25s.BM25()
    index.index(split(TEXTS), show_progress=False)
    found, scores = index.retrieve(split([query]), k=3, show_progress=False)
    return [int(number) for number, score in zip(found[0], scores[0], strict=True) if score > 0]


def by_haystack(query):
    store = InMemoryDocumentStore()
    store.write_documents([Document(id=str(number), content=text) for number, text in enumerate(TEXTS)])
    return sorted(int(found.id) for found in store.bm25_retrieval(query))


def by_fts5(query, options=""):
    base = sqlite3.connect(":memory:")
    base.execute(f"CREATE VIRTUAL TABLE texts USING fts5(body{options})")
    base.executemany("INSERT INTO texts (rowid, body) VALUES (?, ?)", enumerate(TEXTS))
    return [row[0] for row in base.execute("SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rowid", [f'"{query}"'])]


def by_tantivy(query):
    index = tantivy.Index(tantivy.SchemaBuilder().add_text_field("body").add_integer_field("n", stored=True).build())
    writer = index.writer(num_threads=1)
    for number, text in enumerate(TEXTS):
        writer.add_document(tantivy.Document(body=text, n=number))
    writer.commit()
    index.reload()
    searcher = index.searcher()
    return sorted(searcher.doc(at)["n"][0] for _, at in searcher.search(index.parse_query(query, ["body"])).hits)


def by_minisearch(query):
    return json.loads(subprocess.check_output(["node", "find.mjs", query, *TEXTS]))


MARKS = ", tokenize=\"unicode61 categories 'L* N* Co Mn Mc'\""
SEARCHES = {
    "scikit-learn": by_sklearn,
    "bm25s": by_bm25s,
    "haystack": by_haystack,
    "fts5": by_fts5,
    "fts5 with marks": lambda query: by_fts5(query, MARKS),
    "tantivy": by_tantivy,
    "minisearch": by_minisearch,
}
seen = {name: tuple(search(query) for query in QUERIES.values()) for name, search in SEARCHES.items()}
for name, found in seen.items():
    print(f"{name:16} parking: {found[0]}, gift: {found[1]}")
right = ([1], [])
expected = {"scikit-learn": ([], []), "bm25s": ([], []), "haystack": ([0, 1, 2], [0]), "fts5": ([1], [0])}
expected |= {"fts5 with marks": right, "tantivy": right, "minisearch": right}
sys.exit(0 if seen == expected else f"changed: {seen}, expected {expected}")
PY
