"""Webhooks: signatures by Standard Webhooks (HMAC-SHA256 of id, time and body). Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix of all secrets, and none itself
LEAST_BYTES, MOST_BYTES = 24, 64


def signing_key(secret: str) -> bytes:
    """The key of a secret, ``whsec_`` and base64 of 24 to 64 bytes. Raises ``ValueError``."""
    if not secret.startswith(SECRET_PREFIX):
        raise ValueError(f"a secret begins with {SECRET_PREFIX}")
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    if not LEAST_BYTES <= len(key) <= MOST_BYTES:
        raise ValueError(f"a secret has {LEAST_BYTES} to {MOST_BYTES} bytes")
    return key


def signed_headers(key: bytes, name: str, seconds: int, body: bytes) -> Mapping[str, str]:
    """The headers of one call. ``name`` is the event's own, the same in each attempt; ``seconds`` are of
    the epoch."""
    told = b".".join((name.encode(), str(seconds).encode(), body))
    digest = base64.b64encode(hmac.digest(key, told, hashlib.sha256)).decode()
    return {
        "webhook-id": name,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{digest}",
    }
