"""Discovery (OpenID Connect Discovery 1.0): the provider's own document says where its endpoints are.

mozilla-django-oidc reads its settings by name; ``setting`` answers from ours and from the document.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import requests
from django.conf import settings
from mozilla_django_oidc.utils import import_from_settings

SECONDS = 5.0
"""Time limit of one request to the provider."""
FRESH_SECONDS = 600.0
MAX_BYTES = 1_000_000

_ENDPOINTS = {
    "OIDC_OP_AUTHORIZATION_ENDPOINT": "authorization_endpoint",
    "OIDC_OP_TOKEN_ENDPOINT": "token_endpoint",
    "OIDC_OP_USER_ENDPOINT": "userinfo_endpoint",
    "OIDC_OP_JWKS_ENDPOINT": "jwks_uri",
}
_lock = threading.Lock()
_held: dict[str, tuple[float, dict[str, Any]]] = {}


class ProviderFault(Exception):
    """The identity provider cannot be reached, or its answer is none."""


def document() -> dict[str, Any]:
    """The issuer's document, at most ten minutes old. Raises ``ProviderFault``."""
    issuer = settings.OIDC_ISSUER
    with _lock:
        read_at, held = _held.get(issuer, (float("-inf"), {}))
        if time.monotonic() < read_at + FRESH_SECONDS:
            return held
        found = get_json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        # Mix-up: the document of another issuer must not lead to its endpoints.
        if found.get("issuer") != issuer:
            raise ProviderFault(f"the document at OIDC_ISSUER is that of {found.get('issuer')!r}")
        missing = [name for name in ("authorization_endpoint", "token_endpoint", "jwks_uri") if not isinstance(found.get(name), str)]  # fmt: skip
        if missing:
            raise ProviderFault(f"the provider's document has no {missing[0]}")
        _held[issuer] = (time.monotonic(), found)
        return found


def forget() -> None:
    """Read the document anew with the next sign-in."""
    _held.clear()


def get_json(url: str, *, bearer: str = "") -> dict[str, Any]:
    """A JSON object of the provider. Raises ``ProviderFault``."""
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    return json_of("GET", url, headers=headers)


def json_of(method: str, url: str, **sent: Any) -> dict[str, Any]:
    """The same for any request. Redirects are not followed: they could carry secrets elsewhere."""
    try:
        with requests.request(
            method, url, timeout=SECONDS, stream=True, allow_redirects=False, **sent
        ) as response:
            response.raw.decode_content = True
            body = response.raw.read(MAX_BYTES + 1)
            if response.status_code != 200 or len(body) > MAX_BYTES:
                raise ProviderFault(f"{url} answered {response.status_code}")
            response._content = body  # noqa: SLF001 - read within a limit, which requests has none for
            found = response.json()
    except (requests.RequestException, OSError, ValueError) as exc:
        raise ProviderFault(f"{url}: {type(exc).__name__}") from exc
    if not isinstance(found, dict):
        raise ProviderFault(f"{url} answered no object")
    return found


def setting(name: str, *default: Any) -> Any:
    """The value of one of mozilla-django-oidc's settings. Raises ``ProviderFault``."""
    if name in _ENDPOINTS:
        return document().get(_ENDPOINTS[name], "")
    ours = {
        "OIDC_RP_CLIENT_ID": settings.OIDC_CLIENT_ID,
        "OIDC_RP_CLIENT_SECRET": settings.OIDC_CLIENT_SECRET,
        "OIDC_RP_SCOPES": settings.OIDC_SCOPES,
        "OIDC_USE_PKCE": True,
        "OIDC_USE_NONCE": True,
        "OIDC_TIMEOUT": SECONDS,
    }
    return ours[name] if name in ours else import_from_settings(name, *default)
