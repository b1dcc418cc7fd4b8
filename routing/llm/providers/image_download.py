"""A picture of a provider's answer: downloaded or decoded within a bound, and checked by its bytes."""

from __future__ import annotations

import base64
import io
import warnings

import httpx
from PIL import Image

from routing.domain.errors import ProviderStreamBroken

MAX_BYTES = 32 * 1024 * 1024
MAX_PIXELS = 64 * 1024 * 1024
ALPHABET = bytes.maketrans(b"-_", b"+/")
_MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}


async def download_image(
    http: httpx.AsyncClient, model: str, encoded: str | None, url: str | None
) -> bytes:
    """The picture's bytes from base64, or from the address the provider gave.

    Raises ``ProviderStreamBroken`` when there is neither, or too much, and httpx's own errors.
    """
    if encoded or (url and url[:5].lower() == "data:"):
        return _decode(model, encoded or url or "")
    if not url:
        raise ProviderStreamBroken(model, "an answer without a picture")
    async with http.stream("GET", url) as response:
        response.raise_for_status()
        data = bytearray()
        async for part in response.aiter_bytes():
            data += part
            if len(data) > MAX_BYTES:
                raise ProviderStreamBroken(model, "the picture is too large")
    return bytes(data)


def _decode(model: str, encoded: str) -> bytes:
    """Base64 as servers write it: as a data URL or without, in lines, without padding, in the alphabet
    of addresses. Raises ``ProviderStreamBroken``."""
    if len(encoded) > 2 * MAX_BYTES:
        raise ProviderStreamBroken(model, "the picture is too large")
    if encoded[:5].lower() == "data:":
        encoded = encoded.partition(",")[2]
    try:
        plain = b"".join(encoded.encode("ascii").split()).translate(ALPHABET).rstrip(b"=")
        data = base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except ValueError as exc:  # of either codec
        raise ProviderStreamBroken(model, "the picture is not base64") from exc
    if len(data) > MAX_BYTES:
        raise ProviderStreamBroken(model, "the picture is too large")
    return data


def measure_image(model: str, data: bytes) -> tuple[str, int, int]:
    """Media type, width and height in pixels, read from the bytes themselves.

    Raises ``ProviderStreamBroken`` for anything but a whole PNG, JPEG or WebP of sane size.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=list(_MEDIA_TYPES)) as picture:
                kind, (width, height) = str(picture.format), picture.size
                picture.verify()
    except Exception as exc:  # pillow's decoders raise what they like on bad bytes
        raise ProviderStreamBroken(model, "the bytes are no picture") from exc
    if width * height > MAX_PIXELS:
        raise ProviderStreamBroken(model, "the picture is too large")
    return _MEDIA_TYPES[kind], width, height
