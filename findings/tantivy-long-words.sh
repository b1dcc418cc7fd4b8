#!/usr/bin/env bash
# A commit's hash, and each other word of 40 letters or more, is found by no search of tantivy and LanceDB.
#
# Both are searches by words that need no server. Guessed before: a chunk that has the very word asked for is found.
# Seen: the default tokenizer drops words of 40 and more letters when it writes and when it asks: the SHA-1 of a commit
# (40), a SHA-256 (64) and a long German word are in no index, though "commit" beside them is. The question with the
# hash alone has no result; in tantivy "commit" and the hash together find each chunk with "commit", the wrong ones
# too. LanceDB's documentation says that words longer than 40 (max_token_length) are ignored; one of exactly 40 is,
# too. With a limit of 100 it finds all of them. Python's SQLite (FTS5) finds them.
#
# Seen with tantivy 0.27.0, lancedb 0.40.0, Python 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tantivy==0.27.0 lancedb==0.40.0
cd "$folder"
venv/bin/python -W ignore - <<'PY' | tee seen
import hashlib
import sqlite3

import lancedb
import tantivy

HASH = hashlib.sha1(b"release").hexdigest()
WORDS = {
    "39 letters": HASH[:39],
    "a SHA-1": HASH,
    "a SHA-256": hashlib.sha256(b"release").hexdigest(),
    "a German word": "Rechtsschutzversicherungsgesellschaftsbüro",
}
CHUNKS = [f"commit {word} is the one" for word in WORDS.values()]

schema = tantivy.SchemaBuilder()
schema.add_text_field("text", stored=True)
index = tantivy.Index(schema.build())
writer = index.writer()
for chunk in CHUNKS:
    writer.add_document(tantivy.Document(text=chunk))
writer.commit()
writer.wait_merging_threads()
index.reload()

tables = lancedb.connect("tables")
table = tables.create_table("chunks", [{"text": chunk} for chunk in CHUNKS])
table.create_fts_index("text")
longer = tables.create_table("longer", [{"text": chunk} for chunk in CHUNKS])
longer.create_fts_index("text", max_token_length=100)

base = sqlite3.connect(":memory:")
base.execute("create virtual table chunks using fts5(text)")
base.executemany("insert into chunks values (?)", [(chunk,) for chunk in CHUNKS])
SEARCHES = {
    "tantivy": lambda words: index.searcher().search(index.parse_query(words, ["text"]), 9).count,
    "LanceDB": lambda words: len(table.search(words, query_type="fts").to_list()),
    "LanceDB with 100": lambda words: len(longer.search(words, query_type="fts").to_list()),
    "FTS5": lambda words: len(base.execute("select 1 from chunks where chunks match ?", [words]).fetchall()),
}
for name, count in SEARCHES.items():
    found = {kind: count(word) for kind, word in WORDS.items()}
    print(f"{name}: chunks with “commit” {count('commit')}, with {found}")
both = index.searcher().search(index.parse_query(f"+commit +{HASH}", ["text"]), 9).count
print(f"tantivy, chunks with “commit” and the SHA-1: {both}")
PY
cat >expected <<'END'
tantivy: chunks with “commit” 4, with {'39 letters': 1, 'a SHA-1': 0, 'a SHA-256': 0, 'a German word': 0}
LanceDB: chunks with “commit” 4, with {'39 letters': 1, 'a SHA-1': 0, 'a SHA-256': 0, 'a German word': 0}
LanceDB with 100: chunks with “commit” 4, with {'39 letters': 1, 'a SHA-1': 1, 'a SHA-256': 1, 'a German word': 1}
FTS5: chunks with “commit” 4, with {'39 letters': 1, 'a SHA-1': 1, 'a SHA-256': 1, 'a German word': 1}
tantivy, chunks with “commit” and the SHA-1: 4
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
