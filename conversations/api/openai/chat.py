"""``POST /v1/chat/completions``: the caller's chat is answered by the rules, or by a model that it names.

A client that leaves stops the answer, unless others have joined it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponseBase

from conversations.api.abilities import lacking_options
from conversations.api.openai.answering import (
    Answered,
    AnswerReading,
    limited_response,
    streamed_answer,
    whole_answer,
)
from conversations.api.openai.calls import checked_prompt, open_call
from conversations.api.openai.chat_encoder import ChunkEncoder, completion_object
from conversations.api.openai.chat_order import places_of_parts
from conversations.api.openai.chat_request import (
    CompletionRequest,
    parse_completion_request,
)
from conversations.api.openai.errors import ParameterFault
from conversations.api.openai.parameters import name_ignored
from conversations.api.responses import native
from conversations.bootstrap import Container
from conversations.domain.api_keys import Scope
from conversations.engine.types import CallerChat
from conversations.runs.run import account_of
from routing.domain.errors import OptionUnsupported
from routing.domain.rules import RuleSet

FORMS = frozenset({"tools", "tool_choice", "response_format"})
MAX_PROMPT_CHARS = 1_000_000
"""Characters of the last user text, which the guard reads: some 250,000 tokens."""


@native
async def complete(request: HttpRequest) -> HttpResponseBase:
    """Answer a chat."""
    call = await open_call(request, Scope.CHAT)
    parts, caller = call.parts, call.caller
    asked, ignored = parse_completion_request(call.json, lenient=call.lenient)
    # What costs nothing is checked before the call is counted.
    caller.require_model(asked.requested_model)
    check_prompt(asked)
    release = await parts.rules.for_person(caller.user)
    release = caller.narrowed(release, asked.requested_model)
    chat = asked.caller_chat(call.end_user(asked.safety_identifier, asked.user))
    rules = release.rules_for(caller.user)
    chat, dropped = await taken_chat(parts, rules, asked, chat, lenient=call.lenient)
    noted = call.noted(asked.metadata, asked.safety_identifier, asked.user)
    model, key = asked.requested_model, call.key
    turn = call.turn(asked.prompt, release, model=model, chat=chat, noted=noted)

    async def begin(counting: Awaitable[None]) -> AnswerReading:
        joined = await parts.joining.join(key, turn, counting)
        return AnswerReading(joined, parts.joining.follow(joined), "messages")

    async def answer(reading: AnswerReading) -> Answered:
        if asked.stream:
            return await streamed_answer(parts, request, reading, _encoder(asked, reading))

        def render(message: Mapping[str, Any]) -> Mapping[str, Any]:
            made = (message, reading.created, reading.seen)
            return completion_object(*made, forces_form=asked.forces_form)

        return await whole_answer(reading, render)

    response = await limited_response(parts, account_of(turn), begin, answer)
    name_ignored(response, ignored + dropped)
    return response


def _encoder(asked: CompletionRequest, reading: AnswerReading) -> ChunkEncoder:
    usage = bool(asked.stream_options and asked.stream_options.include_usage)
    return ChunkEncoder(
        reading.joined.message,
        reading.created,
        asked.model,
        include_usage=usage,
        forces_form=asked.forces_form,
    )


def check_prompt(asked: CompletionRequest) -> None:
    """Raises ``ParameterFault`` at the message of the prompt."""
    if not asked.asks_without_words:
        checked_prompt(asked.prompt, asked.prompt_path, max_chars=MAX_PROMPT_CHARS)


async def taken_chat(
    parts: Container,
    rules: RuleSet,
    asked: CompletionRequest,
    chat: CallerChat,
    *,
    lenient: bool,
) -> tuple[CallerChat, list[str]]:
    """The request's ``chat`` with the parameters that a model takes, and the names of dropped parameters, which
    needs ``lenient``. Tools and formats stay: an answer without them would be another one. Raises as
    ``check_model`` does."""
    dropped: list[str] = []
    while True:
        try:
            await check_model(parts, rules, asked, chat)
        except OptionUnsupported as error:
            if not lenient or error.option not in chat.options or error.option in FORMS:
                raise
            dropped.append(error.option)
            rest = {name: chat.options[name] for name in chat.options if name not in dropped}
            chat = replace(chat, options=rest)
        else:
            return chat, dropped


async def check_model(
    parts: Container, rules: RuleSet, asked: CompletionRequest, chat: CallerChat
) -> None:
    """A model that was named answers with all parameters, or not at all; the rules need one that does.
    ``chat`` is the request's. Raises ``ModelUnknown``, ``OptionUnsupported`` and ``ParameterFault``."""
    found = await lacking_options(parts, rules, asked.requested_model, chat)
    if found and (option := found[0][1]) and all(lacking for _, lacking in found):
        error = OptionUnsupported(option, [model for model, _ in found])
        places = [*places_of_parts(asked.messages).values()]
        if option == "messages" and places:
            raise ParameterFault(places[0], str(error), error.code)
        custom = (at for at, tool in enumerate(asked.tools or ()) if tool.type == "custom")
        if option == "tools" and (first := next(custom, None)) is not None:
            raise ParameterFault(f"tools[{first}].type", str(error), error.code)
        raise error
