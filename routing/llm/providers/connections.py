"""Connections to the providers: one set per event loop, one exchange known to each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import httpx
from openai import AsyncOpenAI

from routing.domain.rules import Timeouts


@dataclass(frozen=True, slots=True)
class Credential:
    """A provider's key and address; an empty ``base_url`` is the provider's own.

    ``base_url`` is as the provider's SDK has it: OpenAI's with ``/v1``, Anthropic's without.
    """

    api_key: str
    base_url: str = ""

    def __repr__(self) -> str:
        return f"Credential(api_key=…, base_url={self.base_url!r})"


_connect: ContextVar[float | None] = ContextVar("connect", default=None)
_opened: ContextVar[list[httpx.Response] | None] = ContextVar("opened", default=None)


@contextmanager
def exchange(timeouts: Timeouts, opened: list[httpx.Response] | None = None) -> Iterator[None]:
    """What is sent inside connects within ``timeouts.connect``; its responses go to ``opened``.

    Never hold it across a ``yield``.
    """
    connect, responses = _connect.set(timeouts.connect), _opened.set(opened)
    try:
        yield
    finally:
        _connect.reset(connect)
        _opened.reset(responses)


def connect_within(timeout: float | httpx.Timeout | None) -> httpx.Timeout:
    """``timeout`` with the exchange's own limit for connecting."""
    if isinstance(timeout, httpx.Timeout):
        return timeout
    return httpx.Timeout(timeout, connect=_connect.get() or timeout)


async def remember(response: httpx.Response) -> None:
    """An httpx hook: keep the response, so that whoever asked can close it."""
    opened = _opened.get()
    if opened is not None:
        opened.append(response)


class Handler(Protocol):
    """LiteLLM's HTTP client, as far as it is needed here."""

    @property
    def client(self) -> httpx.AsyncClient:
        """The connections beneath."""
        ...


class _OneShotOpenAI(AsyncOpenAI):
    """Asks once. LiteLLM sets ``max_retries`` on a client it was given, to 2 where it forgot what it
    was told (pictures): every failed picture was asked for three times, and so was whatever else
    used the client at that moment."""

    @property
    def max_retries(self) -> int:
        """Always none."""
        return 0

    @max_retries.setter
    def max_retries(self, _: int) -> None:
        """Stays none."""


class Connections:
    """What LiteLLM takes as ``client``, by provider, for the running event loop."""

    def __init__(
        self, credentials: Mapping[str, Credential], make_handler: Callable[[], Handler]
    ) -> None:
        self._openai = credentials.get("openai")
        self._make_handler = make_handler
        self._loops: WeakKeyDictionary[
            asyncio.AbstractEventLoop, tuple[Handler, AsyncOpenAI | None]
        ] = WeakKeyDictionary()

    @property
    def http(self) -> httpx.AsyncClient:
        """The connections beneath both providers' clients."""
        return self._here()[0].client

    def client(self, provider: str) -> Any:
        """``None`` for a provider that LiteLLM brings its own connections for."""
        handler, openai = self._here()
        return {"anthropic": handler, "openai": openai}.get(provider)

    async def aclose(self) -> None:
        """Close this loop's connections; a later call opens new ones."""
        here = self._loops.pop(asyncio.get_running_loop(), None)
        if here is not None:
            await here[0].client.aclose()

    def _here(self) -> tuple[Handler, AsyncOpenAI | None]:
        loop = asyncio.get_running_loop()
        if loop not in self._loops:
            handler = self._make_handler()
            self._loops[loop] = (handler, self._openai_client(handler.client))
        return self._loops[loop]

    def _openai_client(self, http: httpx.AsyncClient) -> AsyncOpenAI | None:
        if self._openai is None or not self._openai.api_key:
            return None
        return _OneShotOpenAI(
            api_key=self._openai.api_key,
            base_url=self._openai.base_url or None,
            http_client=http,
            max_retries=0,
        )
