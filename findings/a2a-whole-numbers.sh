#!/usr/bin/env bash
# A whole number in the data of an A2A message is a float for Python's SDK, and another number above 2^53.
#
# Agents hand structured data to each other as the `data` of a part, which is JSON. Guessed before: {"count": 3} of
# one agent is the int 3 of the other, as json.loads gives, and as ids and amounts need. Seen: the SDK for Python
# holds data in protobuf's Value, whose numbers are all doubles: 3 arrives as 3.0 and is sent on as `3.0`, so that
# `range(count)`, an index or a slice raises TypeError, a prompt or a key made of it says "order 3.0", and a pydantic
# model with strict ints refuses it; the id 9007199254740993 arrives as …992, and no error says so. It is the same in
# `metadata`. The SDK for JavaScript writes 3, and changes the large id as all of JavaScript does. Ids belong into
# texts.
#
# Seen with a2a-sdk 1.3.0, Python 3.11, @a2a-js/sdk 1.3.0 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet a2a-sdk==1.3.0
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @a2a-js/sdk@1.3.0 >/dev/null
cat >message.json <<'JSON'
{"messageId": "1", "role": "ROLE_AGENT", "metadata": {"page": 2},
 "parts": [{"data": {"count": 3, "order": 9007199254740993, "price": 1.5}}]}
JSON
cat >read.py <<'PY'
import json

from a2a.helpers import get_data_parts
from a2a.types import Message
from google.protobuf.json_format import MessageToDict, Parse

message = Parse(open("message.json").read(), Message())
[data] = get_data_parts(message.parts)
print(f"Python reads: {json.dumps(data, sort_keys=True)} and {json.dumps(MessageToDict(message.metadata))}")
print(f"Python writes: {json.dumps(MessageToDict(message)['parts'], sort_keys=True)}")
try:
    range(data["count"])
except TypeError as error:
    print(f"range(count): {error}")
PY
cat >read.mjs <<'JS'
import { readFileSync } from "node:fs";
import { Message } from "@a2a-js/sdk";

const message = Message.fromJSON(JSON.parse(readFileSync("message.json", "utf8")));
console.log(`JavaScript writes: ${JSON.stringify(Message.toJSON(message).parts)}`);
JS
{ venv/bin/python -W ignore read.py; node read.mjs; } | tee seen
cat >expected <<'END'
Python reads: {"count": 3.0, "order": 9007199254740992.0, "price": 1.5} and {"page": 2.0}
Python writes: [{"data": {"count": 3.0, "order": 9007199254740992.0, "price": 1.5}}]
range(count): 'float' object cannot be interpreted as an integer
JavaScript writes: [{"data":{"count":3,"order":9007199254740992,"price":1.5}}]
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
