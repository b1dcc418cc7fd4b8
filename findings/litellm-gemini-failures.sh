#!/usr/bin/env bash
# LiteLLM tells ways in which an answer of Gemini fails as "stop", the word for a whole answer.
#
# A call of a tool that Gemini could not write ends with `MALFORMED_FUNCTION_CALL`, often without any text; others are
# `MALFORMED_RESPONSE`, `TOO_MANY_TOOL_CALLS`, `UNEXPECTED_TOOL_CALL`, `MISSING_THOUGHT_SIGNATURE`. Guessed before: an
# error, or a word that is neither "stop" nor "length". Seen: `finish_reason` is "stop", whole and in a stream, so
# that half an answer is shown, stored and cached as a whole one, an agent ends as if its work was done, and no
# fallback sees a failure. A word that LiteLLM does not know, as a new model may send, is "stop" as well. The AI SDK
# says "error" or "other".
#
# Here a table of our own takes the place of LiteLLM's (routing/llm/providers/finish_reasons.py).
# Seen with litellm 1.110.2 (Python 3.11), ai 6.0.326, @ai-sdk/google 3.0.141 (Node 20). Installs them into a
# temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet litellm==1.110.2
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund ai@6.0.326 @ai-sdk/google@3.0.141 >/dev/null
cat >ask.mjs <<'JS'
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { generateText } from "ai";

for (const baseURL of process.argv.slice(2)) {
  const model = createGoogleGenerativeAI({ apiKey: "none", baseURL })("gemini-2.5-flash");
  console.log((await generateText({ model, prompt: "Hello" })).finishReason);
}
JS
LITELLM_LOCAL_MODEL_COST_MAP=True venv/bin/python -W ignore - <<'PY'
import json
import logging
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import litellm

logging.disable(logging.CRITICAL)
MODEL = "gemini-2.5-flash"
WORDS = ["STOP", "MAX_TOKENS", "SAFETY", "MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "TOO_MANY_TOOL_CALLS"]
WORDS += ["UNEXPECTED_TOOL_CALL", "MISSING_THOUGHT_SIGNATURE", "A_NEW_WORD"]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        content = {"role": "model", "parts": [{"text": "Let me look that up"}]}
        candidate = {"content": content, "index": 0, "finishReason": self.path.split("/")[1]}
        used = {"promptTokenCount": 1, "candidatesTokenCount": 5, "totalTokenCount": 6}
        body = json.dumps({"candidates": [candidate], "usageMetadata": used})
        stream = "stream" in self.path
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if stream else "application/json")
        self.end_headers()
        self.wfile.write((f"data: {body}\n\n" if stream else body).encode())

    def log_message(self, *_):
        pass


def by_litellm(url):
    given = {"model": f"gemini/{MODEL}", "api_key": "none", "api_base": f"{url}/models/{MODEL}"}
    given["messages"] = [{"role": "user", "content": "Hello"}]
    chunks = [chunk.choices[0].finish_reason for chunk in litellm.completion(stream=True, **given)]
    return litellm.completion(**given).choices[0].finish_reason, next(filter(None, chunks))


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
urls = [f"http://127.0.0.1:{server.server_port}/{word}" for word in WORDS]
told = subprocess.run(["node", "ask.mjs", *urls], capture_output=True, text=True, check=True).stdout.split()
seen = {word: (*by_litellm(url), sdk) for word, url, sdk in zip(WORDS, urls, told, strict=True)}
for word, (whole, stream, sdk) in seen.items():
    print(f"{word:26} LiteLLM: {whole}, in a stream {stream}; AI SDK: {sdk}")
expected = {
    "STOP": ("stop", "stop", "stop"),
    "MAX_TOKENS": ("length", "length", "length"),
    "SAFETY": ("content_filter", "content_filter", "content-filter"),
    "MALFORMED_FUNCTION_CALL": ("stop", "stop", "error"),
    **dict.fromkeys(WORDS[4:], ("stop", "stop", "other")),
}
sys.exit(0 if seen == expected else f"changed: {seen}, expected {expected}")
PY
