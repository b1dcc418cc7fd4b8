"""Requests that Django cannot read by itself."""

from __future__ import annotations

from typing import Any

from django.core.handlers.asgi import ASGIHandler, ASGIRequest


class SiteRequest(ASGIRequest):
    """Django 5.2 crashes, before any view or error handler, over a parameter of Content-Type whose
    encoding is unknown. Here such a header has no parameters."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            super()._set_content_type_params(meta)  # type: ignore[misc]  # not in the stubs
        except ValueError:
            bare = meta.get("CONTENT_TYPE", "").partition(";")[0]
            super()._set_content_type_params({**meta, "CONTENT_TYPE": bare})  # type: ignore[misc]


class SiteHandler(ASGIHandler):
    """Django's application with ``SiteRequest``; ``django.setup()`` comes first."""

    request_class = SiteRequest
