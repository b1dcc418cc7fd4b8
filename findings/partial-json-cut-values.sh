#!/usr/bin/env bash
# Readers of partial JSON, for tool calls that still stream: a value that was cut passes for a whole one.
#
# Each reader gets beginnings of the same valid document, {"sum": 1250, "paid": true, "to": "Zo\u00eb"}.
# - pydantic-core drops a string that was cut, and keeps a number that was: 12 of 1250. Without a mark, an
#   answer that ends at its token limit has another number than the model meant. At `12.` the key is gone.
# - json-repair gives a cut literal as a string, "tru", so that the type of the field changes while it
#   streams, and a key without its value becomes an empty string.
# - LangChain forgets the text that was there before an escape: "Zo" is seen, then the key is gone for four
#   characters, then "Zoë" is there. A page that shows each state flickers.
#
# Seen with pydantic-core 2.50.5, json-repair 0.64.6, langchain-core 1.8.3, Python 3.11.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pydantic-core==2.50.5 json-repair==0.64.6 langchain-core==1.8.3
"$folder/venv/bin/python" - <<'PY'
import sys
from functools import partial

import json_repair
from langchain_core.utils.json import parse_partial_json
from pydantic_core import from_json

pydantic = partial(from_json, allow_partial=True)
cases = [
    ("pydantic-core", pydantic, '{"sum": 12', {"sum": 12}),
    ("pydantic-core", pydantic, '{"sum": 12.', {}),
    ("pydantic-core", pydantic, '{"to": "Zo', {}),
    ("json-repair", json_repair.loads, '{"paid": tru', {"paid": "tru"}),
    ("json-repair", json_repair.loads, '{"paid":', {"paid": ""}),
    ("langchain-core", parse_partial_json, '{"to": "Zo', {"to": "Zo"}),
    ("langchain-core", parse_partial_json, '{"to": "Zo\\u00e', {}),
    ("langchain-core", parse_partial_json, '{"to": "Zo\\u00eb', {"to": "Zoë"}),
]
changed = False
for name, read, text, expected in cases:
    seen = read(text)
    changed = changed or seen != expected
    print(f"{name:16} {text:24} {seen}")
sys.exit("changed" if changed else 0)
PY
