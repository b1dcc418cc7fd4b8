#!/usr/bin/env bash
# The decorators of prometheus_client measure nothing of a coroutine function, and do not say so.
#
# Histogram.time(), Gauge.track_inprogress() and Counter.count_exceptions() are documented for functions, and take an
# `async def` without a word. Guessed before: the call is measured from its begin to its end, as with OpenTelemetry's
# decorator start_as_current_span, which knows coroutines. Seen: what is measured is the making of the coroutine. A call to a
# model of 200 ms is counted as some microseconds, no call is ever in progress, and no exception is counted. The
# same objects as a context manager inside of the function measure right.
#
# Seen with prometheus-client 0.26.0, opentelemetry-sdk 1.45.0, Python 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet prometheus-client==0.26.0 opentelemetry-sdk==1.45.0
"$folder/venv/bin/python" - <<'PY'
import asyncio
import sys

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = 0.2
registry, spans, provider = CollectorRegistry(), InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
tracer = provider.get_tracer("finding")
seconds = Histogram("seconds", "of calls", registry=registry)
running = Gauge("running", "calls", registry=registry)
failed = Counter("failed", "calls", registry=registry)


def value(name):
    return registry.get_sample_value(name)


@seconds.time()
async def timed():
    await asyncio.sleep(SECONDS)


@running.track_inprogress()
async def tracked():
    return value("running")


@failed.count_exceptions()
async def failing():
    raise ConnectionError


@tracer.start_as_current_span("call")
async def traced():
    await asyncio.sleep(SECONDS)


async def inside():
    with seconds.time(), running.track_inprogress():
        await asyncio.sleep(SECONDS)
        return value("running")


async def main():
    await timed()
    decorated = value("seconds_sum"), await tracked()
    await asyncio.gather(failing(), return_exceptions=True)
    await traced()
    in_progress = await inside()
    span = spans.get_finished_spans()[0]
    return {
        "decorated: seconds are there": decorated[0] >= SECONDS / 2,
        "decorated: in progress": decorated[1],
        "decorated: exceptions": value("failed_total"),
        "inside: seconds are there": value("seconds_sum") - decorated[0] >= SECONDS / 2,
        "inside: in progress": in_progress,
        "OpenTelemetry: seconds are there": (span.end_time - span.start_time) / 1e9 >= SECONDS / 2,
    }


seen = asyncio.run(main())
for name, each in seen.items():
    print(f"{name}: {each}")
expected = {
    "decorated: seconds are there": False,
    "decorated: in progress": 0.0,
    "decorated: exceptions": 0.0,
    "inside: seconds are there": True,
    "inside: in progress": 1.0,
    "OpenTelemetry: seconds are there": True,
}
sys.exit(0 if seen == expected else f"changed: {seen}, expected {expected}")
PY
