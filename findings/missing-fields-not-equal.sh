#!/usr/bin/env bash
# "Not equal" finds the rows without the field in Chroma, Haystack and LlamaIndex, not in LanceDB; in Qdrant it depends
# on how it is said.
#
# An assistant must not see drafts: `status != "draft"`. Most pages have no status. Guessed before: one reading
# everywhere, that of SQL. Seen: LanceDB (and SQLite) leave out every page without the field, with `!=`, `NOT (… = …)`
# and `NOT IN`; Chroma, Haystack and LlamaIndex find them; Qdrant in its local mode has both, `except` without them and
# `must_not` with them. Who changes the store under the same filter hides most pages from the assistant, or, where the
# filter is `team != "guests"`, shows it pages that nobody was given, and there is no error in either direction.
#
# Seen with lancedb 0.40.0, chromadb 1.5.9, qdrant-client 1.20.0, haystack-ai 3.4.1, llama-index-core 0.14.25,
# Python 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet lancedb==0.40.0 chromadb==1.5.9 qdrant-client==1.20.0 haystack-ai==3.4.1 \
    llama-index-core==0.14.25
cd "$folder"
export ANONYMIZED_TELEMETRY=False HAYSTACK_TELEMETRY_ENABLED=False
venv/bin/python -W ignore - <<'PY'
import sqlite3
import sys

import chromadb
import lancedb
from haystack import Document
from haystack.document_stores.in_memory import InMemoryDocumentStore
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters, VectorStoreQuery
from llama_index.core.vector_stores.simple import SimpleVectorStore
from qdrant_client import QdrantClient, models

PAGES = {"draft": {"status": "draft"}, "final": {"status": "final"}, "none": {"team": "legal"}}
VECTOR = [1.0, 0.0]
rows = [(name, page.get("status")) for name, page in PAGES.items()]

database = sqlite3.connect(":memory:")
database.execute("create table pages (name, status)")
database.executemany("insert into pages values (?, ?)", rows)
table = lancedb.connect("lance").create_table("pages", [{"name": name, "status": status, "vector": VECTOR} for name, status in rows])
pages = chromadb.EphemeralClient().create_collection("pages", embedding_function=None)
pages.add(ids=list(PAGES), embeddings=[VECTOR] * 3, metadatas=list(PAGES.values()))
points = QdrantClient(":memory:")
points.create_collection("pages", vectors_config=models.VectorParams(size=2, distance="Cosine"))
points.upsert("pages", [models.PointStruct(id=i, vector=VECTOR, payload=page | {"name": name}) for i, (name, page) in enumerate(PAGES.items())])
documents = InMemoryDocumentStore()
documents.write_documents([Document(id=name, content=name, meta=page) for name, page in PAGES.items()])
nodes = SimpleVectorStore()
nodes.add([TextNode(id_=name, text=name, embedding=VECTOR, metadata=page) for name, page in PAGES.items()])


def by_sqlite(where):
    return [name for (name,) in database.execute(f"select name from pages where {where}")]


def by_lance(where):
    return [row["name"] for row in table.search(VECTOR).where(where).to_list()]


def by_qdrant(**conditions):
    return [point.payload["name"] for point in points.scroll("pages", scroll_filter=models.Filter(**conditions))[0]]


def by_llama(operator, value):
    filters = MetadataFilters(filters=[MetadataFilter(key="status", value=value, operator=operator)])
    return nodes.query(VectorStoreQuery(query_embedding=VECTOR, similarity_top_k=9, filters=filters)).ids


EXCEPT = models.FieldCondition(key="status", match=models.MatchExcept(**{"except": ["draft"]}))
EQUAL = models.FieldCondition(key="status", match=models.MatchValue(value="draft"))
seen = {f"{name} {where}": by(where) for name, by in (("SQLite", by_sqlite), ("LanceDB", by_lance))
        for where in ("status != 'draft'", "NOT (status = 'draft')", "status NOT IN ('draft')")}
seen |= {"Qdrant except": by_qdrant(must=[EXCEPT]), "Qdrant must_not": by_qdrant(must_not=[EQUAL])}
seen |= {f"Chroma {op}": pages.get(where={"status": {op: value}})["ids"] for op, value in (("$ne", "draft"), ("$nin", ["draft"]))}
seen |= {f"Haystack {op}": [one.id for one in documents.filter_documents({"field": "meta.status", "operator": op, "value": value})]
         for op, value in (("!=", "draft"), ("not in", ["draft"]))}
seen |= {f"LlamaIndex {op}": by_llama(op, value) for op, value in (("!=", "draft"), ("nin", ["draft"]))}
for name, found in seen.items():
    print(f"{name}: {sorted(found)}")
without = ("SQLite", "LanceDB", "Qdrant except")
expected = {name: ["final"] if name.startswith(without) else ["final", "none"] for name in seen}
sys.exit(0 if {name: sorted(found) for name, found in seen.items()} == expected else f"changed: expected {expected}")
PY
