#!/usr/bin/env bash
# A call of a tool that the limit of tokens cut off is run by agents of LangGraph, with the arguments that had arrived,
# where the agent's messages are streamed; not where it is invoked.
#
# An answer that ends with `finish_reason: "length"` inside of a tool's arguments leaves JSON that is not whole. Guessed
# before: such a call is one of the `invalid_tool_calls` and is not run. Seen: so it is with `invoke`, but with
# `stream_mode="messages"`, as every chat page asks for, LangChain completes the JSON of the pieces: `{"cents": 12` of
# 1250 is a call with 12 cents, `{"folder": "/data/2023/do` one with another folder. The tool's schema finds nothing wrong
# with either, the tool is run and the loop goes on. In Python and in JavaScript.
#
# Seen with langgraph 1.2.24, langchain-openai 1.7.4 (Python 3.11), @langchain/langgraph 1.7.3, @langchain/core 1.4.0,
# @langchain/openai 1.5.11 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet langgraph==1.2.24 langchain-openai==1.7.4
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps @langchain/langgraph@1.7.3 @langchain/core@1.4.0 \
  @langchain/openai@1.5.11 zod@4.6.7 >/dev/null
cat >ask.mjs <<'JS'
import { tool } from "@langchain/core/tools";
import { createReactAgent } from "@langchain/langgraph/prebuilt";
import { ChatOpenAI } from "@langchain/openai";
import { z } from "zod";

const ran = [];
const schema = z.object({ cents: z.number().optional(), folder: z.string().optional() });
const move = tool((given) => { ran.push(given); return "done"; }, { name: "move", description: "Moves.", schema });
const llm = new ChatOpenAI({ model: "gpt-4.1", apiKey: "none", configuration: { baseURL: process.argv[2] } });
const agent = createReactAgent({ llm, tools: [move] });
const asked = { messages: [["user", "Hello"]] };
await agent.invoke(asked);
const invoked = ran.splice(0);
for await (const _ of await agent.stream(asked, { streamMode: "messages" }));
console.log(JSON.stringify([invoked, ran]));
process.exit();
JS
venv/bin/python -W ignore - <<'PY'
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.prebuilt import create_react_agent

ARGUMENTS = ['{"cents": 12', '{"folder": "/data/2023/do', '{"cents": 1250}']
RAN = []


@tool
def move(cents: int | None = None, folder: str | None = None) -> str:
    """Moves."""
    RAN.append({"folder": folder} if cents is None else {"cents": cents})
    return "done"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        function = {"name": "move", "arguments": ARGUMENTS[int(self.path.split("/")[1])]}
        message = {"role": "assistant", "content": None}
        message["tool_calls"] = [{"index": 0, "id": "call", "type": "function", "function": function}]
        end = "length"
        if body["messages"][-1]["role"] == "tool":
            message, end = {"role": "assistant", "content": "Done."}, "stop"
        own = {"id": "c", "created": 1, "model": "m"}
        used = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if body.get("stream") else "application/json")
        self.end_headers()
        if not body.get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": end}
            self.wfile.write(json.dumps(own | {"object": "chat.completion", "choices": [choice], "usage": used}).encode())
            return
        for delta, reason in ((message, None), ({}, end)):
            chunk = own | {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_):
        pass


def ran_in_python(url):
    agent = create_react_agent(ChatOpenAI(model="gpt-4.1", api_key="none", base_url=url), [move])
    asked = {"messages": [("user", "Hello")]}
    RAN.clear()
    agent.invoke(asked)
    invoked = [*RAN]
    RAN.clear()
    list(agent.stream(asked, stream_mode="messages"))
    return [invoked, [*RAN]]


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
changed = False
for number, arguments in enumerate(ARGUMENTS):
    url = f"http://127.0.0.1:{server.server_port}/{number}"
    done = subprocess.run(["node", "ask.mjs", url], capture_output=True, text=True, check=True)
    run = [json.loads(arguments if arguments.endswith("}") else arguments + ("}" if "cents" in arguments else '"}'))]
    expected = [run if arguments.endswith("}") else [], run]
    for name, seen in (("Python", ran_in_python(url)), ("JavaScript", json.loads(done.stdout.splitlines()[-1]))):
        print(f"{arguments:26} {name:10} invoked, the tool ran with {seen[0]}; streamed, with {seen[1]}")
        changed = changed or seen != expected
sys.exit("changed" if changed else 0)
PY
