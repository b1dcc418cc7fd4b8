"""Django REST framework reading requests as the async path does: strict JSON, of a bounded size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from django.conf import settings
from rest_framework.exceptions import NotAcceptable, UnsupportedMediaType
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser

from conversations.api.requests import OBJECT
from conversations.domain.errors import BodyTooLarge, MalformedJSON
from routing.common.translatable import Translatable


class StrictJSONParser(BaseParser):
    """JSON by orjson, which knows how deep is too deep. The standard library's recursion ends in a
    crash instead, and it takes NaN and lone surrogates."""

    media_type = OBJECT

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The body. Raises ``BodyTooLarge``, ``MalformedJSON``."""
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge(Translatable("At most {most} bytes are taken.", most=limit))
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as exc:
            raise MalformedJSON("The body is not valid JSON in UTF-8.") from exc


class CarefulNegotiation(DefaultContentNegotiation):
    """The usual negotiation, which takes header parameters that cannot be read for the client's
    mistake instead of ours."""

    def select_renderer(self, *args: Any, **kwargs: Any) -> Any:
        """Raises ``NotAcceptable``."""
        try:
            return super().select_renderer(*args, **kwargs)
        except (ValueError, LookupError) as exc:
            raise NotAcceptable from exc

    def select_parser(self, request: Any, parsers: Any) -> Any:
        """Raises ``UnsupportedMediaType``."""
        try:
            return super().select_parser(request, parsers)
        except (ValueError, LookupError) as exc:
            raise UnsupportedMediaType(request.content_type) from exc
