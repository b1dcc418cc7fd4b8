"""Text generation: the node that has a chat model answer. Tokens go straight to the sink."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from functools import partial

from langgraph.runtime import Runtime

from conversations.engine.answer_moderation import AnswerModeration
from conversations.engine.guarded_answer import Watches
from conversations.engine.model_call import ModelCall, limited, model_call
from conversations.engine.ports import Context, Ports
from conversations.engine.speculation import Room
from conversations.engine.steps import step, tolerated
from conversations.engine.transcript import Transcript
from conversations.engine.types import Answer, State, Update
from routing.domain.errors import NoProviderAvailable
from routing.domain.llm import Meter
from routing.domain.rules import Decision

DECISION_GRACE = 1.0
"""Seconds that the ``Decided`` event may wait for a first token: a provider that fails at once is
replaced before its name is sent. A slow one is named meanwhile."""


async def generate(state: State, runtime: Runtime[Context]) -> Update:
    """Ask the decision's model, then its fallbacks, with the recent memory. Raises
    ``NoProviderAvailable``."""
    context = runtime.context
    state = limited(state)
    call = model_call(context.ports.system_prompt, state)
    moderator = context.ports.answer_moderator
    moderation = AnswerModeration(moderator, context.sink) if moderator else None
    transcript = Transcript(
        state,
        context.sink,
        shows_thoughts=context.ports.shows_thoughts,
        watches=_watches(context.ports, call),
        moderation=moderation,
        translate=context.ports.translate,
    )
    # From a timer and not from the loop below: a provider that is silent sends no event to react to.
    timer = asyncio.get_running_loop().call_later(DECISION_GRACE, transcript.send_decision)
    try:
        with step(context.sink, "generate", "span") as opened:
            room = moderation.room if moderation and moderation.holds else None
            work = _write(call, transcript, context, opened.meter, room)
            if moderation:
                transcript.moderated(await moderation.over(work))
            else:
                await work
            opened.output = transcript.text
    finally:
        timer.cancel()
    if transcript.calls and not state["turn"].requested_model:
        user, decision = state["turn"].user, transcript.decision
        context.sink.defer(partial(_remember_calls, user, transcript.calls, decision, context))
    answer = Answer(
        content=transcript.text,
        decision=transcript.decision,
        guard=transcript.reported(state["guard"]),
        cache=state["cache"],
        usage=opened.usage,
        finish_reason=transcript.finish_reason,
        thinking=tuple(transcript.thinking),
    )
    return {"answer": answer, "cacheable": transcript.cacheable}


async def _write(
    call: ModelCall, transcript: Transcript, context: Context, meter: Meter, room: Room | None
) -> None:
    """Have the call's models write the answer, to its end or to their refusal."""
    try:
        await _transcribe(call, transcript, context, meter, room)
        transcript.finish()
    except NoProviderAvailable as error:
        # A failure ends the run; a refusal is an answer, and no other model is asked for one.
        if not error.refused:
            raise
        transcript.refuse()


async def _transcribe(
    call: ModelCall, transcript: Transcript, context: Context, meter: Meter, room: Room | None
) -> None:
    """Take all events of the call, which may be under way already; each when there is ``room`` for it."""
    if await context.speculation.confirm(call, context.sink):
        await context.speculation.pass_on(transcript.take, meter, room)
        return
    stream = context.ports.chat.stream(
        call.candidates, call.messages, meter, call.options, shortens=call.shortens
    )
    # Closed, not left to the garbage collector: a cancelled turn stops the provider's call.
    async with aclosing(stream):
        async for event in stream:
            transcript.take(event)
            if room:
                await room()


def _watches(ports: Ports, call: ModelCall) -> Watches:
    """The filters of an answer. Instructions of the caller's own are no secret of this site."""
    if ports.output is None:
        return Watches()
    own = any(message.content == call.prompt for message in call.messages[:1])
    known = [message.content for message in call.messages[own:]]
    protected = call.prompt if own else ""
    return Watches(
        partial(ports.output.watch, known, protected),
        partial(ports.output.watch_call, known, protected),
    )


async def _remember_calls(
    user: int, calls: Sequence[str], decision: Decision, context: Context
) -> None:
    """Keep the maker of tool calls for the request that brings their results."""
    if context.ports.tool_calls:
        with tolerated(context.sink):
            await context.ports.tool_calls.remember(user, calls, decision)
