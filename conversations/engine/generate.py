"""The node that has a model answer. Tokens go straight to the sink, not through the graph."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import assert_never

from langgraph.runtime import Runtime

from conversations.engine.events import Decided, Noticed, Reset, Token
from conversations.engine.nodes import Update
from conversations.engine.ports import Context, Sink
from conversations.engine.refusals import provider_refusal, provider_refused
from conversations.engine.state import State
from conversations.engine.steps import step
from conversations.engine.text_cleaner import Cleaner
from conversations.engine.types import Answer
from routing.domain.errors import NoProviderAvailable
from routing.domain.llm import (
    AnsweringModel,
    ChatMessage,
    Completed,
    Continued,
    GenerationEvent,
    Shortened,
    Switched,
    TextDelta,
)
from routing.domain.rules import Decision, ModelRef

DECISION_GRACE = 1.0
"""Seconds that the ``Decided`` event may wait for a first token: a provider that fails at once is
then replaced before anybody was told its name. A slow one is named meanwhile."""


class Transcript:
    """What a generation has said so far, and what listeners have been told of it."""

    def __init__(self, state: State, sink: Sink) -> None:
        self._state, self._sink = state, sink
        self._told = state.get("told", False)
        self._pieces: list[str] = []
        self._notices: list[Noticed] = []
        self.decision: Decision = state["decision"]
        self._switched: Switched | None = None
        self._asked: ModelRef | None = None
        self._cleaner = Cleaner()
        self.pieced = False
        """Whether it was begun more than once, or with less than the whole conversation."""
        self.finish_reason = "stop"

    @property
    def text(self) -> str:
        """The answer since the last reset."""
        return "".join(self._pieces)

    def tell_decision(self) -> None:
        """Emit ``Decided``, once."""
        if not self._told:
            self._told = True
            self._sink.emit(Decided(self.decision, self._state["cache"], self._state["guard"]))
            for notice in self._notices:
                self._sink.emit(notice)

    def take(self, event: GenerationEvent) -> None:
        """Pass one event of the chat on to the listeners."""
        match event:
            case TextDelta(text):
                text = self._cleaner.clean(text)
                self._pieces.append(text)
                self._sink.emit(Token(text))
            case AnsweringModel(model):
                self.decision = self.decision.answered_by(model)
                self._start_over()
                self.tell_decision()
            case Switched():
                self._switch(event)
            case Continued(model):
                self.pieced = True
                self._notice("provider_continued", f"{model.name} broke off and goes on.")
            case Shortened(dropped=dropped):
                self.pieced = True
                detail = (
                    f"The conversation is too long: its {dropped} oldest messages are left out."
                )
                self._notice("context_shortened", detail)
            case Completed(finish_reason=finish_reason):
                self.finish_reason = finish_reason
            case _:
                assert_never(event)

    def refuse(self) -> None:
        """The last model's provider said no: its kind refusal is the answer, and all of it."""
        before = self.decision.model or ""
        if self._asked:
            self.decision = self.decision.answered_by(self._asked)
        self.decision = provider_refused(self.decision)
        self._discard("provider_refused", before, self.decision.model or before)
        if self._told:
            self._notice("provider_refused", "The model's provider declined to answer this.")
        self.tell_decision()
        self.finish_reason = "content_filter"
        self.take(TextDelta(provider_refusal()))

    def _switch(self, event: Switched) -> None:
        self._asked = event.to_model
        if self._told:
            self._switched = self._switched or event
        else:
            self.decision = self.decision.answered_by(event.to_model)

    def _start_over(self) -> None:
        """Tell of a switch, now that the other model speaks: until then the text so far is all there
        is, and should nobody speak again it is kept."""
        event, self._switched = self._switched, None
        if event is None:
            return
        names = event.from_model.name, self.decision.model or event.to_model.name
        discarded = self._discard(event.reason, *names)
        if discarded or names[0] != names[1]:
            self._notice("provider_failover", _switched(event.reason, *names))

    def _discard(self, reason: str, from_model: str, to_model: str) -> bool:
        if not self._pieces:
            return False
        self.pieced = True
        self._pieces.clear()
        self._cleaner = Cleaner()
        self._sink.emit(Reset(reason, from_model, to_model))
        return True

    def _notice(self, code: str, detail: str) -> None:
        """Tell it, but not before the decision."""
        notice = Noticed(code, detail)
        if self._told:
            self._sink.emit(notice)
        else:
            self._notices.append(notice)


def _switched(reason: str, from_model: str, to_model: str) -> str:
    if from_model == to_model:
        return f"{from_model} broke off and starts over."
    if reason == "slow_first_token":
        return f"{from_model} is slow; {to_model} answers instead."
    return f"{from_model} broke off; {to_model} answers instead."


async def generate(state: State, runtime: Runtime[Context]) -> Update:
    """Ask the decision's model, then its fallbacks, with the recent memory."""
    context = runtime.context
    candidates = state["rules"].candidates(state["decision"])
    messages = chat_messages(context.ports.system_prompt, state)
    said = Transcript(state, context.sink)
    timer = asyncio.get_running_loop().call_later(DECISION_GRACE, said.tell_decision)
    try:
        with step(context.sink, "generate", "span") as opened:
            stream = context.ports.chat.stream(candidates, messages, opened.meter)
            try:
                async with aclosing(stream):
                    async for event in stream:
                        said.take(event)
            except NoProviderAvailable as error:
                if not error.refused:
                    raise
                said.refuse()
            opened.output = said.text
    finally:
        timer.cancel()
    answer = Answer(
        content=said.text,
        decision=said.decision,
        guard=state["guard"],
        cache=state["cache"],
        usage=opened.usage,
        finish_reason=said.finish_reason,
    )
    return {"answer": answer, "reset": said.pieced}


def chat_messages(system_prompt: str, state: State) -> tuple[ChatMessage, ...]:
    """The system prompt, the recent memory, the prompt."""
    system = (ChatMessage("system", system_prompt),) if system_prompt else ()
    return (*system, *state["history"], ChatMessage("user", state["turn"].prompt))
