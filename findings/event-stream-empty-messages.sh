#!/usr/bin/env bash
# A keep-alive comment of an event stream is a message with empty data for @microsoft/fetch-event-source.
#
# Servers send comments (": ping" and a blank line) while a model is silent, and the standard lets a block tell an id alone, or
# the time until a reconnection. Guessed before: a client gets no message of them, as the standard says ("if the data buffer is
# an empty string … return") and eventsource-parser and sseclient-py do. Seen: @microsoft/fetch-event-source calls
# onmessage with the data "" for every block, comments too; a handler that begins with JSON.parse(message.data) then throws, and the
# library connects again, which asks the model once more. httpx-sse yields such a message for a block with an id alone.
#
# Seen with @microsoft/fetch-event-source 2.0.1, eventsource-parser 3.1.1 (Node 20), httpx-sse 0.4.3, sseclient-py 1.9.0
# (Python 3.11). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet httpx-sse==0.4.3 httpx==0.28.1 sseclient-py==1.9.0
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @microsoft/fetch-event-source@2.0.1 eventsource-parser@3.1.1 >/dev/null
cat >read.mjs <<'JS'
import { createRequire } from "node:module";
import { createParser } from "eventsource-parser";

// The parts that fetchEventSource itself puts together; the whole needs a browser's window.
const { getLines, getMessages } = createRequire(import.meta.url)("@microsoft/fetch-event-source/lib/cjs/parse.js");
const text = process.argv[2];
const byFetch = [];
getLines(getMessages(() => {}, () => {}, (message) => byFetch.push(message.data)))(new TextEncoder().encode(text));
const byParser = [];
createParser({ onEvent: (event) => byParser.push(event.data) }).feed(text);
console.log(JSON.stringify({ "fetch-event-source": byFetch, "eventsource-parser": byParser }));
JS
venv/bin/python -W ignore - <<'PY'
import json
import subprocess
import sys

import httpx
import httpx_sse
import sseclient

BLOCKS = {"a comment": ": ping\n\n", "an id alone": "id: 7\n\n", "a retry alone": "retry: 500\n\n"}


def read(text):
    response = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=text.encode())
    command = ["node", "read.mjs", text]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout) | {
        "httpx-sse": [event.data for event in httpx_sse.EventSource(response).iter_sse()],
        "sseclient-py": [event.data for event in sseclient.SSEClient(iter([text.encode()])).events()],
    }


seen = {}
for name, block in BLOCKS.items():
    messages = read(block + 'data: {"text": "Hello"}\n\n')
    print(f"{name}, then a message: {messages}")
    seen[name] = sorted(library for library, found in messages.items() if "" in found)
expected = {
    "a comment": ["fetch-event-source"],
    "an id alone": ["fetch-event-source", "httpx-sse"],
    "a retry alone": ["fetch-event-source", "httpx-sse"],
}
sys.exit(0 if seen == expected else f"changed: {seen}, expected {expected}")
PY
