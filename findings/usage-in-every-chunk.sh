#!/usr/bin/env bash
# A stream that tells its usage in each chunk is counted once a chunk by LangChain for Python and by pydantic-ai: 600
# input tokens of a prompt that has 100.
#
# OpenAI's API tells the usage of a stream in a last chunk. Some servers that speak its format tell the sum so far in
# every chunk; vLLM does where it is asked to (`continuous_usage_stats`). Guessed before: the last one counts, as in
# OpenAI's SDK. Seen: LangChain's ChatOpenAI and ChatMistralAI add up the usage of all chunks, the prompt's too, so
# that an answer of a thousand tokens costs a thousand prompts in every sum that is made of `usage_metadata`;
# pydantic-ai does so as well, unless the settings of the model say `openai_continuous_usage_stats`.
# openai-agents has the last one.
#
# Here the usage of a stream is told once, in its last chunk. The readers here keep the latest.
# Seen with langchain-openai 1.7.4, langchain-mistralai 1.1.6, pydantic-ai-slim 2.31.1, openai-agents 0.20.0, Python
# 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet langchain-openai==1.7.4 langchain-mistralai==1.1.6 pydantic-ai-slim[openai]==2.31.1 \
  openai-agents==0.20.0
cat >ask.py <<'PY'
import asyncio, functools, operator, sys

client, url = sys.argv[1:]


def langchain():
    from langchain_mistralai import ChatMistralAI
    from langchain_openai import ChatOpenAI

    yield "LangChain, ChatOpenAI", ChatOpenAI(model="m", api_key="none", base_url=url, stream_usage=True)
    yield "LangChain, ChatMistralAI", ChatMistralAI(model="m", api_key="none", endpoint=url)


async def pydantic_ai():
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    agent = Agent(OpenAIChatModel("m", provider=OpenAIProvider(base_url=url, api_key="none")))
    async with agent.run_stream("Hello") as run:
        await run.get_output()
        print("pydantic-ai:", run.usage.input_tokens, run.usage.output_tokens)


async def openai_agents():
    import agents
    from openai import AsyncOpenAI

    agents.set_tracing_disabled(True)
    model = agents.OpenAIChatCompletionsModel("m", AsyncOpenAI(api_key="none", base_url=url))
    run = agents.Runner.run_streamed(agents.Agent(name="a", model=model), "Hello")
    async for _ in run.stream_events():
        pass
    print("openai-agents:", run.context_wrapper.usage.input_tokens, run.context_wrapper.usage.output_tokens)


if client == "langchain":
    for name, model in langchain():
        used = functools.reduce(operator.add, model.stream("Hello")).usage_metadata
        print(f"{name}:", used["input_tokens"], used["output_tokens"])
else:
    asyncio.run(pydantic_ai())
    asyncio.run(openai_agents())
PY
cat >serve.py <<'PY'
import json, subprocess, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def chunks():
    parts = [("", 0, None), ("one", 1, None), (" two", 2, None), (" three", 3, None), ("", 3, "stop")]
    for text, count, end in parts:
        choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": end}
        used = {"prompt_tokens": 100, "completion_tokens": count, "total_tokens": 100 + count}
        yield {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], "usage": used}
    yield {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": used}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write("".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks()).encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
for client in ("langchain", "agents"):
    subprocess.run(["venv/bin/python", "-W", "ignore", "ask.py", client, url], check=True, stderr=subprocess.DEVNULL)
PY
echo "input and output tokens of an answer with 100 and 3, told in each of 6 chunks:"
python3 serve.py | tee seen
cat >expected <<'END'
LangChain, ChatOpenAI: 600 12
LangChain, ChatMistralAI: 500 9
pydantic-ai: 600 12
openai-agents: 100 3
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
