#!/usr/bin/env bash
# A model with a map in it, `dict[str, int]`, is sent by Anthropic's SDKs as an object that must be empty.
#
# `messages.parse(output_format=Model)` and `zodOutputFormat` make a JSON schema of a model for Claude's structured
# outputs, which hold an answer to it, and which have no maps (`additionalProperties` other than false). Guessed
# before: an error before the request, as OpenAI's SDK for JavaScript and OpenAI's agents raise, or the constraint
# moved into the description, as `minimum` is. Seen: the map becomes `{"type": "object", "properties": {},
# "additionalProperties": false}`, without a warning and without a word in the description, so that `{}` is the only
# value that Claude may write. It passes the model's own check, and every score, label or translation that was asked
# for is lost. LangChain's `method="json_schema"` sends the same.
#
# Seen with anthropic 2.14.0, langchain-anthropic 1.7.10 (Python 3.11), @anthropic-ai/sdk 1.14.0, openai 7.59.0, zod
# 4.6.7 (Node 20). Installs them into a temporary folder. A small server in the process takes the requests.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile anthropic==2.14.0 langchain-anthropic==1.7.10
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @anthropic-ai/sdk@1.14.0 openai@7.59.0 zod@4.6.7 >/dev/null
cat >send.py <<'PY'
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
from langchain_anthropic import ChatAnthropic
from pydantic import BaseModel, Field


class Scores(BaseModel):
    stars: int = Field(ge=1, le=5)
    by_name: dict[str, int]


class Claude(BaseHTTPRequestHandler):
    sent = None

    def log_message(self, *parts):
        pass

    def do_POST(self):
        Claude.sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
        content = [{"type": "text", "text": '{"stars": 3, "by_name": {}}'}]
        usage = {"input_tokens": 1, "output_tokens": 1}
        body = {"id": "m", "type": "message", "role": "assistant", "model": "claude", "content": content}
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        end = {"stop_reason": "end_turn", "stop_sequence": None, "usage": usage}
        self.wfile.write(json.dumps(body | end).encode())


server = ThreadingHTTPServer(("127.0.0.1", 0), Claude)
threading.Thread(target=server.serve_forever, daemon=True).start()
URL, MODEL = f"http://127.0.0.1:{server.server_port}", "claude-sonnet-4-5"


def told(name):
    fields = Claude.sent["output_config"]["format"]["schema"]["properties"]
    for field in fields.values():
        field.pop("title", None)
    print(f"{name}: {json.dumps(fields)}")


asked = [{"role": "user", "content": "Rate them."}]
client = anthropic.Anthropic(base_url=URL, api_key="none")
answer = client.messages.parse(model=MODEL, max_tokens=100, messages=asked, output_format=Scores)
told("anthropic for Python")
print(f"an empty map is taken: {answer.parsed_output}")
model = ChatAnthropic(model=MODEL, base_url=URL, api_key="none")
model.with_structured_output(Scores, method="json_schema").invoke("Rate them.")
told("LangChain")
PY
cat >make.mjs <<'JS'
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const scores = z.object({ by_name: z.record(z.string(), z.number()) });
console.log(`anthropic for JavaScript: ${JSON.stringify(zodOutputFormat(scores).schema.properties)}`);
try {
  console.log(`openai for JavaScript: ${JSON.stringify(zodResponseFormat(scores, "scores"))}`);
} catch (error) {
  console.log(`openai for JavaScript: ${error.message}`);
}
JS
{ venv/bin/python -W ignore send.py; node make.mjs; } | tee seen
cat >expected <<'END'
anthropic for Python: {"stars": {"type": "integer", "description": "{maximum: 5, minimum: 1}"}, "by_name": {"type": "object", "properties": {}, "additionalProperties": false}}
an empty map is taken: stars=3 by_name={}
LangChain: {"stars": {"type": "integer", "description": "{maximum: 5, minimum: 1}"}, "by_name": {"type": "object", "properties": {}, "additionalProperties": false}}
anthropic for JavaScript: {"by_name":{"type":"object","properties":{},"additionalProperties":false,"description":"{propertyNames: {\"type\":\"string\"}}"}}
openai for JavaScript: Object schema at `properties/by_name` must set `additionalProperties: false` to be compatible with strict Structured Outputs.
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
