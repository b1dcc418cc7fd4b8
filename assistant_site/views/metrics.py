"""Metrics: ``GET /metrics`` in Prometheus' text format, or OpenMetrics with exemplars."""

from __future__ import annotations

import asyncio

from django.http import HttpRequest, HttpResponse

from assistant_site.http.refusals import REGISTRY
from conversations.api.responses import native
from conversations.bootstrap import container


@native
async def metrics(request: HttpRequest) -> HttpResponse:
    """The counters of this process: each worker has its own."""
    services = container()
    openness = {"open": 1.0, "half_open": 0.5}
    circuits = {
        each.model: openness.get(each.state, 0.0) for each in await services.circuits.states()
    }
    await asyncio.gather(services.write_probe.look(), services.queue_watch.look())
    services.metrics.show(
        writable=services.write_probe.database == "ok",
        circuits=circuits,
        streams=services.stream_limits.open,
        background=services.background.running(),
        tick=services.llm.ticks.tick,
        lag=services.llm.ticks.lag,
        events=services.lifecycle.events_waiting,
        queues=services.queue_watch.queues,
        drifting=services.queue_watch.drifting,
    )
    body, content_type = services.metrics.render(request.headers.get("Accept", ""), also=REGISTRY)
    return HttpResponse(body, content_type=content_type)
