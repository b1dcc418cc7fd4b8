#!/usr/bin/env bash
# `max_retries=2` of LlamaIndex is six requests, `num_retries=2` of LiteLLM is five.
#
# A retry that is set to 2 tries three times. Guessed before: so it does, in every client that is built upon OpenAI's
# SDK, as that SDK counts. Seen: LlamaIndex hands the number to the SDK and repeats the call with it as well, so that
# 2 are two calls of three requests; its default of 3 makes twelve of one question to a server that is down, its
# default of 10 for embeddings a hundred and ten. LiteLLM's `num_retries` repeats the call after one whose SDK has its
# own two retries; its `max_retries`, and `num_retries` of its Router, make three. A server that is overloaded is
# asked two to ten times as often as its clients were told.
#
# Here LiteLLM's and the SDKs' own retries are off (docs/reliability.md).
# Seen with llama-index-llms-openai 0.8.3, llama-index-embeddings-openai 0.7.0, litellm 1.110.2 with tenacity, Python
# 3.11. Installs them into a temporary folder. The waits between the tries are left out.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/ask.py" <<'PY'
import asyncio
import logging
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

logging.disable(logging.CRITICAL)
KEY, MODEL = "none", "gpt-4o-mini"
MESSAGES = [{"role": "user", "content": "Hello"}]
requests = 0


class Down(BaseHTTPRequestHandler):
    def do_POST(self):
        global requests
        requests += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def llama(url):
    import openai
    from llama_index.embeddings.openai import OpenAIEmbedding
    from llama_index.llms.openai import OpenAI

    given = {"api_key": KEY, "api_base": url}
    sdk = openai.OpenAI(api_key=KEY, base_url=url, max_retries=2)
    yield "OpenAI's SDK, max_retries=2", lambda: sdk.chat.completions.create(model=MODEL, messages=MESSAGES)
    yield "LlamaIndex, max_retries=2", lambda: OpenAI(model=MODEL, max_retries=2, **given).complete("Hello")
    yield "LlamaIndex, default", lambda: OpenAI(model=MODEL, **given).complete("Hello")
    yield "LlamaIndex, embedding, max_retries=2", lambda: OpenAIEmbedding(max_retries=2, **given).get_text_embedding("Hi")
    yield "LlamaIndex, embedding, default", lambda: OpenAIEmbedding(**given).get_text_embedding("Hi")


def litellm(url):
    import litellm

    litellm.suppress_debug_info = True
    given = {"model": "openai/m", "api_base": url, "api_key": KEY}
    router = litellm.Router([{"model_name": "m", "litellm_params": given}], num_retries=2, disable_cooldowns=True)
    yield "LiteLLM, num_retries=2", lambda: litellm.completion(messages=MESSAGES, num_retries=2, **given)
    yield "LiteLLM, max_retries=2", lambda: litellm.completion(messages=MESSAGES, max_retries=2, **given)
    yield "LiteLLM, Router, num_retries=2", lambda: router.completion("m", MESSAGES)


server = ThreadingHTTPServer(("127.0.0.1", 0), Down)
threading.Thread(target=server.serve_forever, daemon=True).start()
time.sleep = lambda seconds: None
for name, ask in locals()[sys.argv[1]](f"http://127.0.0.1:{server.server_port}"):
    requests = 0
    try:
        ask()
    except Exception:
        pass
    print(f"{name}: {requests} requests")
PY
cd "$folder"
install() { python3 -m venv "$1" && "$1/bin/pip" install --quiet "${@:2}"; }
install llama llama-index-llms-openai==0.8.3 llama-index-embeddings-openai==0.7.0
install litellm litellm==1.110.2 tenacity==9.2.1
export LITELLM_LOCAL_MODEL_COST_MAP=True
for client in llama litellm; do "$client/bin/python" -W ignore ask.py "$client"; done | tee seen
cat >expected <<'END'
OpenAI's SDK, max_retries=2: 3 requests
LlamaIndex, max_retries=2: 6 requests
LlamaIndex, default: 12 requests
LlamaIndex, embedding, max_retries=2: 6 requests
LlamaIndex, embedding, default: 110 requests
LiteLLM, num_retries=2: 5 requests
LiteLLM, max_retries=2: 3 requests
LiteLLM, Router, num_retries=2: 3 requests
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
