#!/usr/bin/env bash
# A base URL with a query: the path of a call is put behind the query by five of six clients, and the OpenAI SDK for
# Python asks `/v1/?api-version=1chat/completions` where the one for JavaScript asks
# `/v1/chat/completions?api-version=1`.
#
# Gateways want a version, a tenant or a project as a query beside every call, and one setting holds the URL of the
# server, its query with it. Guessed before: a client adds its path to the path and keeps the query, or refuses such a
# URL. Seen: the OpenAI SDK for JavaScript alone does so. httpx, axios and the SDKs of Anthropic join texts, so that the
# value of the last parameter ends with the path of the call, which is percent-encoded in JavaScript, and every call
# goes to `/v1`. The OpenAI SDK for Python writes the path behind the value without a slash. httpx drops the query where
# a call has parameters of its own, as it documents, and sends the path of the base alone: the list of models asks
# `/v1?limit=2`. A server that answers there, or counts by that parameter, does so for a tenant named
# "acme/chat/completions".
#
# Seen with httpx 0.28.1, openai 3.57.0, anthropic 2.15.0 (Python 3.11), openai 7.59.0, @anthropic-ai/sdk 1.15.0,
# axios 1.21.1 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet httpx==0.28.1 openai==3.57.0 anthropic==2.15.0
npm init -y >/dev/null
npm install --silent --no-audit --no-fund openai@7.59.0 @anthropic-ai/sdk@1.15.0 axios@1.21.1 >/dev/null
cat >ask.py <<'PY'
import sys

import anthropic
import httpx
import openai

base_url = sys.argv[1]
messages = [{"role": "user", "content": "Hi"}]
plain = httpx.Client(base_url=base_url)
print("httpx:", plain.post("/chat/completions").json()["model"])
print("httpx, with a parameter:", plain.get("/models", params={"limit": 2}).json()["model"])
client = openai.OpenAI(base_url=base_url, api_key="none")
print("openai for Python:", client.chat.completions.create(model="m", messages=messages).model)
client = client.with_options(default_query={"tenant": "acme"})
print("openai for Python, with a parameter:", client.chat.completions.create(model="m", messages=messages).model)
claude = anthropic.Anthropic(base_url=base_url, api_key="none")
print("anthropic for Python:", claude.messages.create(model="m", max_tokens=9, messages=messages).model)
PY
cat >ask.mjs <<'JS'
import Anthropic from "@anthropic-ai/sdk";
import axios from "axios";
import OpenAI from "openai";

const baseURL = process.argv[2];
const messages = [{ role: "user", content: "Hi" }];
const plain = axios.create({ baseURL });
console.log("axios:", (await plain.post("/chat/completions")).data.model);
console.log("axios, with a parameter:", (await plain.get("/models", { params: { limit: 2 } })).data.model);
for (const [words, defaultQuery] of [["", {}], [", with a parameter", { tenant: "acme" }]]) {
  const client = new OpenAI({ baseURL, apiKey: "none", defaultQuery });
  console.log(`openai for JavaScript${words}:`, (await client.chat.completions.create({ model: "m", messages })).model);
}
const claude = new Anthropic({ baseURL, apiKey: "none" });
console.log("anthropic for JavaScript:", (await claude.messages.create({ model: "m", max_tokens: 9, messages })).model);
JS
cat >serve.py <<'PY'
"""A server whose answers name what was asked for as their model."""
import json, subprocess, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps({"model": self.path, "choices": [], "content": []}).encode())

    do_GET = do_POST

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
for command in (["venv/bin/python", "-W", "ignore", "ask.py"], ["node", "ask.mjs"]):
    subprocess.run([*command, f"http://127.0.0.1:{server.server_port}/v1?api-version=1"], check=True)
PY
echo "asked for with the base URL /v1?api-version=1:"
python3 serve.py | tee seen
cat >expected <<'END'
httpx: /v1?api-version=1/chat/completions
httpx, with a parameter: /v1?limit=2
openai for Python: /v1/?api-version=1chat/completions
openai for Python, with a parameter: /v1/?api-version=1chat%2Fcompletions&tenant=acme
anthropic for Python: /v1?api-version=1/v1/messages
axios: /v1?api-version=1/chat/completions
axios, with a parameter: /v1?api-version=1/models&limit=2
openai for JavaScript: /v1/chat/completions?api-version=1
openai for JavaScript, with a parameter: /v1/chat/completions?api-version=1&tenant=acme
anthropic for JavaScript: /v1?api-version=1%2Fv1%2Fmessages
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
