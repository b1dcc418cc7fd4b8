#!/usr/bin/env bash
# Thoughts that the limit of tokens cuts off are the answer of a model where it is asked without a stream, and no part
# of it where it is streamed, by the AI SDK and by pydantic-ai.
#
# Servers of open models hand out thoughts in the text, as <think>…</think>; the AI SDK's `extractReasoningMiddleware`
# and pydantic-ai take them out. Where the model reaches its limit while it thinks, the second tag is missing. Guessed
# before: what follows the first tag is a thought, streamed or not. Seen: so it is in streams, which have an empty
# answer then. Without a stream the AI SDK hands the text over with its tag, and pydantic-ai without it, as the answer
# of the model: "Maybe refuse. The customer is" is sent to the customer, judged or cached, and a test with a stream
# shows none of it.
#
# Seen with ai 7.0.173, @ai-sdk/openai-compatible 3.0.92 (Node 20), pydantic-ai-slim 2.68.0 (Python 3.11). Installs
# them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet "pydantic-ai-slim[openai]==2.68.0"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund ai@7.0.173 @ai-sdk/openai-compatible@3.0.92 >/dev/null
cat >ask.mjs <<'JS'
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { extractReasoningMiddleware, generateText, streamText, wrapLanguageModel } from "ai";

globalThis.AI_SDK_LOG_WARNINGS = false;
const server = createOpenAICompatible({ name: "local", baseURL: process.argv[2] });
const middleware = extractReasoningMiddleware({ tagName: "think" });
for (const name of ["whole", "cut"]) {
  const model = wrapLanguageModel({ model: server(name), middleware });
  const whole = await generateText({ model, prompt: "Refund?" });
  const stream = streamText({ model, prompt: "Refund?" });
  await stream.consumeStream();
  const streamed = [await stream.text, await stream.reasoningText, await stream.finishReason];
  console.log(`AI SDK, ${name}:`, JSON.stringify([whole.text, whole.reasoningText ?? "", whole.finishReason]));
  console.log(`AI SDK, ${name}, streamed:`, JSON.stringify(streamed));
}
JS
cat >ask.py <<'PY'
import asyncio, json, sys

from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import ModelRequest
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


def told(response):
    return json.dumps([response.text or "", response.thinking or "", response.finish_reason])


async def main():
    provider = OpenAIProvider(base_url=sys.argv[1], api_key="none")
    messages = [ModelRequest.user_text_prompt("Refund?")]
    for name in ("whole", "cut"):
        model = OpenAIChatModel(name, provider=provider)
        print(f"pydantic-ai, {name}:", told(await model_request(model, messages)))
        async with model_request_stream(model, messages) as stream:
            async for _ in stream:
                pass
        print(f"pydantic-ai, {name}, streamed:", told(stream.get()))


asyncio.run(main())
PY
cat >serve.py <<'PY'
import json, subprocess, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEXTS = {
    "whole": (["<think>", "Maybe refuse. The customer is new.", "</think>", "We pay it back."], "stop"),
    "cut": (["<think>", "Maybe refuse. ", "The customer is"], "length"),
}
USED = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}


def answer(asked):
    parts, end = TEXTS[asked["model"]]
    frame = {"id": "c", "created": 1, "model": asked["model"]}
    if not asked.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", "content": "".join(parts)}, "finish_reason": end}
        return "application/json", json.dumps(frame | {"object": "chat.completion", "choices": [choice], "usage": USED})
    choices = [{"index": 0, "delta": {"role": "assistant", "content": part}, "finish_reason": None} for part in parts]
    choices.append({"index": 0, "delta": {}, "finish_reason": end})
    chunks = [json.dumps(frame | {"object": "chat.completion.chunk", "choices": [choice]}) for choice in choices]
    return "text/event-stream", "".join(f"data: {chunk}\n\n" for chunk in [*chunks, "[DONE]"])


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        kind, body = answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
for command in (["node", "ask.mjs"], ["venv/bin/python", "-W", "ignore", "ask.py"]):
    subprocess.run([*command, f"http://127.0.0.1:{server.server_port}/v1"], check=True)
PY
echo "text, thoughts and end of an answer:"
python3 serve.py | tee seen
cat >expected <<'END'
AI SDK, whole: ["We pay it back.","Maybe refuse. The customer is new.","stop"]
AI SDK, whole, streamed: ["We pay it back.","Maybe refuse. The customer is new.","stop"]
AI SDK, cut: ["<think>Maybe refuse. The customer is","","length"]
AI SDK, cut, streamed: ["","Maybe refuse. The customer is","length"]
pydantic-ai, whole: ["We pay it back.", "Maybe refuse. The customer is new.", "stop"]
pydantic-ai, whole, streamed: ["We pay it back.", "Maybe refuse. The customer is new.", "stop"]
pydantic-ai, cut: ["Maybe refuse. The customer is", "", "length"]
pydantic-ai, cut, streamed: ["", "Maybe refuse. The customer is", "length"]
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
