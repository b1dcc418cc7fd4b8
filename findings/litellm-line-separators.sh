#!/usr/bin/env bash
# LiteLLM reads most providers' event streams by httpx' aiter_lines(), which splits at every line boundary
# of str.splitlines(): at U+0085 (next line) and U+2028 (line separator) too. Both may stand unescaped
# inside a JSON string (RFC 8259, section 7), and the event stream format ends lines at CR and LF only
# (WHATWG HTML, section 9.2.6). Seen with the versions below: a piece of text that contains one is lost
# without an error with Groq (the same reader serves other OpenAI-compatible providers); with Anthropic
# the answer is empty and ends without an error. The path that uses OpenAI's own SDK keeps the text.
# Expected by a reader of the specification: "one<U+2028>two three" in all three.
set -euo pipefail
LITELLM=1.106.0
HTTPX=0.28.1

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "litellm==$LITELLM" "httpx==$HTTPX"

cat >"$folder/probe.py" <<'PY'
"""A server that streams one answer with a separator in its text, and three LiteLLM providers as clients."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

TEXT = ""


def openai_frames():
    for delta, finish in (({"role": "assistant", "content": ""}, None), ({"content": TEXT}, None),
                          ({"content": " three"}, None), ({}, "stop")):
        yield {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
               "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def anthropic_frames():
    yield {"type": "message_start", "message": {
        "id": "m", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": None, "usage": {"input_tokens": 1, "output_tokens": 1}}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for text in (TEXT, " three"):
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    yield {"type": "content_block_stop", "index": 0}
    yield {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}
    yield {"type": "message_stop"}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        if self.path.endswith("/chat/completions"):
            frames = [f"data: {json.dumps(f, ensure_ascii=False)}\n\n" for f in openai_frames()]
            frames.append("data: [DONE]\n\n")
        else:
            frames = [f"event: {f['type']}\ndata: {json.dumps(f, ensure_ascii=False)}\n\n"
                      for f in anthropic_frames()]
        self.wfile.write("".join(frames).encode())

    def log_message(self, *args):
        pass


async def answer(model, base):
    import litellm

    stream = await litellm.acompletion(
        model=model, api_base=base, api_key="key", stream=True,
        messages=[{"role": "user", "content": "count"}])
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


async def main(url):
    global TEXT
    for separator in ("\u2028", "\u0085"):
        TEXT = f"one{separator}two"
        for model, base in (("openai/m", f"{url}/v1"), ("groq/m", f"{url}/v1"), ("anthropic/claude-haiku-4-5", url)):
            print(f"U+{ord(separator):04X} {model.split('/')[0]}: {ascii(await answer(model, base))}")


server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
asyncio.run(main(f"http://127.0.0.1:{server.server_port}"))
PY

cat >"$folder/expected" <<'TXT'
U+2028 openai: 'one\u2028two three'
U+2028 groq: ' three'
U+2028 anthropic: ''
U+0085 openai: 'one\x85two three'
U+0085 groq: ' three'
U+0085 anthropic: ''
TXT

LITELLM_LOCAL_MODEL_COST_MAP=True "$folder/venv/bin/python" "$folder/probe.py" 2>"$folder/errors" | tee "$folder/seen"
diff "$folder/expected" "$folder/seen" || { tail -5 "$folder/errors"; echo "The behaviour changed."; exit 1; }
echo "As described: litellm $LITELLM, httpx $HTTPX."
