"""Transcript of an answer: the events of its models become events of the turn, and its text is collected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, assert_never

from conversations.engine.answer_moderation import AnswerModeration
from conversations.engine.events import Decided, Logprobs, Noticed, Reset, Thought, Token, ToolCall
from conversations.engine.guarded_answer import TEXT, THOUGHT, GuardedAnswer, Part, Watches
from conversations.engine.ports import Sink
from conversations.engine.refusals import (
    answer_refusal,
    answer_refused,
    provider_refusal,
    provider_refused,
)
from conversations.engine.types import State
from routing.common.text import first_visible
from routing.common.translatable import Translatable, Translate, counted
from routing.domain.errors import OptionUnsupported, ProviderStreamBroken
from routing.domain.guard import GuardReport
from routing.domain.llm import (
    AnsweringModel,
    Completed,
    Continued,
    GenerationEvent,
    LogprobsDelta,
    Shortened,
    Switched,
    TextDelta,
    ThinkingBlock,
    ThoughtDelta,
    ToolCallDelta,
)
from routing.domain.moderation import IN_ANSWER, ModerationReport
from routing.domain.rules import Decision, ModelRef


class Transcript:
    """Translator of a chat's events to the turn's events, and collector of the answer's text. Thoughts are
    passed on where ``shows_thoughts``. All parts go through the filters that ``watches`` makes for each model's, and
    then through ``moderation``, which may keep them back."""

    def __init__(
        self,
        state: State,
        sink: Sink,
        *,
        shows_thoughts: bool = True,
        watches: Watches | None = None,
        moderation: AnswerModeration | None = None,
        translate: Translate = str,
    ) -> None:
        self._state, self._shows_thoughts = state, shows_thoughts
        self._sink: Sink = moderation or sink
        self._moderation, self._word = moderation, ModerationReport()
        self._watches, self._translate = watches or Watches(), translate
        self._guarded = GuardedAnswer(self._watches)
        self._logprobs: list[Mapping[str, Any]] = []
        """Of text that is held back."""
        self._decision_sent = state.get("decision_sent", False)
        self._pieces: list[str] = []
        self.calls: list[str] = []
        """The ids of the tool calls since the last reset."""
        self.thinking: list[ThinkingBlock] = []
        """The thoughts since the last reset that their provider wants back, at their places in the text."""
        self._calls_tools = self._custom = False
        self._notices: list[Noticed] = []
        self.decision: Decision = state["decision"]
        self._switched: Switched | None = None
        self._next_model: ModelRef | None = None
        self.cacheable = True
        """False once it was started over or continued, or with less than the whole conversation."""
        self.finish_reason = "stop"

    @property
    def text(self) -> str:
        """The answer since the last reset."""
        return "".join(self._pieces)

    def send_decision(self) -> None:
        """Emit ``Decided``, once, and the notices that waited for it."""
        if not self._decision_sent:
            self._decision_sent = True
            self._sink.emit(Decided(self.decision, self._state["cache"], self._state["guard"]))
            for notice in self._notices:
                self._sink.emit(notice)

    def take(self, event: GenerationEvent) -> None:
        """Pass one event of the chat on to the sink."""
        match event:
            case TextDelta() | ThoughtDelta() | LogprobsDelta() | ToolCallDelta():
                self._pass_on(event)
            case ThinkingBlock():
                self.release()  # its place in the text must be known
                self.thinking.append(replace(event, at=len(self.text) + event.at))
            case AnsweringModel(model):
                self.decision = self.decision.answered_by(model)
                self._start_over()
                self.send_decision()
            case Switched():
                self._switch(event)
            case Continued(model):
                self.cacheable = False
                self._notice(
                    "provider_continued",
                    Translatable("{model} broke off and goes on.", model=model.name),
                )
            case Shortened(dropped=dropped):
                self.cacheable = False
                detail = counted(
                    "The conversation is too long: its oldest message is left out.",
                    "The conversation is too long: its {count} oldest messages are left out.",
                    count=dropped,
                )
                self._notice("context_shortened", detail)
            case Completed(finish_reason=finish_reason):
                self.finish_reason = finish_reason
            case _:
                assert_never(event)

    def _pass_on(self, delta: TextDelta | ThoughtDelta | LogprobsDelta | ToolCallDelta) -> None:
        match delta:
            case TextDelta(text):
                self._release(but=TEXT)
                self._say(self._guarded.feed(TEXT, text))
            case ThoughtDelta(text):
                if self._shows_thoughts:
                    self._think(self._guarded.feed(THOUGHT, text))
            case LogprobsDelta(tokens):
                self._logprobs += tokens
            case ToolCallDelta():
                self._call(delta)
            case _:
                assert_never(delta)

    def _call(self, delta: ToolCallDelta) -> None:
        self._release(but=delta.index)
        self._send_logprobs()
        self._calls_tools = True
        if delta.call_id:
            self.calls.append(delta.call_id)
        self._custom = delta.custom
        arguments = self._guarded.feed(delta.index, delta.arguments)
        if arguments or delta.call_id or delta.name:
            self._sink.emit(
                ToolCall(delta.index, delta.call_id, delta.name, arguments, delta.custom)
            )

    def _think(self, text: str) -> None:
        if text:
            self.send_decision()  # the model that thinks is named first
            self._sink.emit(Thought(text))

    def _say(self, text: str) -> None:
        if not text:
            return
        self._pieces.append(text)
        self._send_logprobs()
        self._sink.emit(Token(text))

    def _send_logprobs(self) -> None:
        # Those of text that was removed would tell it.
        if self._logprobs and not self._guarded.removed_of(TEXT):
            self._sink.emit(Logprobs(tuple(self._logprobs)))
        self._logprobs.clear()

    def release(self) -> None:
        """Pass on what the filters have held back: nothing follows it."""
        self._release()
        self._send_logprobs()

    def _release(self, *, but: Part | None = None) -> None:
        for part, rest in self._guarded.flush(but=but):
            if isinstance(part, int):
                self._sink.emit(ToolCall(part, "", "", rest, self._custom))
            elif part == TEXT:
                self._say(rest)
            else:
                self._think(rest)

    def finish(self) -> None:
        """The model's text is whole."""
        self.release()
        if self._guarded.found:
            self.cacheable = False
        if self._guarded.removed:
            text = Translatable("A part of this answer was removed by the guard.")
            self._notice("output_removed", text)

    def reported(self, report: GuardReport) -> GuardReport:
        """The guard's report, with the findings in the answer."""
        if self._guarded.found:
            found = tuple(f"output_{kind}" for kind in self._guarded.found)
            report = replace(report, verdict="flag", signals=(*report.signals, *found))
        return self._word.added_to(report, IN_ANSWER)

    def moderated(self, word: ModerationReport) -> None:
        """Take moderation's word on the answer. A refused one ends with the text that was passed on; where none
        of it can be seen, the answer is a refusal."""
        self._word, self.cacheable = word, self.cacheable and word.passed
        if not (word.refused and self._moderation):
            return
        self.finish_reason = "content_filter"
        self._pieces = [self.text[: self._moderation.sent]]
        for rest in (self.calls, self.thinking, self._logprobs):
            rest.clear()
        # Blanks that were passed on are no answer: the refusal follows them.
        if self._moderation.called or first_visible(self.text) is not None:
            self._notice(
                "answer_cut", Translatable("The rest of this answer was held back by moderation.")
            )
            return
        self.decision = answer_refused(self.decision)
        if self._decision_sent:
            self._notice("answer_refused", Translatable("This answer was held back by moderation."))
        self.send_decision()
        self._say(answer_refusal(self._translate))

    def refuse(self) -> None:
        """Make the refusal of the last model's provider the whole answer."""
        self._drop_waiting()
        before = self.decision.model or ""
        if self._next_model:
            self.decision = self.decision.answered_by(self._next_model)
        self.decision = provider_refused(self.decision)
        self._discard("provider_refused", before, self.decision.model or before)
        if self._decision_sent:
            text = Translatable("The model's provider declined to answer this.")
            self._notice("provider_refused", text)
        self.send_decision()
        self.finish_reason = "content_filter"
        self._say(provider_refusal(self._translate))

    def _switch(self, event: Switched) -> None:
        self._check_discardable()
        if event.discard:
            self._drop_waiting()
        self._next_model = event.to_model
        if self._decision_sent:
            self._switched = self._switched or event
        else:
            # Not sent yet: the replaced model need not be named at all.
            self.decision = self.decision.answered_by(event.to_model)
        if event.reason == OptionUnsupported.code:
            lacks = f"{event.from_model.name} lacks what the request asks for"
            self.decision = replace(self.decision, reason=f"{self.decision.reason}; {lacks}")

    def _start_over(self) -> None:
        # Only now that the other model's first token is there: until then the text so far is all there
        # is, and it is the answer if no other model gives one.
        event, self._switched = self._switched, None
        if event is None:
            return
        names = event.from_model.name, self.decision.model or event.to_model.name
        discarded = self._discard(event.reason, *names)
        if discarded or names[0] != names[1]:
            self._notice("provider_failover", _switched(event.reason, *names))

    def _discard(self, reason: str, from_model: str, to_model: str) -> bool:
        # Text that is held back was sent to nobody.
        self._guarded = GuardedAnswer(self._watches)
        self._logprobs.clear()
        # Thoughts are no part of the answer: another model may follow them.
        if not (self._pieces or self._calls_tools):
            return False
        self._check_discardable()
        self.cacheable = self._calls_tools = False
        self._pieces.clear()
        self.calls.clear()
        self.thinking.clear()
        self._sink.emit(Reset(reason, from_model, to_model))
        return True

    def _drop_waiting(self) -> None:
        if self._moderation:
            self._moderation.drop_waiting()

    def _check_discardable(self) -> None:
        """Raises ``ProviderStreamBroken`` where text was sent to a caller that can not be told to discard
        it: another model would be asked in vain."""
        chat, moderation = self._state["turn"].chat, self._moderation
        heard = moderation.heard if moderation else bool(self._pieces or self._calls_tools)
        if chat and chat.streams and heard:
            raise ProviderStreamBroken(self.decision.provider or "", "it broke off")

    def _notice(self, code: str, detail: str) -> None:
        # A client shows notices under a decision: none is sent before it.
        notice = Noticed(code, self._translate(detail))
        if self._decision_sent:
            self._sink.emit(notice)
        else:
            self._notices.append(notice)


def _switched(reason: str, before: str, model: str) -> str:
    if before == model:
        return Translatable("{model} broke off and starts over.", model=model)
    if reason == "slow_first_token":
        return Translatable(
            "{before} is slow; {model} answers instead.", before=before, model=model
        )
    return Translatable("{before} broke off; {model} answers instead.", before=before, model=model)
