"""LiteLLM as a client: requests built, prices known, errors named.

A thin client: LiteLLM's retries, fallbacks, caches, callbacks and logs are off. Importing this
module takes seconds, so it is loaded at boot, not by management commands.

Answers in the two wire formats that have a fast lane are read by ``fast_lane``; all others come from
``acompletion``. What is done where LiteLLM would mislead:

1. A stream that closes without a finish becomes ``stop`` there; here it is ``ProviderStreamBroken``,
   told by ``received_finish_reason``, which only a provider's own words set.
2. Its connections outlive the loop they were made in; here each event loop has its own.
3. Its Anthropic iterator cannot be closed; here the HTTP response itself is, on every way out.
4. It posts again when a connection broke; a request sent twice may be billed twice, so never here.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from decimal import Decimal
from typing import Any, Never

import httpx

from routing.domain import pricing as metering
from routing.domain.actions import ModelKind
from routing.domain.errors import ProviderStreamBroken
from routing.domain.llm import ChatMessage, RawChunk, RawImage, RawText, Usage
from routing.domain.rules import ModelRef, Timeouts
from routing.llm.providers.connections import (
    Connections,
    Credential,
    connect_within,
    exchange,
    remember,
)
from routing.llm.providers.errors import provider_errors
from routing.llm.providers.http_stream import FastLane
from routing.llm.providers.image_download import fetched
from routing.llm.providers.litellm import AsyncHTTPHandler, close_litellm_async_clients, litellm
from routing.llm.providers.streams import closed_after, empty_answer, normal_finish, pieces
from routing.llm.providers.wire_formats import WholeAnswer
from routing.llm.providers.wire_requests import (
    has_fast_lane,
    limit,
    named,
    supported,
    told_usage,
    wire_request,
)

__all__ = ["Credential", "LiteLLMClient"]


class _OneShot(AsyncHTTPHandler):
    """LiteLLM's HTTP client without its second attempt, and with a limit for connecting."""

    def __init__(self) -> None:
        super().__init__(follow_redirects=False, event_hooks={"response": [remember]})

    async def post(self, *args: Any, **kwargs: Any) -> Any:
        """LiteLLM passes Anthropic's time-out as one number for all phases."""
        kwargs["timeout"] = connect_within(kwargs.get("timeout"))
        return await super().post(*args, **kwargs)

    async def single_connection_post_request(self, *_: Any, **__: Any) -> Never:
        """What ``post`` does when a connection broke."""
        raise sys.exception() or httpx.ConnectError("connection failed")


class LiteLLMClient:
    """Asks any model LiteLLM knows. Every method raises ``ProviderError`` and nothing else.

    ``credentials`` are by LiteLLM's provider names (``openai``, ``anthropic``); other providers'
    keys come from the environment variables LiteLLM documents. ``fast_lane=False`` has all answers
    read by LiteLLM. A client belongs to no event loop; ``aclose`` closes the connections of the
    running one.
    """

    def __init__(self, credentials: Mapping[str, Credential], *, fast_lane: bool = True) -> None:
        self._credentials = dict(credentials)
        self._secrets = tuple(item.api_key for item in credentials.values() if item.api_key)
        self._connections = Connections(credentials, _OneShot)
        self._fast_lane = FastLane() if fast_lane else None

    async def stream(
        self, model: ModelRef, messages: Sequence[ChatMessage]
    ) -> AsyncGenerator[RawChunk, None]:
        """The answer piece by piece; the last one alone carries ``finish_reason``.

        A pause is reported only by silence: the caller guards each step with its own time-out.
        Closing the generator, or cancelling a step, closes the connection to the provider.
        """
        with provider_errors(model, self._secrets):
            async with aclosing(self._lane(model, messages)) as read:
                async for chunk in read:
                    yield chunk

    async def complete_json(
        self, model: ModelRef, messages: Sequence[ChatMessage], schema: Mapping[str, Any] | None
    ) -> RawText:
        """A whole answer, as JSON of ``schema`` (name, schema, strict) where the model can.

        Without a schema, or for a model LiteLLM knows to have none, the messages alone ask for it.
        """
        wanted: dict[str, Any] = {"temperature": 0} if schema else {}
        with provider_errors(model, self._secrets):
            if schema and "response_format" in supported(model.litellm_name):
                wanted["response_format"] = {"type": "json_schema", "json_schema": dict(schema)}
            told = await self._whole(model, messages, wanted)
            finish = normal_finish(told.finish)
            if not told.text:
                raise empty_answer(model.name, finish)
            return RawText(told.text, finish, self._usage(model, told.usage))

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
            data = await fetched(self._connections.http, model.name, item.b64_json, item.url)
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

    async def leave(self) -> None:
        """Close this client's own connections in this event loop; a later call opens new ones."""
        if self._fast_lane:
            await self._fast_lane.aclose()
        await self._connections.aclose()

    async def aclose(self) -> None:
        """The same at the end of an event loop: also close what LiteLLM opened for other providers,
        whoever asked them."""
        await self.leave()
        await close_litellm_async_clients()  # type: ignore[no-untyped-call]

    def _lane(
        self, model: ModelRef, messages: Sequence[ChatMessage]
    ) -> AsyncGenerator[RawChunk, None]:
        if self._fast_lane and has_fast_lane(model.litellm_name):
            return self._read_bytes(self._fast_lane, model, messages)
        return self._read_objects(model, messages)

    async def _whole(
        self, model: ModelRef, messages: Sequence[ChatMessage], wanted: Mapping[str, Any]
    ) -> WholeAnswer:
        """``usage`` is LiteLLM's."""
        if self._fast_lane and has_fast_lane(model.litellm_name):
            request = wire_request(model, _wire(messages), self._credentials, wanted)
            with named(model.litellm_name):
                told = await self._fast_lane.whole(request, model.name)
            return replace(told, usage=told_usage(model.litellm_name, told.usage))
        options = self._options(model.litellm_name, model.timeouts)
        with exchange(model.timeouts):
            response = await litellm.acompletion(
                messages=_wire(messages), drop_params=True, **options, **wanted, **limit(model)
            )
        choice = response.choices[0]
        usage = getattr(response, "usage", None)
        return WholeAnswer(choice.message.content or "", choice.finish_reason, usage)

    async def _read_bytes(
        self, lane: FastLane, model: ModelRef, messages: Sequence[ChatMessage]
    ) -> AsyncGenerator[RawChunk, None]:
        request = wire_request(model, _wire(messages), self._credentials)
        with named(model.litellm_name):
            async with aclosing(lane.stream(request, model.name)) as read:
                async for heard in read:
                    if isinstance(heard, RawChunk):
                        yield heard
                        continue
                    usage = told_usage(model.litellm_name, heard.usage)
                    yield RawChunk(
                        finish_reason=normal_finish(heard.finish), usage=self._usage(model, usage)
                    )

    async def _read_objects(
        self, model: ModelRef, messages: Sequence[ChatMessage]
    ) -> AsyncGenerator[RawChunk, None]:
        opened: list[httpx.Response] = []
        async with closed_after(opened):
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
        if "stream_options" in supported(model.litellm_name):
            options["stream_options"] = {"include_usage": True}
        with exchange(model.timeouts, opened):
            return await litellm.acompletion(
                messages=_wire(messages), stream=True, **options, **limit(model)
            )

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
            options["client"] = self._connections.client(provider)
        return options

    def continues(self, model: ModelRef) -> bool:
        """Whether the model goes on from a beginning of its answer, by LiteLLM's knowledge of it."""
        listed = litellm.model_cost.get(model.litellm_name.partition("/")[2] or model.litellm_name)
        return bool(listed and listed.get("supports_assistant_prefill"))

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
