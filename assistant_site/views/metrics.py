"""Metrics: ``GET /metrics`` in Prometheus' text format."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from prometheus_client import generate_latest

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
    await services.write_probe.look()
    services.metrics.show(
        writable=services.write_probe.database == "ok",
        circuits=circuits,
        streams=services.stream_limits.open,
        background=services.background.running(),
        tick=services.llm.ticks.tick,
        lag=services.llm.ticks.lag,
    )
    body, content_type = services.metrics.render()
    return HttpResponse(body + generate_latest(REGISTRY), content_type=content_type)
