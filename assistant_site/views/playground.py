"""Playground: the page at ``/``, a small client of the public API."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def playground(request: HttpRequest) -> HttpResponse:
    """The page, without data: its script signs in and asks like any client of the API."""
    return render(request, "playground.html")
