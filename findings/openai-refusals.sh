#!/usr/bin/env bash
# The text of a refusal is lost by LangChain (in JavaScript always, in Python in streams) and by the AI SDK's provider
# for OpenRouter: the answer is empty and ends with "stop". OpenAI's own helper for JavaScript cuts streamed thoughts.
#
# Where JSON or a call was asked for, a model of OpenAI's says no in `refusal`, with `content` null and `finish_reason`
# "stop". Guessed before: each client shows it or keeps it beside the content. Seen: the AI SDK 7 gives its text and ends
# with "content-filter"; LangChain for Python keeps it in `additional_kwargs` of a whole answer and drops it from a stream;
# LangChain for JavaScript and @openrouter/ai-sdk-provider drop it from both, so that a reader sees an empty answer of a model
# that ended well. Of `reasoning_content`, which many servers send beside it, `stream().finalMessage()` of OpenAI's SDK for
# JavaScript keeps the last piece alone, "ing" of "thinking"; sent back with a tool's result, that is what the model reads.
#
# Here a refusal is told that way where JSON or a call was asked for, and as `content` in all other answers.
# Seen with langchain-openai 1.7.4, openai 3.57.0 (Python 3.11), @langchain/openai 1.5.11, @langchain/core 1.4.0, ai 7.0.173,
# @ai-sdk/openai 4.0.118, @ai-sdk/openai-compatible 3.0.92, @openrouter/ai-sdk-provider 2.10.0, openai 7.59.0 (Node 20).
# Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet langchain-openai==1.7.4 openai==3.57.0
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps @langchain/openai@1.5.11 @langchain/core@1.4.0 zod@4.6.7 ai@7.0.173 \
  @ai-sdk/openai@4.0.118 @ai-sdk/openai-compatible@3.0.92 @openrouter/ai-sdk-provider@2.10.0 openai@7.59.0 >/dev/null
cat >ask.mjs <<'JS'
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { ChatOpenAI } from "@langchain/openai";
import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import { generateText, streamText } from "ai";
import OpenAI from "openai";

const own = { apiKey: "none", baseURL: process.argv[2] };
const kept = (said) => (JSON.stringify(said).includes("I cannot") ? "kept" : "lost");
const langchain = new ChatOpenAI({ model: "gpt-4.1", apiKey: "none", configuration: { baseURL: own.baseURL } });
let sum;
for await (const chunk of await langchain.stream("Hello")) sum = sum ? sum.concat(chunk) : chunk;
console.log(`LangChain, JavaScript: ${kept((await langchain.invoke("Hello")).toDict())}, in a stream ${kept(sum.toDict())}`);
const models = { OpenAI: createOpenAI(own).chat("gpt-4.1"), compatible: createOpenAICompatible({ name: "n", ...own })("m"), OpenRouter: createOpenRouter(own)("m") };
for (const [name, model] of Object.entries(models)) {
  const whole = await generateText({ model, prompt: "Hello" });
  const stream = streamText({ model, prompt: "Hello" });
  await stream.consumeStream();
  console.log(`AI SDK, ${name}: ${kept(whole.content)} (${whole.finishReason}), in a stream ${kept(await stream.content)} (${await stream.finishReason})`);
}
const asked = { model: "m", messages: [{ role: "user", content: "Hello" }] };
const message = await new OpenAI(own).chat.completions.stream(asked).finalMessage();
console.log(`OpenAI, JavaScript: in a stream ${kept(message)}, thoughts "${message.reasoning_content}"`);
JS
cat >ask.py <<'PY'
import functools, operator, sys
import openai
from langchain_openai import ChatOpenAI

url = sys.argv[1]
kept = lambda said: "kept" if "I cannot" in str(said) else "lost"
model = ChatOpenAI(model="gpt-4.1", api_key="none", base_url=url)
whole, stream = model.invoke("Hello"), functools.reduce(operator.add, model.stream("Hello"))
print(f"LangChain, Python: {kept(whole.model_dump())}, in a stream {kept(stream.model_dump())}")
asked = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
with openai.OpenAI(api_key="none", base_url=url).chat.completions.stream(**asked) as events:
    message = events.get_final_completion().choices[0].message
print(f'OpenAI, Python: in a stream {kept(message)}, thoughts "{message.reasoning_content}"')
PY
cat >serve.py <<'PY'
import json, subprocess, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OWN = {"id": "c", "created": 1, "model": "m"}
PIECES = [{"role": "assistant", "content": None, "reasoning_content": "think"}, {"reasoning_content": "ing"}]
PIECES += [{"refusal": "I can"}, {"refusal": "not"}, {}]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        streams = json.loads(self.rfile.read(int(self.headers["Content-Length"]))).get("stream")
        message = {"role": "assistant", "content": None, "refusal": "I cannot", "reasoning_content": "thinking"}
        choice, used = {"index": 0, "message": message, "finish_reason": "stop"}, {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        body, kind = json.dumps(OWN | {"object": "chat.completion", "choices": [choice], "usage": used}), "application/json"
        if streams:
            choices = [{"index": 0, "delta": piece, "finish_reason": None if piece else "stop"} for piece in PIECES]
            chunks = [json.dumps(OWN | {"object": "chat.completion.chunk", "choices": [each]}) for each in choices]
            body, kind = "".join(f"data: {chunk}\n\n" for chunk in [*chunks, "[DONE]"]), "text/event-stream"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
for command in (["venv/bin/python", "-W", "ignore", "ask.py"], ["node", "ask.mjs"]):
    subprocess.run([*command, f"http://127.0.0.1:{server.server_port}"], check=True)
PY
python3 serve.py | tee seen
cat >expected <<'END'
LangChain, Python: kept, in a stream lost
OpenAI, Python: in a stream kept, thoughts "thinking"
LangChain, JavaScript: lost, in a stream lost
AI SDK, OpenAI: kept (content-filter), in a stream kept (content-filter)
AI SDK, compatible: kept (content-filter), in a stream kept (content-filter)
AI SDK, OpenRouter: lost (stop), in a stream lost (stop)
OpenAI, JavaScript: in a stream kept, thoughts "ing"
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
