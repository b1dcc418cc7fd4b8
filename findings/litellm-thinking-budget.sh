#!/usr/bin/env bash
# LiteLLM asks Claude for more thinking than the whole answer may have tokens, and the request is refused.
#
# `reasoning_effort="high"` with `max_tokens=1000` is sent to Anthropic as a thinking budget of 4,096 tokens
# beside `max_tokens: 1000`. Anthropic's documentation says that max_tokens must be greater than the budget, so
# its answer is a 400. Without `max_tokens` LiteLLM raises it above the budget by itself. Newer models, which
# think by an effort and not by a budget, are not concerned.
#
# Seen with litellm 1.106.2, Python 3.11. The request goes to a small server in this process; no model is asked.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet litellm==1.106.2
LITELLM_LOCAL_MODEL_COST_MAP=True "$folder/venv/bin/python" - <<'PY'
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import litellm

bodies = []


class Claude(BaseHTTPRequestHandler):
    def do_POST(self):
        bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        answer = {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
            "content": [{"type": "text", "text": "Hello."}], "stop_reason": "end_turn",
            "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 2},
        }
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Claude)
Thread(target=server.serve_forever, daemon=True).start()
asked = {"messages": [{"role": "user", "content": "Hello?"}], "reasoning_effort": "high"}
for model, limit in (("claude-sonnet-4-5", 1000), ("claude-sonnet-4-5", None), ("claude-sonnet-4-6", 1000)):
    litellm.completion(
        model=f"anthropic/{model}", api_key="k", api_base=f"http://127.0.0.1:{server.server_port}",
        **asked, **({"max_tokens": limit} if limit else {}),
    )
    sent = bodies[-1]
    print(f"{model}, asked for {limit}: max_tokens {sent['max_tokens']}, thinking {sent['thinking']}")
server.shutdown()
over = [body["thinking"].get("budget_tokens", 0) >= body["max_tokens"] for body in bodies]
sys.exit(0 if over == [True, False, False] else f"changed: {over}")
PY
