#!/usr/bin/env bash
# The place of a chunk in its text, told by LangChain's splitters, is -1 or another place where lengths are counted in
# tokens.
#
# `add_start_index` writes into the metadata of a chunk where it begins, for citations that are shown in the source.
# Guessed before: the text at that place is the chunk, however its length is measured. Seen: so it is with lengths in
# characters. With a `length_function` of tokens or words (also `from_tiktoken_encoder` and
# `from_huggingface_tokenizer`) the overlap, which is then in tokens, is subtracted from a place in characters, so that
# the search begins behind the chunk: it has -1 where its text is unique, and the place of a later or an earlier equal
# text where it is not. Without an overlap all are right.
#
# Seen with langchain-text-splitters 1.1.3, langchain-core 1.8.3, Python 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet langchain-text-splitters==1.1.3 langchain-core==1.8.3
"$folder/venv/bin/python" -W ignore - <<'PY'
import sys

from langchain_text_splitters import RecursiveCharacterTextSplitter

STEPS = " ".join(f"Step {n}: open page {n}, check the total of {n * 17} euros, and save." for n in range(1, 41))
AGREED = "Do you accept the terms? Yes, I do. " * 30
LENGTHS = {"characters": (len, 200, 50), "words": (lambda text: len(text.split()), 40, 10)}


def places(text, counted, overlap):
    """How many chunks are told a place that goes on from the last one, an earlier place, and none."""
    length, size, usual = LENGTHS[counted]
    splitter = RecursiveCharacterTextSplitter(
        chunk_size=size, chunk_overlap=usual if overlap else 0, length_function=length, add_start_index=True
    )
    found = {"in order": 0, "before the last": 0, "none": 0}
    last = -1
    for chunk in splitter.create_documents([text]):
        at = chunk.metadata["start_index"]
        assert at < 0 or text.startswith(chunk.page_content, at)
        found["none" if at < 0 else "in order" if at > last else "before the last"] += 1
        last = max(last, at)
    return tuple(found.values())


seen = {}
for name, text in {"unique lines": STEPS, "equal lines": AGREED}.items():
    for counted in LENGTHS:
        for overlap in (True, False):
            key = f"{name}, lengths in {counted}, {'an' if overlap else 'no'} overlap"
            seen[key] = places(text, counted, overlap)
            print("{}: {} chunks have a place in order, {} one before the last, {} none".format(key, *seen[key]))
expected = {
    "unique lines, lengths in characters, an overlap": (17, 0, 0),
    "unique lines, lengths in characters, no overlap": (13, 0, 0),
    "unique lines, lengths in words, an overlap": (9, 0, 8),
    "unique lines, lengths in words, no overlap": (13, 0, 0),
    "equal lines, lengths in characters, an overlap": (7, 0, 0),
    "equal lines, lengths in characters, no overlap": (6, 0, 0),
    "equal lines, lengths in words, an overlap": (6, 1, 1),
    "equal lines, lengths in words, no overlap": (6, 0, 0),
}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
