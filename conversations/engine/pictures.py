"""Pictures asked for as such: the guard, then the image tool. No rule is chosen and nothing else answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from conversations.engine.events import Decided
from conversations.engine.moderation import Moderation
from conversations.engine.ports import Ports, Sink
from conversations.engine.refusals import (
    guard_refusal,
    provider_refusal,
    provider_refused,
    refused_prompt,
)
from conversations.engine.steps import step
from conversations.engine.types import Answer, CacheFacts, Picture, Turn
from routing.domain.actions import Action, ModelKind
from routing.domain.decide import held_back, requested_decision
from routing.domain.errors import ModelUnknown, NoProviderAvailable
from routing.domain.guard import GuardReport
from routing.domain.llm import ImageOptions
from routing.domain.rules import Decision, ModelRef, RuleSet, Source


@dataclass(frozen=True, slots=True)
class PictureTask:
    """Pictures to be drawn: by which models, how many, with which parameters."""

    decision: Decision
    candidates: Sequence[ModelRef]
    count: int
    options: ImageOptions


async def draw_pictures(
    turn: Turn, rules: RuleSet, task: PictureTask, ports: Ports, sink: Sink
) -> tuple[Answer, Sequence[Picture]]:
    """Draw and store. A refusal, of the guard, of moderation or a provider, is an answer without pictures. Raises
    ``NoProviderAvailable``, and ``ModerationUnavailable`` where its word is required."""
    with step(sink, "guard", "guardrail", turn.prompt) as opened:
        report = await ports.guard.check(turn.prompt)
        opened.output = asdict(report)
    if report.verdict == "block":
        refused = held_back(rules)
        return Answer(
            guard_refusal(ports.translate), refused, report, finish_reason="content_filter"
        ), ()
    if ports.moderator is None:
        return await _drawn(turn, task, report, ports, sink)
    moderation = Moderation(ports.moderator, sink)

    async def draw() -> tuple[Answer, Sequence[Picture]]:
        await moderation.cleared()  # as the node that draws
        return await _drawn(turn, task, report, ports, sink)

    try:
        moderation.start(turn, report)
        drawn, word = await moderation.over(draw())
    finally:
        await moderation.close()
    if drawn is None:
        return refused_prompt(rules, report, word, ports.translate), ()
    answer, pictures = drawn
    return replace(answer, guard=word.added_to(report)), pictures


async def _drawn(
    turn: Turn, task: PictureTask, report: GuardReport, ports: Ports, sink: Sink
) -> tuple[Answer, Sequence[Picture]]:
    """The pictures of a prompt that the guard let pass."""
    # Of a failure, too, the statistics know the model.
    sink.emit(Decided(task.decision, CacheFacts(), report))
    try:
        with step(sink, "draw", "tool", turn.prompt) as opened:
            pictures, model = await ports.image_tool.draw_all(
                turn, task.candidates, opened.meter, task.count, task.options
            )
            opened.output = [picture.url for picture in pictures]
    except NoProviderAvailable as error:
        if not error.refused:
            raise
        refused = provider_refused(task.decision)
        return Answer(
            provider_refusal(ports.translate), refused, report, finish_reason="content_filter"
        ), ()
    decision = task.decision.answered_by(model)
    return Answer(pictures[0].alt, decision, report, image=pictures[0]), pictures


def picture_decision(rules: RuleSet, name: str) -> Decision:
    """The decision for a caller who asks for pictures, of the named model or, where empty, of the published
    rules'. Raises ``ModelUnknown``."""
    if name:
        return requested_decision(rules, name)
    drawing = [rule for rule in rules.rules if rule.action is Action.IMAGE and rule.model]
    rule = min(drawing, key=lambda each: each.priority, default=None)
    models = [rules.model(rule.model or "")] if rule else []
    models += [model for model in rules.models if model.kind is ModelKind.IMAGE]
    model = next((model for model in models if model), None)
    if model is None:
        raise ModelUnknown(name, "No published model draws pictures.")
    return Decision(
        action=Action.IMAGE,
        source=Source.DEFAULT,
        provider=model.provider,
        model=model.name,
        rule=rule.name if rule else None,
        reason="the caller asked for pictures",
        ruleset=rules.version,
    )
