#!/usr/bin/env bash
# LiteLLM's cache of answers gives the answer of one server for another one, and that of a model told to think for one
# told not to: the address and `extra_body` are no part of its key.
#
# Guessed before: whatever changes the request that is sent changes the key, as temperature, seed, stop and the
# pictures in messages do. Seen: `api_base`, `extra_body` and parameters that are no OpenAI's (`min_p`,
# `repetition_penalty`, `guided_json`, though `top_k` is) are left out. Who serves "llama" at two addresses, a small
# and a large one or an old and a new one, gets for the second what the first said, so that a comparison of the two
# finds no difference; a switch that vLLM and others take in `extra_body` has no effect until the entry expires.
# Nothing tells that an answer is of another server. A `cache={"namespace": …}` in each call keeps them apart.
#
# Here LiteLLM's cache is not used (docs/answer-cache.md).
# Seen with litellm 1.110.2, fastapi 0.165.0, soundfile 0.14.0, orjson 3.13.0 (a hit imports these), Python 3.11.
# Installs them into a temporary folder. Two small servers in this process answer.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile litellm==1.110.2 fastapi==0.165.0 soundfile==0.14.0 orjson==3.13.0
LITELLM_LOCAL_MODEL_COST_MAP=True "$folder/venv/bin/python" -W ignore - <<'PY'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import litellm
from litellm.caching.caching import Cache


def server(name):
    class Model(BaseHTTPRequestHandler):
        asked = 0

        def log_message(self, *parts):
            pass

        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            Model.asked += 1
            message = {"role": "assistant", "content": f"{name}, answer {Model.asked}"}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
            body = {"id": "c", "object": "chat.completion", "created": 1, "model": "llama", "choices": [choice]}
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body | {"usage": usage}).encode())

    served = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{served.server_port}"


SMALL, LARGE = server("small"), server("large")


def thinking(on):
    return {"extra_body": {"chat_template_kwargs": {"enable_thinking": on}}}


PAIRS = {
    "temperature": ({"temperature": 0}, {"temperature": 1}),
    "seed": ({"seed": 1}, {"seed": 2}),
    "top_k": ({"top_k": 1}, {"top_k": 50}),
    "api_base": ({"api_base": SMALL}, {"api_base": LARGE}),
    "extra_body": (thinking(True), thinking(False)),
    "min_p": ({"min_p": 0.1}, {"min_p": 0.9}),
    "repetition_penalty": ({"repetition_penalty": 1.0}, {"repetition_penalty": 1.5}),
    "guided_json": ({"guided_json": {"type": "object"}}, {"guided_json": {"type": "array"}}),
    "namespace": ({"cache": {"namespace": "small"}}, {"cache": {"namespace": "large"}}),
}


def ask(**settings):
    asked = {"model": "openai/llama", "api_base": SMALL, "api_key": "none"} | settings
    answer = litellm.completion(messages=[{"role": "user", "content": "Hi"}], **asked)
    return answer.choices[0].message.content


seen = []
for name, (first, second) in PAIRS.items():
    litellm.cache = Cache(type="local")
    answers = ask(**first), ask(**second)
    print(f"two requests with another {name}: {answers}")
    if answers[0] == answers[1]:
        seen.append(name)
expected = ["api_base", "extra_body", "min_p", "repetition_penalty", "guided_json"]
sys.exit(0 if seen == expected else f"changed: one answer for two of {seen}, expected {expected}")
PY
