"""What the site's pages may load, and where a path without its last slash leads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware
from django.http import HttpRequest, HttpResponseBase, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware
from django.utils.http import escape_leading_slashes

ROOM: Mapping[str, dict[str, list[str]]] = {
    # unfold is built on Alpine.js, which evaluates its attributes
    "/admin/": {
        "script-src": [SELF, UNSAFE_INLINE, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
    },
    # Swagger UI brings its own inline styles
    "/api/docs/": {"style-src": [SELF, UNSAFE_INLINE]},
}
"""What pages of others' making need beyond ``settings.CONTENT_SECURITY_POLICY``, by path."""


class PolicyMiddleware(CSPMiddleware):
    """The site's strict Content-Security-Policy, with ``ROOM`` where it is needed."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> Any:
        """The parts of one answer's policy."""
        parts = super().get_policy_parts(request, response, report_only)
        room = next((room for path, room in ROOM.items() if request.path.startswith(path)), None)
        if room:
            parts.replace = {**room, **(parts.replace or {})}
        return parts


class SamePostElsewhere(HttpResponsePermanentRedirect):
    """308: the client sends the same method and body to the other address."""

    status_code = 308


class SlashMiddleware(CommonMiddleware):
    """Django's, but a POST that misses its last slash keeps its body on the way to the right path."""

    response_redirect_class = SamePostElsewhere

    def get_full_path_with_slash(self, request: HttpRequest) -> str:
        """The path with its slash; never another site's address."""
        return escape_leading_slashes(request.get_full_path(force_append_slash=True))
