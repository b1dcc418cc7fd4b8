"""The page at ``/``: a small client of the public API, to try everything by hand."""

from __future__ import annotations

from csp.constants import NONE, SELF
from csp.decorators import csp_replace
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


# The site's policy leaves room for the admin's inline scripts. This page holds tokens and shows
# what models say: it gets none of that room.
@csp_replace(
    {
        "script-src": [SELF],
        "style-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
    }
)
@require_safe
def playground(request: HttpRequest) -> HttpResponse:
    """The page. It holds nobody's data: the script signs in and asks like any client."""
    return render(request, "playground.html")
