#!/usr/bin/env bash
# A Python function given as a tool loses its choices, its list's items and its default on the way to the model.
#
# SDKs and frameworks make a tool's JSON schema of a function's signature. Guessed before: a Literal becomes `enum`,
# list[str] an array of strings, Field(ge=1, le=50) its bounds, and an argument with a default may be left out; so do
# pydantic-ai, langchain-core and openai-agents. Seen: Ollama's SDK sends a Literal as any string, a list without
# `items`, no bounds, and an argument with a default as required, unless its type allows None; without a warning, though
# the function is the same. llama-index keeps the first two and drops the bounds of Annotated.
#
# Seen with ollama 0.6.3, llama-index-core 0.14.25, langchain-core 1.8.3, openai-agents 0.24.0, pydantic-ai-slim 2.68.0,
# Python 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ollama==0.6.3 llama-index-core==0.14.25 langchain-core==1.8.3 openai-agents==0.24.0 pydantic-ai-slim==2.68.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Annotated, Literal

import ollama
from agents import function_tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from llama_index.core.tools import FunctionTool
from pydantic import Field
from pydantic_ai import Tool


def find(unit: Literal["km", "mi"], tags: list[str], limit: Annotated[int, Field(ge=1, le=50)] = 10) -> str:
    """Find places.

    Args:
        unit: The unit of distances.
        tags: Kinds of place.
        limit: The most that are wanted.
    """
    return ""


class Handler(BaseHTTPRequestHandler):
    """Keeps the request, as a server of Ollama's API would get it."""

    def do_POST(self):
        self.server.body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = b'{"model": "m", "message": {"role": "assistant", "content": "Yes."}, "done": true}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def sent_by_ollama():
    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = ollama.Client(host=f"http://127.0.0.1:{server.server_port}")
    client.chat(model="m", messages=[{"role": "user", "content": "Hello"}], tools=[find])
    server.shutdown()
    return server.body["tools"][0]["function"]["parameters"]


schemas = {
    "ollama": sent_by_ollama(),
    "llama-index": FunctionTool.from_defaults(find).metadata.to_openai_tool()["function"]["parameters"],
    "langchain-core": convert_to_openai_tool(find)["function"]["parameters"],
    "openai-agents": function_tool(strict_mode=False)(find).params_json_schema,
    "pydantic-ai": Tool(find).function_schema.json_schema,
}
seen = {}
for name, schema in schemas.items():
    unit, tags, limit = (schema["properties"][key] for key in ("unit", "tags", "limit"))
    kept = {
        "choices": unit.get("enum") == ["km", "mi"],
        "items": tags.get("items") == {"type": "string"},
        "bounds": (limit.get("minimum"), limit.get("maximum")) == (1, 50),
        "default": "limit" not in schema["required"],
    }
    seen[name] = [each for each, holds in kept.items() if not holds]
    print(f"{name:15} loses: {', '.join(seen[name]) or 'nothing'}")
expected = {
    "ollama": ["choices", "items", "bounds", "default"],
    "llama-index": ["bounds"],
    "langchain-core": [],
    "openai-agents": [],
    "pydantic-ai": [],
}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
