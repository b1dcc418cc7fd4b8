#!/usr/bin/env bash
# An upsert in Chroma keeps the keys of the old metadata that the new one does not have.
#
# A page was a draft, is published, and is indexed again under its id with its new text and its new metadata, which
# has no `draft` any more. Guessed before: the record is the new one, as in Qdrant. Seen: the text and the vector are
# replaced and the metadata is merged, so the record has `draft: True` beside the new version, and a search without
# drafts never finds it; a team that it was taken from stays as well. The old text stays where the new record has none.
# Only None for each key that may have been there takes it out. `add` for the same id changes nothing and says nothing.
# The documentation's page on updates calls an upsert an update or an addition and does not tell what an update leaves.
#
# Seen with chromadb 1.5.9, qdrant-client 1.20.0, Python 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet chromadb==1.5.9 qdrant-client==1.20.0
cd "$folder"
ANONYMIZED_TELEMETRY=False venv/bin/python -W ignore - <<'PY'
import sys

import chromadb
from qdrant_client import QdrantClient, models

OLD = {"version": 1, "draft": True, "team": "legal"}
NEW = {"version": 2}

pages = chromadb.EphemeralClient().create_collection("pages", embedding_function=None)
pages.add(ids=["1"], embeddings=[[1, 0]], documents=["old text"], metadatas=[OLD])
pages.add(ids=["1"], embeddings=[[0, 1]], documents=["new text"], metadatas=[NEW])
added = pages.get()
pages.upsert(ids=["1"], embeddings=[[0, 1]], documents=["new text"], metadatas=[NEW])
upserted = pages.get()
published = pages.query(query_embeddings=[[0, 1]], where={"draft": {"$ne": True}})["ids"][0]
pages.upsert(ids=["1"], embeddings=[[0, 1]], metadatas=[NEW | dict.fromkeys(OLD.keys() - NEW.keys())])
cleared = pages.get()

points = QdrantClient(":memory:")
points.create_collection("pages", vectors_config=models.VectorParams(size=2, distance="Cosine"))
for metadata in (OLD, NEW):
    points.upsert("pages", [models.PointStruct(id=1, vector=[0, 1], payload=metadata)])

seen = {
    "Chroma, added again": (added["documents"], added["metadatas"]),
    "Chroma, upserted": (upserted["documents"], upserted["metadatas"]),
    "Chroma, found without drafts": published,
    "Chroma, upserted with None for the rest and no text": (cleared["documents"], cleared["metadatas"]),
    "Qdrant, upserted": points.retrieve("pages", [1])[0].payload,
}
for name, found in seen.items():
    print(f"{name}: {found}")
expected = {
    "Chroma, added again": (["old text"], [OLD]),
    "Chroma, upserted": (["new text"], [OLD | NEW]),
    "Chroma, found without drafts": [],
    "Chroma, upserted with None for the rest and no text": (["new text"], [NEW]),
    "Qdrant, upserted": NEW,
}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
