#!/usr/bin/env bash
# Two clients of Gemini count an answer without the tokens of its thoughts, and one of them the cached ones once a
# chunk.
#
# Gemini tells the tokens of an answer in two numbers: `candidatesTokenCount` for its text, `thoughtsTokenCount` for
# the thinking before it, both billed as output; each chunk of a stream tells the sums so far. Guessed before: the
# output tokens of a client are both. Seen, of an answer with 3 and 500: LangChain for JavaScript and LlamaIndex say
# 3, while their totals have 603, so that a cost by output tokens is 0.6 % of the bill; LangChain for Python and the
# AI SDK say 503. In a stream LangChain for JavaScript adds up the cached tokens of all chunks: 120 of a prompt of
# 100.
#
# Seen with @langchain/google-genai 2.3.2, ai 6.0.326, @ai-sdk/google 3.0.141 (Node 20), llama-index-llms-google-genai
# 0.11.3, langchain-google-genai 4.4.3 (Python 3.11). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for name in llama-index-llms-google-genai==0.11.3 langchain-google-genai==4.4.3; do
  python3 -m venv "$folder/${name%%-*}"
  "$folder/${name%%-*}/bin/pip" install --quiet "$name"
done
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @langchain/google-genai@2.3.2 @langchain/core@1.4.0 ai@6.0.326 \
  @ai-sdk/google@3.0.141 >/dev/null
cat >ask.mjs <<'JS'
import { ChatGoogleGenerativeAI } from "@langchain/google-genai";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { generateText, streamText } from "ai";

const [baseUrl, model] = [process.argv[2], "gemini-2.5-flash"];
const told = (name, u) => console.log(`${name}: ${u.input_tokens} ${u.output_tokens} ${u.total_tokens} ${u.input_token_details.cache_read}`);
const langchain = new ChatGoogleGenerativeAI({ model, apiKey: "none", baseUrl });
told("LangChain, JavaScript, whole", (await langchain.invoke("Hello")).usage_metadata);
let sum;
for await (const chunk of await langchain.stream("Hello")) sum = sum ? sum.concat(chunk) : chunk;
told("LangChain, JavaScript, stream", sum.usage_metadata);
const asked = { model: createGoogleGenerativeAI({ apiKey: "none", baseURL: baseUrl })(model), prompt: "Hello" };
const sdk = (u) => ({ input_tokens: u.inputTokens, output_tokens: u.outputTokens, total_tokens: u.totalTokens,
  input_token_details: { cache_read: u.inputTokenDetails.cacheReadTokens } });
told("AI SDK, whole", sdk((await generateText(asked)).usage));
const stream = streamText(asked);
await stream.consumeStream();
told("AI SDK, stream", sdk(await stream.totalUsage));
JS
cat >langchain.py <<'PY'
import functools, operator, sys
from langchain_google_genai import ChatGoogleGenerativeAI

model = ChatGoogleGenerativeAI(model="gemini-2.5-flash", api_key="none", base_url=sys.argv[1])
whole, stream = model.invoke("Hello"), functools.reduce(operator.add, model.stream("Hello"))
for name, used in (("whole", whole.usage_metadata), ("stream", stream.usage_metadata)):
    print(f"LangChain, Python, {name}:", *[*used.values()][:3], used["input_token_details"]["cache_read"])
PY
cat >llama.py <<'PY'
import sys
from google.genai.types import HttpOptions
from llama_index.llms.google_genai import GoogleGenAI

options = {"http_options": HttpOptions(base_url=sys.argv[1]), "context_window": 1000, "max_tokens": 100}
model = GoogleGenAI(model="gemini-2.5-flash", api_key="none", **options)
for name, answer in (("whole", model.complete("Hello")), ("stream", [*model.stream_complete("Hello")][-1])):
    told = [answer.additional_kwargs[key] for key in ("prompt_tokens", "completion_tokens", "total_tokens")]
    print(f"LlamaIndex, {name}:", *told)
PY
cat >serve.py <<'PY'
import json, subprocess, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def part(text, count, end=None):
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    used = {"promptTokenCount": 100, "cachedContentTokenCount": 40, "candidatesTokenCount": count}
    used |= {"thoughtsTokenCount": 500, "totalTokenCount": 600 + count}
    return json.dumps({"candidates": [candidate | ({"finishReason": end} if end else {})], "usageMetadata": used})


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body, kind = part("one two three", 3, "STOP"), "application/json"
        if "stream" in self.path:
            parts = part("one", 1), part(" two", 2), part(" three", 3, "STOP")
            body, kind = "".join(f"data: {each}\n\n" for each in parts), "text/event-stream"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
for command in (["node", "ask.mjs"], ["langchain/bin/python", "langchain.py"], ["llama/bin/python", "llama.py"]):
    subprocess.run([*command, f"http://127.0.0.1:{server.server_port}"], check=True, stderr=subprocess.DEVNULL)
PY
echo "input, output, total and cached tokens of an answer with 100, 3 + 500 thought, 603 and 40:"
python3 serve.py | tee seen
cat >expected <<'END'
LangChain, JavaScript, whole: 100 3 603 40
LangChain, JavaScript, stream: 100 3 603 120
AI SDK, whole: 100 503 603 40
AI SDK, stream: 100 503 603 40
LangChain, Python, whole: 100 503 603 40
LangChain, Python, stream: 100 503 603 40
LlamaIndex, whole: 100 3 603
LlamaIndex, stream: 100 3 603
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
