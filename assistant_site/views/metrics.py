"""``GET /metrics`` in Prometheus' text format."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from conversations.api.dispatch import native
from conversations.bootstrap import container


@native
async def metrics(request: HttpRequest) -> HttpResponse:
    """This process's counters. With several workers, each answers for itself."""
    house = container()
    openness = {"open": 1.0, "half_open": 0.5}
    circuits = {each.model: openness.get(each.state, 0.0) for each in await house.circuits.states()}
    house.metrics.show(
        circuits=circuits,
        streams=house.stream_limits.open,
        background=house.background.running(),
    )
    body, content_type = house.metrics.render()
    return HttpResponse(body, content_type=content_type)
