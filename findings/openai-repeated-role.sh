#!/usr/bin/env bash
# OpenAI's SDK for Python joins the role of each chunk of a stream to one word: "assistantassistantassistant".
#
# Each chunk of a streamed chat completion may tell `role` in its delta; OpenAI's own server does so in the first, several
# servers and gateways that speak the format do in all. Guessed before: the role stays "assistant", as it does in
# OpenAI's SDK for JavaScript. Seen: `client.chat.completions.stream()` adds up every text of a delta, the role and
# the name and id of a tool's call as well as the content. The message looks whole by its content; sent back in the
# next request, as a loop with tools does, it has a role that no server knows. Numbers are added up, too.
#
# Seen with openai 3.57.0 (Python 3.11) and openai 7.59.0 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet openai==3.57.0
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund openai@7.59.0 >/dev/null
cat >ask.mjs <<'JS'
import OpenAI from "openai";

const client = new OpenAI({ apiKey: "none", baseURL: process.argv[2], maxRetries: 0 });
const messages = [{ role: "user", content: "Hello" }];
const { role, content } = await client.chat.completions.stream({ model: "m", messages }).finalMessage();
console.log(JSON.stringify([role, content]));
JS
venv/bin/python -W ignore - <<'PY'
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai

PIECES = {
    "in the first chunk": [{"role": "assistant", "content": "one"}, {"content": " two"}, {}],
    "in every chunk": [{"role": "assistant", "content": text} for text in ("one", " two", "")],
}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        deltas = [*PIECES.values()][int(self.path.split("/")[1])]
        for number, delta in enumerate(deltas, 1):
            choice = {"index": 0, "delta": delta, "finish_reason": "stop" if number == len(deltas) else None}
            chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_):
        pass


def asked_in_python(url):
    client = openai.OpenAI(api_key="none", base_url=url, max_retries=0)
    with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "Hello"}]) as stream:
        message = stream.get_final_completion().choices[0].message
    return message.role, message.content


def asked_in_javascript(url):
    done = subprocess.run(["node", "ask.mjs", url], capture_output=True, text=True, check=True)
    return tuple(json.loads(done.stdout))


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
seen = {}
for number, name in enumerate(PIECES):
    url = f"http://127.0.0.1:{server.server_port}/{number}"
    seen[name] = asked_in_python(url), asked_in_javascript(url)
    print(f"{name:20} Python: {seen[name][0]}  JavaScript: {seen[name][1]}")
whole = ("assistant", "one two")
expected = {
    "in the first chunk": (whole, whole),
    "in every chunk": ((3 * "assistant", "one two"), whole),
}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
