#!/usr/bin/env bash
# A stream of Claude that its reader stops leaves no span: OpenTelemetry's instrumentation of Anthropic's SDK
# (opentelemetry-instrumentation-anthropic) ends it only after the last event.
#
# People stop answers, connections break, and the tokens until then are billed. Guessed before: the span is written
# with what came, as the same project's instrumentation of OpenAI's SDK does. Seen: after `close()`, after `with` and
# a `break`, after a cancelled task and after an error of the reader there is no span at all, so that neither the
# call, nor its tokens, nor the error are in the trace or in any sum. OpenInference's writes it each time, with the
# usage of the first event. Of whole streams the first counts 21 output tokens where Anthropic says 20: it adds those
# of the first event (1) to those of the last (20), which are a sum already.
#
# Seen with opentelemetry-instrumentation-anthropic 0.62.4, openinference-instrumentation-anthropic 3.1.0, anthropic
# 2.14.0, opentelemetry-sdk 1.45.2, Python 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet opentelemetry-instrumentation-anthropic==0.62.4 anthropic==2.14.0 \
  openinference-instrumentation-anthropic==3.1.0 opentelemetry-sdk==1.45.2
cat >"$folder/trace.py" <<'PY'
import asyncio
import gc
import importlib
import json
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

logging.disable(logging.CRITICAL)
ASK = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 99}
FIRST = {"id": "m", "type": "message", "role": "assistant", "model": ASK["model"], "content": [], "stop_reason": None}
EVENTS = [
    {"type": "message_start", "message": FIRST | {"usage": {"input_tokens": 10, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}} for text in "abcdef"),
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 20}},
    {"type": "message_stop"},
]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write("".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in EVENTS).encode())

    def log_message(self, *_):
        pass


def whole(client, _):
    with client.messages.stream(**ASK) as stream:
        stream.get_final_message()


def closed(client, _):
    stream = client.messages.create(stream=True, **ASK)
    next(iter(stream))
    stream.close()


def left(client, _):
    with client.messages.stream(**ASK) as stream:
        for _text in stream.text_stream:
            break


def failed(client, _):
    try:
        with client.messages.stream(**ASK) as stream:
            for _text in stream.text_stream:
                raise ValueError
    except ValueError:
        pass


def cancelled(_, client):
    async def read(began):
        async with client.messages.stream(**ASK) as stream:
            async for _text in stream.text_stream:
                began.set()
                await asyncio.Event().wait()

    async def cancel():
        began = asyncio.Event()
        task = asyncio.create_task(read(began))
        await began.wait()
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(cancel())


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
spans, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
importlib.import_module(sys.argv[1]).AnthropicInstrumentor().instrument(tracer_provider=provider)
own = {"api_key": "none", "base_url": f"http://127.0.0.1:{server.server_port}"}
for reader in (whole, closed, left, failed, cancelled):
    reader(anthropic.Anthropic(**own), anthropic.AsyncAnthropic(**own))
    gc.collect()
    names = ("gen_ai.usage.output_tokens", "llm.token_count.completion")
    told = [next((span.attributes[name] for name in names if name in span.attributes), None) for span in spans.get_finished_spans()]
    spans.clear()
    print(f"{sys.argv[1]}, {reader.__name__}: {len(told)} span, output tokens {told}")
PY
cd "$folder"
for name in opentelemetry.instrumentation.anthropic openinference.instrumentation.anthropic; do
  venv/bin/python -W ignore trace.py "$name"
done | tee seen
cat >expected <<'END'
opentelemetry.instrumentation.anthropic, whole: 1 span, output tokens [21]
opentelemetry.instrumentation.anthropic, closed: 0 span, output tokens []
opentelemetry.instrumentation.anthropic, left: 0 span, output tokens []
opentelemetry.instrumentation.anthropic, failed: 0 span, output tokens []
opentelemetry.instrumentation.anthropic, cancelled: 0 span, output tokens []
openinference.instrumentation.anthropic, whole: 1 span, output tokens [20]
openinference.instrumentation.anthropic, closed: 1 span, output tokens [1]
openinference.instrumentation.anthropic, left: 1 span, output tokens [1]
openinference.instrumentation.anthropic, failed: 1 span, output tokens [1]
openinference.instrumentation.anthropic, cancelled: 1 span, output tokens [1]
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
