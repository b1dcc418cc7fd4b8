#!/usr/bin/env bash
# Google's own SDKs read an event stream by its `data: ` lines alone: another field or a comment in it, and the
# answer is empty in JavaScript, without an error, and refused in Python.
#
# The format (WHATWG HTML, section 9.2) lets `event:`, `id:`, `retry:` and comments stand in any block; proxies and
# gateways send comments to keep a connection open. Guessed before: read, or skipped, as OpenAI's and Anthropic's SDKs
# do. Seen: where such a line comes before `data:` the JavaScript SDK leaves out the block, so that an answer whose blocks
# are numbered has no text, and a reader cannot tell it from an answer of a model that says nothing; where it comes after,
# it raises. The Python SDK raises for each such line, for a comment between blocks and for `data:` without a space.
#
# Seen with google-genai 3.6.1 (Python 3.11) and @google/genai 3.3.0 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet google-genai==3.6.1
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @google/genai@3.3.0 >/dev/null
cat >ask.mjs <<'JS'
import { GoogleGenAI } from "@google/genai";

const client = new GoogleGenAI({ apiKey: "none", httpOptions: { baseUrl: process.argv[2] } });
let text = "";
try {
  const stream = await client.models.generateContentStream({ model: "m", contents: "Hello" });
  for await (const chunk of stream) text += chunk.text ?? "";
  console.log(JSON.stringify(text));
} catch (error) {
  console.log("an error");
}
JS
venv/bin/python -W ignore - <<'PY'
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google import genai

BLOCKS = {
    "data alone": "data: {}\n\n",
    "data without a space": "data:{}\n\n",
    "lines end with CRLF": "data: {}\r\n\r\n",
    "a comment between blocks": ": alive\n\ndata: {}\n\n",
    "a comment before data": ": alive\ndata: {}\n\n",
    "event before data": "event: message\ndata: {}\n\n",
    "id before data": "id: 7\ndata: {}\n\n",
    "id after data": "data: {}\nid: 7\n\n",
}


def pieces():
    for text, end in (("one", None), (" two", None), (" three", "STOP")):
        candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
        yield json.dumps({"candidates": [candidate | ({"finishReason": end} if end else {})]})


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        block = [*BLOCKS.values()][int(self.path.split("/")[1])]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write("".join(block.replace("{}", piece) for piece in pieces()).encode())

    def log_message(self, *_):
        pass


def asked_in_python(url):
    client = genai.Client(api_key="none", http_options={"base_url": url})
    try:
        chunks = client.models.generate_content_stream(model="m", contents="Hello")
        return json.dumps("".join(chunk.text or "" for chunk in chunks))
    except genai.errors.UnknownApiResponseError:
        return "an error"


def asked_in_javascript(url):
    return subprocess.run(["node", "ask.mjs", url], capture_output=True, text=True, check=True).stdout.strip()


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
seen = {}
for number, name in enumerate(BLOCKS):
    url = f"http://127.0.0.1:{server.server_port}/{number}"
    seen[name] = asked_in_python(url), asked_in_javascript(url)
    print(f"{name:26} Python: {seen[name][0]:16} JavaScript: {seen[name][1]}")
whole, empty, error = '"one two three"', '""', "an error"
expected = {
    "data alone": (whole, whole),
    "data without a space": (error, whole),
    "lines end with CRLF": (whole, whole),
    "a comment between blocks": (error, whole),
    "a comment before data": (error, empty),
    "event before data": (error, empty),
    "id before data": (error, empty),
    "id after data": (error, error),
}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
