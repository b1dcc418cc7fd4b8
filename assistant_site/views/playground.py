"""The page at ``/``: a small client of the public API, to try everything by hand."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def playground(request: HttpRequest) -> HttpResponse:
    """The page. It holds nobody's data: the script signs in and asks like any client."""
    return render(request, "playground.html")
