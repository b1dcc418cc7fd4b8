#!/usr/bin/env bash
# Hugging Face's two tokenizers give different tokens for a Greek word in capitals, and the Rust one is not uncased.
#
# An uncased BERT model lower-cases its input. The capital sigma at the end of a word becomes the final one, by Unicode
# (SpecialCasing, Final_Sigma), in Python's `str.lower()`, of which BERT's first tokenizer was made, and in
# @huggingface/tokenizers. The Rust library lower-cases each letter by itself, so that "ΔΡΟΜΟΣ" ends in the
# other sigma. Guessed before: the same tokens, and the same for "ΔΡΟΜΟΣ" and "δρομος". Seen: in Python a word in capitals,
# as headings and forms have them, gets another id, or none where the vocabulary has whole words; vectors that one
# service makes in Python and a page in JavaScript differ.
#
# Seen with tokenizers 0.23.3 (Python 3.11) and @huggingface/tokenizers 0.2.0 (Node 20). Installs them into a temporary
# folder; the vocabulary is written here.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tokenizers==0.23.3
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @huggingface/tokenizers@0.2.0 >/dev/null
cat >tokens.mjs <<'JS'
import { readFileSync } from "node:fs";
import { Tokenizer } from "@huggingface/tokenizers";

const tokenizer = new Tokenizer(JSON.parse(readFileSync("tokenizer.json", "utf8")), {});
console.log(JSON.stringify(process.argv.slice(2).map((word) => tokenizer.encode(word).tokens)));
JS
venv/bin/python - <<'PY'
import json
import subprocess
import sys

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

WORDS = ["δρομος", "ΔΡΟΜΟΣ", "ROAD", "ÅRHUS", "ДОРОГА"]
vocabulary = ["[UNK]", "δρομος", "road", "arhus", "дорога"]
model = models.WordPiece({token: number for number, token in enumerate(vocabulary)}, unk_token="[UNK]")
tokenizer = Tokenizer(model)
tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
tokenizer.save("tokenizer.json")
in_python = [tokenizer.encode(word).tokens for word in WORDS]
done = subprocess.run(["node", "tokens.mjs", *WORDS], capture_output=True, text=True, check=True)
seen = dict(zip(WORDS, zip(in_python, json.loads(done.stdout), strict=True), strict=True))
for word, (python, javascript) in seen.items():
    print(f"{word:8} str.lower(): {word.lower():8} Python: {python}  JavaScript: {javascript}")
expected = {word: ([token], [token]) for word, token in zip(WORDS, ["δρομος", *vocabulary[1:]], strict=True)}
expected["ΔΡΟΜΟΣ"] = (["[UNK]"], ["δρομος"])
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
