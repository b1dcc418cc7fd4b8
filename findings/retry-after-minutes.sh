#!/usr/bin/env bash
# A server that asks for a pause of more than a minute is asked again within two seconds by the AI SDK and the SDK of
# Groq, sooner than where it asks for half a minute; the SDKs of Anthropic sleep as long as they are told, an hour
# too.
#
# `Retry-After: 61` with a 429 or 503 says when to come back (RFC 9110, section 10.2.3). Guessed before: a client
# waits as long, or gives up. Seen: the AI SDK and the SDK of Groq for Python take a pause above 60 s for none at all
# and use their own back-off of half a second or two, so that all tries are spent within seconds of a pause of an
# hour. The SDKs of Anthropic hold the caller for two hours with their two retries, whatever the time-out of the
# request. OpenAI's for Python waits up to 120 s and gives up above. `x-should-retry: false` makes all of them give up
# at once, but the AI SDK.
#
# Here a 429 whose wait is a minute or more has `x-should-retry: false` on /v1 (docs/limits.md).
# Seen with anthropic 2.14.0, groq 1.7.0, openai 3.57.0 (Python 3.11), @anthropic-ai/sdk 1.14.0, ai 7.0.173,
# @ai-sdk/openai-compatible 3.0.92 (Node 20). Installs them into a temporary folder. Nobody waits: timers are
# recorded.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet anthropic==2.14.0 groq==1.7.0 openai==3.57.0
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @anthropic-ai/sdk@1.14.0 ai@7.0.173 @ai-sdk/openai-compatible@3.0.92 >/dev/null
cat >ask.mjs <<'JS'
import Anthropic from "@anthropic-ai/sdk";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText } from "ai";

const baseURL = process.argv[2];
const pauses = [];
const timer = globalThis.setTimeout;
globalThis.setTimeout = (call, ms, ...rest) => {
  const own = ms < 500 || ms === 3000 || ms === 600000; // of the connection and of the time-out
  if (!own) pauses.push(ms / 1000);
  return timer(call, own ? ms : 0, ...rest);
};
const messages = [{ role: "user", content: "Hello" }];
const asked = {
  "Anthropic, JavaScript": () => new Anthropic({ apiKey: "none", baseURL }).messages.create({ model: "m", messages, max_tokens: 9 }),
  "AI SDK": () => generateText({ model: createOpenAICompatible({ name: "n", baseURL, apiKey: "none" })("m"), messages }),
};
for (const [name, ask] of Object.entries(asked)) {
  pauses.length = 0;
  await ask().catch(() => {});
  console.log(JSON.stringify([name, pauses]));
}
process.exit();
JS
venv/bin/python -W ignore - <<'PY'
import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
import groq
import openai

PAUSES = []
time.sleep = PAUSES.append
GIVEN = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


class Busy(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        asked, *refused = self.path.split("/")[1].split("-")
        self.send_response(429)
        self.send_header("Retry-After", asked)
        if refused:
            self.send_header("x-should-retry", "false")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def clients(url):
    own = {"api_key": "none", "base_url": url}
    yield "Anthropic, Python", lambda: anthropic.Anthropic(**own).messages.create(max_tokens=9, timeout=20, **GIVEN)
    yield "Groq, Python", lambda: groq.Groq(**own).chat.completions.create(**GIVEN)
    yield "OpenAI, Python", lambda: openai.OpenAI(**own).chat.completions.create(**GIVEN)


def told(pauses, asked):
    return "none" if not pauses else "too soon" if min(pauses) < asked else "as asked"


def pauses_of(url):
    for name, ask in clients(url):
        PAUSES.clear()
        try:
            ask()
        except (anthropic.APIStatusError, groq.APIStatusError, openai.APIStatusError):
            yield name, [*PAUSES]
    done = subprocess.run(["node", "ask.mjs", url], capture_output=True, text=True, check=True)
    yield from map(json.loads, done.stdout.splitlines())


server = ThreadingHTTPServer(("127.0.0.1", 0), Busy)
threading.Thread(target=server.serve_forever, daemon=True).start()
seen = {}
for path in ("30", "61", "3600", "3600-false"):
    for name, pauses in pauses_of(f"http://127.0.0.1:{server.server_port}/{path}"):
        seen.setdefault(name, {})[path] = told(pauses, int(path.split("-")[0]))
        print(f"Retry-After {path:10} {name:22} pauses {[round(pause, 1) for pause in pauses]}")
asked, soon = {"30": "as asked"}, {"61": "too soon", "3600": "too soon"}
expected = {
    "Anthropic, Python": asked | {"61": "as asked", "3600": "as asked", "3600-false": "none"},
    "Groq, Python": asked | soon | {"3600-false": "none"},
    "OpenAI, Python": asked | {"61": "as asked", "3600": "none", "3600-false": "none"},
    "Anthropic, JavaScript": asked | {"61": "as asked", "3600": "as asked", "3600-false": "none"},
    "AI SDK": asked | soon | {"3600-false": "too soon"},
}
sys.exit(0 if seen == expected else f"changed: {seen}, expected {expected}")
PY
