"""``GET /metrics`` in Prometheus' text format."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from conversations.bootstrap import container


async def metrics(request: HttpRequest) -> HttpResponse:
    """This process's counters. With several workers, each answers for itself."""
    body, content_type = container().metrics.render()
    return HttpResponse(body, content_type=content_type)
