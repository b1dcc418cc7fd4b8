"""Provider client: streams answers, and gets whole answers, pictures and vectors, of any model.

The failover layer calls ``stream`` and ``image``, the classifier ``complete_json``, the embedder
``vectors``. A model with a row in ``registry`` takes the direct way: ``litellm`` builds its request,
``http_stream`` sends it, the provider's class reads the reply. Any other goes through
``litellm_calls``. The modules that import LiteLLM are loaded late: a client is there at once, and its
coroutines wait for them.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing, contextmanager, nullcontext
from functools import cached_property
from typing import Any

from routing.domain.abilities import needed_abilities
from routing.domain.llm import (
    ChatMessage,
    ChatOptions,
    EmbeddingInputs,
    ImageOptions,
    ModerationInput,
    RawChunk,
    RawImage,
    RawModeration,
    RawText,
    RawVectors,
    Usage,
)
from routing.domain.rules import ModelRef
from routing.llm.providers.answer_cleaner import AnswerCleaner
from routing.llm.providers.answer_text import leave_out_thoughts
from routing.llm.providers.base import (
    AnswerEnd,
    AnswerPiece,
    Credential,
    Provider,
    WholeAnswer,
    empty_answer,
)
from routing.llm.providers.credentials import Credentials
from routing.llm.providers.errors import to_provider_error
from routing.llm.providers.finish_reasons import FinishReason
from routing.llm.providers.http_stream import HTTPStreamClient
from routing.llm.providers.late import (
    litellm,
    litellm_calls,
    litellm_media,
    litellm_request,
    loaded,
)
from routing.llm.providers.read_ticks import ReadTicks, TickMode

__all__ = ["Credential", "ProviderClient", "provider_errors"]


class ProviderClient:
    """Every method raises ``ProviderError`` and nothing else. On an event loop ``loaded`` is awaited before
    any that is not a coroutine.

    ``credentials`` are by LiteLLM's provider names; other providers' keys come from the environment
    variables that LiteLLM documents. ``keys`` are those that models name, by their variables. ``fast_lane=False`` has LiteLLM read all answers; of the others,
    ``ticks`` says when reads are gathered. A client belongs to no event loop; ``aclose`` closes the
    connections of the running one.
    """

    def __init__(
        self,
        credentials: Mapping[str, Credential],
        *,
        keys: Mapping[str, str] | None = None,
        fast_lane: bool = True,
        ticks: TickMode = TickMode.AUTO,
    ) -> None:
        self._credentials = Credentials(credentials, keys)
        self._secrets = tuple(self._credentials.secrets())
        self._direct = fast_lane
        self._http = HTTPStreamClient(ticks)

    @cached_property
    def _calls(self) -> litellm_calls.LiteLLMCalls:
        return litellm_calls.LiteLLMCalls(self._credentials)

    async def loaded(self) -> None:
        """Wait until LiteLLM's names, prices and abilities of models are at hand: seconds, once a process."""
        await loaded()

    async def stream(
        self, model: ModelRef, messages: Sequence[ChatMessage], options: ChatOptions | None = None
    ) -> AsyncGenerator[RawChunk, None]:
        """The answer piece by piece; the last one alone carries ``finish_reason``.

        A pause is reported only by silence: the caller guards each step with its own time-out.
        Closing the generator, or cancelling a step, closes the connection to the provider.
        """
        await loaded()
        with provider_errors(model, self._secrets), self._error_names(model):
            provider = litellm.lookup(model.litellm_name)[1]
            calls_tools = bool((options or {}).get("tools"))
            answer = AnswerCleaner(model.name, provider, calls_tools=calls_tools)
            async with aclosing(self._parts(model, messages, options)) as read:
                async for part in read:
                    if isinstance(part, AnswerPiece):
                        yield answer.feed(part)
                    else:
                        rest, finish = answer.end(part.finish or FinishReason.OTHER)
                        if rest != RawChunk():
                            yield rest
                        usage = litellm.read_usage(model, part.usage)
                        yield RawChunk(finish_reason=finish.value, usage=usage)

    def _parts(
        self, model: ModelRef, messages: Sequence[ChatMessage], options: ChatOptions | None
    ) -> AsyncGenerator[AnswerPiece | AnswerEnd, None]:
        provider = self._direct_provider(model)
        if provider is None:
            return self._calls.stream(model, messages, options)
        credential = self._credentials.of(model, provider.name)
        streamed = {**(options or {}), "stream": True}
        request = litellm_request.build_request(provider, model, messages, credential, streamed)
        return self._http.stream(request, model.name)

    def _error_names(self, model: ModelRef) -> AbstractContextManager[None]:
        # LiteLLM names the error status, and the table of errors knows LiteLLM's names.
        if self._direct_provider(model) is None:
            return nullcontext()
        return litellm.refusals_named(model.litellm_name)

    async def complete_json(
        self, model: ModelRef, messages: Sequence[ChatMessage], schema: Mapping[str, Any] | None
    ) -> RawText:
        """A whole answer, as JSON of ``schema`` (name, schema, strict) where the model can.

        Without a schema, or for a model that LiteLLM knows to have none, the messages alone ask for it.
        """
        await loaded()
        options: dict[str, Any] = {"temperature": 0} if schema else {}
        with provider_errors(model, self._secrets):
            if schema and "response_format" in litellm_request.supported_parameters(
                model.litellm_name
            ):
                options["response_format"] = {"type": "json_schema", "json_schema": dict(schema)}
            answer = await self._whole(model, messages, options)
            text = leave_out_thoughts(answer.piece.text)
            if not text:
                raise empty_answer(model.name, answer.finish)
            usage = litellm.read_usage(model, answer.usage)
            return RawText(text, _word(answer.finish), usage)

    async def _whole(
        self, model: ModelRef, messages: Sequence[ChatMessage], options: Mapping[str, Any]
    ) -> WholeAnswer:
        provider = self._direct_provider(model)
        if provider is None:
            return await self._calls.whole(model, messages, options)
        credential = self._credentials.of(model, provider.name)
        request = litellm_request.build_request(provider, model, messages, credential, options)
        with litellm.refusals_named(model.litellm_name):
            return await self._http.whole(request, model.name)

    async def image(
        self, model: ModelRef, prompt: str, options: ImageOptions | None = None
    ) -> RawImage:
        """One picture, a square one without ``options``, by base64 or by an address."""
        await loaded()
        with provider_errors(model, self._secrets):
            return await self._calls.image(model, prompt, options or {})

    async def vectors(
        self, model: ModelRef, inputs: EmbeddingInputs, dimensions: int | None = None
    ) -> RawVectors:
        """One vector an input, in their order, with their usage."""
        await loaded()
        with provider_errors(model, self._secrets):
            return await self._calls.embed(model, inputs, dimensions)

    async def moderate(self, model: ModelRef, asked: ModerationInput) -> RawModeration:
        """One result a text, or one of the picture."""
        await loaded()
        with provider_errors(model, self._secrets):
            return await self._calls.moderate(model, asked)

    def has_key(self, model: ModelRef) -> bool:
        """Whether it or its provider has a key, or an address of its own, which may need none. True for
        providers that LiteLLM alone knows."""
        if self._credentials.missing(model):
            return False
        provider = litellm.direct_provider(model.litellm_name)
        credential = self._credentials.of(model, provider.name) if provider else None
        return credential is None or bool(credential.api_key or credential.base_url)

    def abilities(self, model: ModelRef) -> frozenset[str]:
        """The model's own, else those that LiteLLM knows of."""
        return frozenset(model.abilities) or litellm_request.known_abilities(model.litellm_name)

    def unsupported(
        self, model: ModelRef, options: ChatOptions, messages: Sequence[ChatMessage] = ()
    ) -> str | None:
        """The parameter that needs an ability which the model lacks, or the first option that it does not
        know, as far as LiteLLM knows."""
        if needed := needed_abilities(messages, options):
            able = self.abilities(model)
            lacking = next((name for ability, name in needed.items() if ability not in able), None)
            if lacking:
                return lacking
        if not options:
            return None
        with provider_errors(model, self._secrets):
            known = litellm_request.options_of(model.abilities)
            return next(
                (
                    name
                    for name, value in options.items()
                    if name not in known
                    and not litellm_request.understands(model.litellm_name, name, value)
                ),
                None,
            )

    def unsupported_picture_option(self, model: ModelRef, options: ImageOptions) -> str | None:
        """The option whose value the model does not take, as far as LiteLLM knows."""
        with provider_errors(model, self._secrets):
            return litellm_media.unsupported_picture_option(model.litellm_name, options)

    def takes_dimensions(self, model: ModelRef, dimensions: int) -> bool:
        """Whether the model's vectors may be of this length, as far as LiteLLM knows."""
        with provider_errors(model, self._secrets):
            return litellm_media.takes_dimensions(model.litellm_name, dimensions)

    def continues(self, model: ModelRef) -> bool:
        """Whether the model continues a partial answer, as far as LiteLLM knows."""
        return litellm.continues(model.litellm_name)

    def priced(self, model: ModelRef, usage: Usage) -> Usage:
        """The same usage with its cost: by the model's own prices, else by LiteLLM's list."""
        return litellm.priced(model, usage)

    @property
    def ticks(self) -> ReadTicks:
        """The ticks of reading in the running event loop."""
        return self._http.ticks

    async def leave(self) -> None:
        """Close this client's own connections in this event loop; a later call opens new ones."""
        await self._http.aclose()
        if "_calls" in vars(self):
            await self._calls.aclose()

    async def aclose(self) -> None:
        """``leave`` at the end of an event loop: closes also the connections that LiteLLM opened for
        other providers, for any client."""
        await self.leave()
        if "routing.llm.providers.litellm" in sys.modules:
            await loaded()
            await litellm.close_litellm_async_clients()  # type: ignore[no-untyped-call]

    def _direct_provider(self, model: ModelRef) -> Provider | None:
        return litellm.direct_provider(model.litellm_name) if self._direct else None


def _word(finish: FinishReason | None) -> str:
    return (finish or FinishReason.OTHER).value


@contextmanager
def provider_errors(model: ModelRef, secrets: Collection[str] = ()) -> Iterator[None]:
    """Turn every exception into a ``ProviderError``; cancellation passes untouched."""
    try:
        yield
    except Exception as exc:
        error = to_provider_error(exc, model, secrets)
        if error is exc:
            raise
        raise error from exc
