"""Circuits on the models' page: which model is given a moment, and a button that ends it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from routing.common.admin import Admin, M
from routing.common.redis.clients import sync_client
from routing.domain.errors import CircuitsUnavailable
from routing.llm.failover.circuit_states import CircuitAdmin


class CircuitsAdmin(Admin[M]):
    """A page with every circuit that has failures on it, below the rows."""

    list_after_template = "routing/admin/circuits.html"

    def get_urls(self) -> list[URLPattern]:
        reset = path(
            "circuit/",
            self.admin_site.admin_view(require_POST(self.circuit_view)),
            name="routing_circuit_reset",
        )
        return [reset, *super().get_urls()]

    def circuit_view(self, request: HttpRequest) -> HttpResponseRedirect:
        """Close the circuit of the posted ``model``: its next call goes through."""
        if not request.user.has_perm("routing.change_llmmodel"):
            raise PermissionDenied
        model = request.POST.get("model", "")
        try:
            with sync_client(settings.REDIS_URL) as client:
                CircuitAdmin(client, prefix=settings.REDIS_PREFIX).reset(model)
        except CircuitsUnavailable:
            messages.error(request, "Redis does not answer; each worker keeps its own circuits.")
        else:
            messages.success(request, f"“{model}” is asked again.")
        return HttpResponseRedirect(reverse("admin:routing_llmmodel_changelist"))


def circuits_context() -> dict[str, Any]:
    """What the template shows; ``circuits`` is ``None`` while Redis is away."""
    try:
        with sync_client(settings.REDIS_URL) as client:
            return {"circuits": CircuitAdmin(client, prefix=settings.REDIS_PREFIX).states()}
    except CircuitsUnavailable:
        return {"circuits": None}
