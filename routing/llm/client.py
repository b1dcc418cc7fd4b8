"""LiteLLM, and the only module that imports it: requests built, prices known, errors named.

A thin client: LiteLLM's retries, fallbacks, caches, callbacks and logs are off. Importing this
module takes seconds, so it is loaded at boot, not by management commands.

What it does where LiteLLM would mislead:

1. A stream that closes without a finish becomes ``stop`` there; here it is ``ProviderStreamBroken``,
   told by ``received_finish_reason``, which only a provider's own words set.
2. Its connections outlive the loop they were made in; here each event loop has its own.
3. Its Anthropic iterator cannot be closed; here the HTTP response itself is, on every way out.
4. It posts again when a connection broke; a request sent twice may be billed twice, so never here.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Never
from weakref import WeakKeyDictionary

import httpx
from openai import AsyncOpenAI

from routing.domain import ModelKind, ModelRef, Timeouts
from routing.errors import ProviderStreamBroken
from routing.llm import metering
from routing.llm.errors import provider_errors
from routing.llm.images import fetched
from routing.llm.streams import closed_after, empty_answer, normal_finish, pieces
from routing.llm.types import ChatMessage, RawChunk, RawImage, RawText, Usage

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it fetches prices over HTTP
os.environ.setdefault("LITELLM_MODE", "PRODUCTION")  # else it reads .env into our environment
import litellm
from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

_opened: ContextVar[list[httpx.Response] | None] = ContextVar("opened", default=None)


def _quieten() -> None:
    """Nothing is printed, logged, sent home or tried again."""
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.turn_off_message_logging = True
    litellm.redact_messages_in_exceptions = True
    litellm.disable_streaming_logging = True
    litellm.success_callback = litellm.failure_callback = litellm.callbacks = []
    litellm.num_retries = 0
    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)


_quieten()


@dataclass(frozen=True, slots=True)
class Credential:
    """A provider's key and address; an empty ``base_url`` is the provider's own.

    ``base_url`` is as the provider's SDK has it: OpenAI's with ``/v1``, Anthropic's without.
    """

    api_key: str
    base_url: str = ""

    def __repr__(self) -> str:
        return f"Credential(api_key=…, base_url={self.base_url!r})"


class _OneShot(AsyncHTTPHandler):
    """LiteLLM's HTTP client without its second attempt at a broken connection."""

    async def single_connection_post_request(self, *_: Any, **__: Any) -> Never:
        raise sys.exception() or httpx.ConnectError("connection failed")


class _Wires:
    """The connections of one event loop."""

    def __init__(self, credentials: Mapping[str, Credential]) -> None:
        self._anthropic = _OneShot(follow_redirects=False, event_hooks={"response": [_remember]})
        self._openai = {
            provider: AsyncOpenAI(
                api_key=credential.api_key,
                base_url=credential.base_url or None,
                http_client=self._anthropic.client,
                max_retries=0,
            )
            for provider, credential in credentials.items()
            if provider == "openai" and credential.api_key
        }

    @property
    def http(self) -> httpx.AsyncClient:
        """The connections beneath both providers' clients."""
        return self._anthropic.client

    def client(self, provider: str) -> Any:
        """What LiteLLM takes as ``client`` for this provider; ``None`` where it brings its own."""
        return self._anthropic if provider == "anthropic" else self._openai.get(provider)

    async def aclose(self) -> None:
        await self._anthropic.client.aclose()


async def _remember(response: httpx.Response) -> None:
    box = _opened.get()
    if box is not None:
        box.append(response)


class LiteLLMClient:
    """Asks any model LiteLLM knows. Every method raises ``ProviderError`` and nothing else.

    ``credentials`` are by LiteLLM's provider names (``openai``, ``anthropic``); other providers'
    keys come from the environment variables LiteLLM documents. A client belongs to no event loop;
    ``aclose`` closes the connections of the running one.
    """

    def __init__(self, credentials: Mapping[str, Credential]) -> None:
        self._credentials = dict(credentials)
        self._secrets = tuple(item.api_key for item in credentials.values() if item.api_key)
        self._wires: WeakKeyDictionary[asyncio.AbstractEventLoop, _Wires] = WeakKeyDictionary()

    async def stream(
        self, model: ModelRef, messages: Sequence[ChatMessage]
    ) -> AsyncGenerator[RawChunk, None]:
        """The answer piece by piece; the last one alone carries ``finish_reason``.

        A pause is reported only by silence: the caller guards each step with its own time-out.
        Closing the generator, or cancelling a step, closes the connection to the provider.
        """
        opened: list[httpx.Response] = []
        with provider_errors(model, self._secrets):
            async with closed_after(opened), aclosing(self._read(model, messages, opened)) as read:
                async for chunk in read:
                    yield chunk

    async def complete_json(
        self, model: ModelRef, messages: Sequence[ChatMessage], schema: Mapping[str, Any] | None
    ) -> RawText:
        """A whole answer, as JSON of ``schema`` (name, schema, strict) where the model can.

        Without a schema, or for a model LiteLLM knows to have none, the messages alone ask for it.
        """
        with provider_errors(model, self._secrets):
            options = self._options(model.litellm_name, model.timeouts)
            if schema and "response_format" in _supported(model):
                options["response_format"] = {"type": "json_schema", "json_schema": dict(schema)}
            if schema:
                options["temperature"] = 0
            response = await litellm.acompletion(
                messages=_wire(messages), drop_params=True, **options, **_limit(model)
            )
            choice = response.choices[0]
            finish, text = normal_finish(choice.finish_reason), choice.message.content
            if not text:
                raise empty_answer(model.name, finish)
            return RawText(text, finish, self._usage(model, getattr(response, "usage", None)))

    async def image(self, model: ModelRef, prompt: str) -> RawImage:
        """One square picture, whichever way the provider hands it over."""
        with provider_errors(model, self._secrets):
            options = self._options(model.litellm_name, model.timeouts)
            if "dall-e" in model.litellm_name:  # newer models always send base64 and know no choice
                options["response_format"] = "b64_json"
            response = await litellm.aimage_generation(
                prompt=prompt, n=1, size="1024x1024", **options
            )
            item = response.data[0]
            data = await fetched(self._current().http, model.name, item.b64_json, item.url)
            return RawImage(data, item.revised_prompt, _image_usage(model, response))

    async def embed(
        self, litellm_name: str, texts: Sequence[str], dimensions: int | None = None
    ) -> list[list[float]]:
        """One vector per text, in their order, as the provider scales them."""
        model = ModelRef(litellm_name, litellm_name, "", ModelKind.EMBEDDING)
        with provider_errors(model, self._secrets):
            options = self._options(litellm_name, model.timeouts)
            if dimensions:
                options["dimensions"] = dimensions
            response = await litellm.aembedding(
                input=list(texts), encoding_format="float", **options
            )
            ordered = sorted(response.data, key=lambda item: item["index"])
            if len(ordered) != len(texts):
                raise ProviderStreamBroken(litellm_name, "another number of vectors than texts")
            return [[float(number) for number in item["embedding"]] for item in ordered]

    async def aclose(self) -> None:
        """Close this event loop's connections; a later call opens new ones."""
        wires = self._wires.pop(asyncio.get_running_loop(), None)
        if wires is not None:
            await wires.aclose()
        await close_litellm_async_clients()  # type: ignore[no-untyped-call]

    async def _read(
        self, model: ModelRef, messages: Sequence[ChatMessage], opened: list[httpx.Response]
    ) -> AsyncGenerator[RawChunk, None]:
        stream = await self._open(model, messages, opened)
        async with aclosing(pieces(stream, model.name)) as read:
            async for text in read:
                yield RawChunk(text)
        usages = [getattr(chunk, "usage", None) for chunk in stream.chunks]
        yield RawChunk(
            finish_reason=normal_finish(stream.received_finish_reason),
            usage=self._usage(model, next(filter(None, reversed(usages)), None)),
        )

    async def _open(
        self, model: ModelRef, messages: Sequence[ChatMessage], opened: list[httpx.Response]
    ) -> Any:
        options = self._options(model.litellm_name, model.timeouts)
        if _provider(model.litellm_name) == "openai":
            options["stream_options"] = {"include_usage": True}
        token = _opened.set(opened)
        try:
            return await litellm.acompletion(
                messages=_wire(messages), stream=True, **options, **_limit(model)
            )
        finally:
            _opened.reset(token)

    def _options(self, litellm_name: str, timeouts: Timeouts) -> dict[str, Any]:
        provider = _provider(litellm_name)
        options: dict[str, Any] = {
            "model": litellm_name,
            "num_retries": 0,
            "max_retries": 0,
            "timeout": httpx.Timeout(timeouts.total, connect=timeouts.connect),
        }
        credential = self._credentials.get(provider)
        if credential is not None:
            options["api_key"] = credential.api_key or None
            options["api_base"] = credential.base_url or None
            options["client"] = self._current().client(provider)
        return options

    def _current(self) -> _Wires:
        loop = asyncio.get_running_loop()
        wires = self._wires.get(loop)
        if wires is None:
            wires = self._wires[loop] = _Wires(self._credentials)
        return wires

    def priced(self, model: ModelRef, usage: Usage, told: Any = None) -> Usage:
        """The same usage with its cost: the model's own prices, else LiteLLM's list.

        ``told`` is the provider's usage object, which may know of cheaper, cached tokens.
        """
        listed = _listed(model.litellm_name, usage, told)
        return replace(usage, cost_usd=metering.cost(model, usage, listed))

    def _usage(self, model: ModelRef, told: Any) -> Usage | None:
        if told is None:
            return None
        return self.priced(model, Usage(told.prompt_tokens or 0, told.completion_tokens or 0), told)


def _provider(litellm_name: str) -> str:
    return str(litellm.get_llm_provider(litellm_name)[1])


def _supported(model: ModelRef) -> Sequence[str]:
    return litellm.get_supported_openai_params(model=model.litellm_name) or ()


def _listed(litellm_name: str, usage: Usage, told: Any) -> metering.ListPrice | None:
    try:
        asked, given = litellm.cost_per_token(
            model=litellm_name,
            prompt_tokens=usage.input_tokens,
            completion_tokens=usage.output_tokens,
            usage_object=told,
        )
    except Exception:  # noqa: BLE001 - a model without a price is told by several classes, bare Exception among them
        return None
    return Decimal(str(asked)), Decimal(str(given))


def _image_usage(model: ModelRef, response: Any) -> Usage | None:
    told = response.usage
    usage = Usage(told.input_tokens, told.output_tokens) if told else Usage()
    try:
        total = litellm.completion_cost(
            response, model=model.litellm_name, call_type="image_generation"
        )
    except Exception:  # noqa: BLE001 - as above
        listed = None
    else:
        listed = (Decimal(str(total)), Decimal(0))
    return replace(usage, cost_usd=metering.cost(model, usage, listed))


def _wire(messages: Sequence[ChatMessage]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in messages]


def _limit(model: ModelRef) -> dict[str, int]:
    return {"max_tokens": model.max_output_tokens} if model.max_output_tokens else {}
