"""LiteLLM calls: answers that LiteLLM reads for us, pictures and vectors.

For providers without a row in ``registry``, and for all when the direct way is switched off. Where
LiteLLM would mislead:

1. A stream that closes without a finish becomes ``stop`` there; here it is ``ProviderStreamBroken``,
   because ``received_finish_reason`` is set by the provider's own finish reason only.
2. Its connections outlive the event loop they were made in; here each loop has its own.
3. Its Anthropic iterator cannot be closed; here the HTTP response itself is, on every way out.
4. It posts again when a connection broke; a request sent twice may be billed twice, so never here.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from typing import Any, Never
from weakref import WeakKeyDictionary

import httpx
from openai import AsyncOpenAI

from routing.common.text import clean_block
from routing.domain.errors import ProviderMisconfigured, ProviderStreamBroken
from routing.domain.llm import (
    ChatMessage,
    ChatOptions,
    EmbeddingInputs,
    ImageOptions,
    ModerationInput,
    RawImage,
    RawModeration,
    RawVectors,
)
from routing.domain.rules import ModelRef, Timeouts
from routing.llm.providers import litellm as adapter
from routing.llm.providers import litellm_request
from routing.llm.providers.answer_text import read_content
from routing.llm.providers.base import (
    MALFORMED,
    AnswerEnd,
    AnswerPiece,
    Credential,
    EventError,
    WholeAnswer,
)
from routing.llm.providers.credentials import NO_KEY, Credentials
from routing.llm.providers.finish_reasons import FinishReason, read_finish
from routing.llm.providers.image_download import download_image
from routing.llm.providers.litellm import AsyncHTTPHandler, litellm
from routing.llm.providers.litellm_media import embedding_usage, image_usage
from routing.llm.providers.litellm_reply import LiteLLMReply
from routing.llm.providers.litellm_wire import EventFilter
from routing.llm.providers.moderation_reply import (
    moderation_input,
    moderation_usage,
    read_results,
)
from routing.llm.providers.picture_stream import PictureStream
from routing.llm.providers.refusals import is_refusal
from routing.llm.providers.registry import PROVIDERS
from routing.llm.providers.response_filter import filter_usages, picture_stream

MOST_CREDENTIALS = 100
"""Clients that are kept for models with keys or addresses of their own; they share their connections."""
REVISED_PROMPT_CHARS = 4_000
"""Characters that are kept of a prompt as the provider drew it."""

_connect: ContextVar[float | None] = ContextVar("connect", default=None)
_opened: ContextVar[list[httpx.Response] | None] = ContextVar("opened", default=None)
_read_by: ContextVar[EventFilter | None] = ContextVar("read_by", default=None)


class LiteLLMCalls:
    """Requests through LiteLLM's public functions. Raises LiteLLM's errors, httpx's and ``ProviderError``."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Connections] = (
            WeakKeyDictionary()
        )

    async def stream(
        self, model: ModelRef, messages: Sequence[ChatMessage], options: ChatOptions | None = None
    ) -> AsyncGenerator[AnswerPiece | AnswerEnd, None]:
        """The pieces as they arrive, and last the finish and the usage."""
        opened: list[httpx.Response] = []
        try:
            with _refusals_kept(opened):
                reply = LiteLLMReply(model, adapter.lookup(model.litellm_name)[1])
                reply.take(await self._open(model, messages, options or {}, opened, reply.filter))
                async with aclosing(reply.pieces()) as pieces:
                    async for piece in pieces:
                        yield piece
            yield WholeAnswer(AnswerPiece(), reply.whole_finish(), reply.usage)
        finally:
            for response in opened:  # the provider stops writing
                await response.aclose()

    async def _open(
        self,
        model: ModelRef,
        messages: Sequence[ChatMessage],
        chosen: ChatOptions,
        opened: list[httpx.Response],
        read_by: EventFilter | None,
    ) -> Any:
        fitted = litellm_request.fitted_options(model, chosen, messages)
        wired, fitted = litellm_request.without_marks(
            model, litellm_request.wire_messages(model, messages), fitted
        )
        options = {**self._options(model), **fitted}
        if allowed := litellm_request.options_of(model.abilities) & fitted.keys():
            options["allowed_openai_params"] = sorted(allowed)
        if "stream_options" in litellm_request.supported_parameters(model.litellm_name):
            options["stream_options"] = {"include_usage": True}
        with _exchange(model.timeouts, opened, read_by):
            return await litellm.acompletion(
                messages=wired,
                stream=True,
                **options,
            )

    async def whole(
        self, model: ModelRef, messages: Sequence[ChatMessage], options: Mapping[str, Any]
    ) -> WholeAnswer:
        """An answer that is not streamed. ``usage`` is LiteLLM's object."""
        opened: list[httpx.Response] = []
        with _refusals_kept(opened), _exchange(model.timeouts, opened):
            response = await litellm.acompletion(
                messages=litellm_request.wire_messages(model, messages),
                drop_params=True,
                **self._options(model),
                **litellm_request.fitted_options(model, options),
            )
        choice = response.choices[0]
        finish = read_finish(choice.finish_reason)
        if finish is FinishReason.BROKEN:
            raise ProviderStreamBroken(model.name, "the provider broke its answer off")
        usage = getattr(response, "usage", None)
        piece = AnswerPiece(read_content(choice.message.content).text)
        return WholeAnswer(piece, finish, usage)

    async def image(self, model: ModelRef, prompt: str, chosen: ImageOptions) -> RawImage:
        """As ``ProviderClient.image``."""
        options = {**self._options(model), "size": "1024x1024", **chosen}
        if "dall-e" in model.litellm_name:  # newer models always send base64 and know no choice
            options["response_format"] = "b64_json"
        opened: list[httpx.Response] = []
        with (
            _picture_taken(model.name) as taken,
            _refusals_kept(opened),
            _exchange(model.timeouts, opened),
        ):
            response = await litellm.aimage_generation(prompt=prompt, n=1, **options)
        item = response.data[0]
        data = taken.take()
        if data is None:
            data = await download_image(self._here().http, model.name, item.b64_json, item.url)
        revised = clean_block(item.revised_prompt, REVISED_PROMPT_CHARS) or None
        return RawImage(data, revised, image_usage(model, response, chosen))

    async def embed(
        self, model: ModelRef, inputs: EmbeddingInputs, dimensions: int | None
    ) -> RawVectors:
        """As ``ProviderClient.vectors``."""
        options = self._options(model)
        if dimensions:
            options["dimensions"] = dimensions
        response = await litellm.aembedding(input=list(inputs), encoding_format="float", **options)
        ordered = sorted(response.data, key=lambda item: item["index"])
        if len(ordered) != len(inputs):
            raise ProviderStreamBroken(model.name, "another number of vectors than texts")
        vectors = [[float(number) for number in item["embedding"]] for item in ordered]
        return RawVectors(vectors, embedding_usage(model, response))

    async def moderate(self, model: ModelRef, asked: ModerationInput) -> RawModeration:
        """As ``ProviderClient.moderate``, of any provider in OpenAI's form.

        With the SDK that LiteLLM would call: LiteLLM sends OpenAI's key to every provider, tries again, and has
        pydantic warn of a reply in another form, with its values. It knows the address alone.
        """
        name, provider, _, address = adapter.lookup(model.litellm_name)
        known = self._credentials.of(model, provider) or Credential(NO_KEY)
        credential = Credential(known.api_key or NO_KEY, known.base_url or address or "")
        if provider != "openai" and not credential.base_url:  # the SDK would ask OpenAI
            raise ProviderMisconfigured(model.name, f"{provider} has no endpoint of this form")
        limits = httpx.Timeout(model.timeouts.total, connect=model.timeouts.connect)
        endpoint = self._here().openai(credential).moderations.with_raw_response
        reply = await endpoint.create(input=moderation_input(asked), model=name, timeout=limits)
        try:
            results = read_results(reply.http_response.content, asked.parts)
        except MALFORMED as exc:
            raise ProviderStreamBroken(model.name, "no word on what was asked") from exc
        return RawModeration(results, moderation_usage(model, "".join(asked.texts)))

    async def aclose(self) -> None:
        """Close this loop's connections; a later call opens new ones."""
        connections = self._loops.pop(asyncio.get_running_loop(), None)
        if connections is not None:
            await connections.http.aclose()

    def _options(self, model: ModelRef) -> dict[str, Any]:
        provider = adapter.lookup(model.litellm_name)[1]
        options: dict[str, Any] = {
            "model": model.litellm_name,
            "num_retries": 0,
            "_skip_mcp_handler": True,  # it imports packages of LiteLLM's proxy, which are not installed
            "max_retries": 0,
            "timeout": httpx.Timeout(model.timeouts.total, connect=model.timeouts.connect),
        }
        credential = self._credentials.of(model, provider)
        if credential is not None:
            options["api_key"] = credential.api_key or None
            options["api_base"] = credential.base_url or None
            if client := self._here().client(provider, credential):
                options["client"] = client
        return options

    def _here(self) -> _Connections:
        loop = asyncio.get_running_loop()
        if loop not in self._loops:
            self._loops[loop] = _Connections()
        return self._loops[loop]


@contextmanager
def _picture_taken(model: str) -> Iterator[PictureStream]:
    """Take the picture out of the replies in the block. Raises ``ProviderStreamBroken`` for one that is
    no picture: LiteLLM only finds JSON that ends early."""
    taken = PictureStream()
    token = picture_stream.set(taken)
    try:
        yield taken
    except Exception as exc:
        if taken.fault:
            raise ProviderStreamBroken(model, taken.fault) from exc
        raise
    finally:
        picture_stream.reset(token)


class _Connections:
    """One event loop's connections, in the kinds that LiteLLM takes as ``client``."""

    def __init__(self) -> None:
        self._handler = _OneShotHandler()
        self.http: httpx.AsyncClient = self._handler.client
        self._sdks: dict[Credential, _OneShotOpenAI] = {}

    def client(self, provider: str, credential: Credential) -> Any:
        """``None`` for a provider that LiteLLM brings its own connections for."""
        kind = _kind(provider)
        if kind == "handler":
            return self._handler
        return self.openai(credential) if kind == "openai_sdk" and credential.api_key else None

    def openai(self, credential: Credential) -> AsyncOpenAI:
        """OpenAI's SDK, for any server of its form."""
        if credential not in self._sdks:
            if len(self._sdks) >= MOST_CREDENTIALS:  # of models that were changed since
                self._sdks.clear()
            self._sdks[credential] = _OneShotOpenAI(
                api_key=credential.api_key,
                base_url=credential.base_url or None,
                http_client=self.http,
                max_retries=0,
            )
        return self._sdks[credential]


def _kind(provider: str) -> str | None:
    return PROVIDERS[provider].litellm_client if provider in PROVIDERS else None


class _OneShotHandler(AsyncHTTPHandler):
    """LiteLLM's HTTP client without its second attempt, and with a limit for connecting."""

    def __init__(self) -> None:
        super().__init__(
            follow_redirects=False, event_hooks={"response": [filter_usages, _keep_response]}
        )

    async def post(self, *args: Any, **kwargs: Any) -> Any:
        """LiteLLM passes Anthropic's time-out as one number for all phases."""
        timeout = kwargs.get("timeout")
        if not isinstance(timeout, httpx.Timeout):
            kwargs["timeout"] = httpx.Timeout(timeout, connect=_connect.get() or timeout)
        return await super().post(*args, **kwargs)

    async def single_connection_post_request(self, *_: Any, **__: Any) -> Never:
        """``post`` calls this when a connection broke."""
        raise sys.exception() or httpx.ConnectError("connection failed")


class _OneShotOpenAI(AsyncOpenAI):
    """Asks once. LiteLLM sets ``max_retries`` on a client it was given, to 2 where it lost the option
    (pictures): every failed picture was requested three times, and so was any other request of the
    client at that moment."""

    @property
    def max_retries(self) -> int:
        """Always none."""
        return 0

    @max_retries.setter
    def max_retries(self, _: int) -> None:
        """Stays none."""


@contextmanager
def _exchange(
    timeouts: Timeouts,
    opened: list[httpx.Response] | None = None,
    read_by: EventFilter | None = None,
) -> Iterator[None]:
    """Requests sent inside connect within ``timeouts.connect``; their responses go to ``opened``, and
    through ``read_by``.

    Never hold it across a ``yield``.
    """
    connect, responses = _connect.set(timeouts.connect), _opened.set(opened)
    filters = _read_by.set(read_by)
    try:
        yield
    finally:
        _connect.reset(connect)
        _opened.reset(responses)
        _read_by.reset(filters)


async def _keep_response(response: httpx.Response) -> None:
    """An httpx hook: keep the response, so that the caller can close it and read its JSON."""
    opened = _opened.get()
    if opened is not None:
        if _is_json(response):
            await response.aread()
        opened.append(response)
    read_by = _read_by.get()
    if read_by is not None and response.status_code == 200:
        read_by.attach(response)


def _is_json(response: httpx.Response) -> bool:
    return "json" in response.headers.get("content-type", "")


@contextmanager
def _refusals_kept(opened: list[httpx.Response]) -> Iterator[None]:
    """Raise a refusal with status 200 as ``EventError``: LiteLLM keeps little of a report, or nothing."""
    try:
        yield
    except Exception as exc:
        for report in (response.text for response in opened if _is_json(response)):
            if is_refusal(report):
                raise EventError(report) from exc
        raise
