"""Provider check: one cheap call to each provider that has a key, to tell early what is wrong with it.

The call lists the provider's models. Used at the start of the site, by ``/readyz`` and by ``manage.py doctor``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import httpx
from yarl import URL

from routing.domain.actions import ModelKind
from routing.domain.errors import KIND_WORDS, ErrorKind
from routing.domain.rules import ModelRef
from routing.llm.providers.base import Credential, Provider
from routing.llm.providers.errors import to_provider_error
from routing.llm.providers.http_stream import proxy_of
from routing.llm.providers.registry import PROVIDERS

SECONDS = 10.0
"""Time limit of one call."""
_MOST_BYTES = 4_000_000
_MOST_NAMES = 10_000


@dataclass(frozen=True, slots=True)
class ProviderCheck:
    """Result of one call. ``models`` are the provider's own names, ``None`` where it told no list;
    ``clock_seconds`` is our clock minus the provider's."""

    provider: str
    kind: ErrorKind | None = None
    host: str = ""
    models: frozenset[str] | None = None
    clock_seconds: float | None = None

    @property
    def words(self) -> str:
        """The fault in a sentence such as "OpenAI: key refused (401)"; empty where there is none."""
        return in_words(self.provider, self.kind, self.host) if self.kind else ""

    def lacks(self, litellm_name: str) -> bool:
        """Whether the provider lists models, and not this one. A name without its date is an alias."""
        name = litellm_name.partition("/")[2] or litellm_name
        name = name.removesuffix("-latest")
        listed = self.models or ()
        return bool(listed) and not any(one == name or one.startswith(f"{name}-") for one in listed)


def in_words(provider: str, kind: ErrorKind, host: str = "") -> str:
    """A failure of one provider in words, such as "OpenAI: host:443 cannot be reached"."""
    title = PROVIDERS[provider].title if provider in PROVIDERS else provider
    subject = f"{host} " if kind == "unreachable" and host else ""
    return f"{title}: {subject}{KIND_WORDS[kind]}"


def host_of(provider: str, credentials: Mapping[str, Credential]) -> str:
    """Host and port of a provider's address; empty for a provider without a row."""
    if provider not in PROVIDERS:
        return ""
    credential = credentials.get(provider, Credential(""))
    url = httpx.URL(PROVIDERS[provider].endpoint(credential.base_url))
    return f"{url.host}:{url.port}" if url.port else url.host


def keyed(credentials: Mapping[str, Credential]) -> Iterable[str]:
    """Providers with a key or an address of their own."""
    return [name for name, one in credentials.items() if one.api_key or one.base_url]


async def check_providers(credentials: Mapping[str, Credential]) -> list[ProviderCheck]:
    """Ask each provider that has a key, all at once. Never raises for a failure of theirs."""
    checks = [_check(PROVIDERS[name], credentials[name]) for name in keyed(credentials)]
    return await asyncio.gather(*checks)


async def _check(provider: Provider, credential: Credential) -> ProviderCheck:
    name, host = provider.name, host_of(provider.name, {provider.name: credential})
    model = ModelRef(provider.title, provider.name, name, ModelKind.CHAT)
    try:
        async with asyncio.timeout(SECONDS):
            response = await _list_models(provider, credential)
    # Whatever the provider, its address or the way to it do wrong is the result.
    except Exception as exc:  # noqa: BLE001 - see above
        error = to_provider_error(exc, model, [credential.api_key])
        # Servers that speak OpenAI's format need not list their models: they have answered.
        kind = None if error.kind == "no_such_model" else error.kind
        return ProviderCheck(name, kind, host)
    return ProviderCheck(name, None, host, _names(response), _clock(response))


async def _list_models(provider: Provider, credential: Credential) -> httpx.Response:
    url, headers = provider.models_request(credential)
    # Not httpx's client: httpcore 1.0 leaves the socket open of a TLS handshake that is cancelled.
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=httpx.create_ssl_context()),
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session,
        session.get(url, headers=headers, allow_redirects=False, **proxy_of(URL(url))) as response,
    ):
        body = b""
        async for part in response.content.iter_any():
            body += part
            if len(body) > _MOST_BYTES:
                break
        date, asked = {"date": response.headers.get("date", "")}, httpx.Request("GET", url)
        whole = httpx.Response(response.status, headers=date, content=body, request=asked)
        if not whole.is_success:
            raise httpx.HTTPStatusError(whole.text, request=whole.request, response=whole)
        return whole


def _names(response: httpx.Response) -> frozenset[str] | None:
    try:
        listed: Any = response.json()["data"]
        return frozenset(str(one["id"]) for one in listed[:_MOST_NAMES]) or None
    except (ValueError, KeyError, TypeError):
        return None


def _clock(response: httpx.Response) -> float | None:
    try:
        told = parsedate_to_datetime(response.headers["date"])
    except (ValueError, KeyError):
        return None
    return time.time() - told.replace(tzinfo=told.tzinfo or UTC).timestamp()
