"""Image tool: the node that has a picture made and stored. An example for the nodes of other tools."""

from __future__ import annotations

from langgraph.runtime import Runtime

from conversations.engine.events import Token
from conversations.engine.nodes import send_decision
from conversations.engine.ports import Context
from conversations.engine.refusals import provider_refusal, provider_refused
from conversations.engine.steps import step
from conversations.engine.types import Answer, State, Update
from routing.domain.errors import NoProviderAvailable


async def draw(state: State, runtime: Runtime[Context]) -> Update:
    """Draw the prompt. Its answer's text is the picture's description.

    A provider's refusal becomes the answer, after a decision that was sent already. Raises
    ``NoProviderAvailable``.
    """
    turn, decision, context = state["turn"], state["decision"], runtime.context
    picture, finish_reason = None, "stop"
    # Before the call: a picture takes a minute, and the client shows meanwhile that it is drawn.
    send_decision(state, context, decision, state["cache"])
    if context.moderation:
        # A picture is paid for whole when it is cancelled, and takes so long that this is no delay.
        await context.moderation.cleared()
    try:
        with step(context.sink, "draw", "tool", turn.prompt) as opened:
            picture, model = await context.ports.image_tool.draw(
                turn, state["rules"].candidates(decision), opened.meter
            )
            opened.output = picture.url
        text, decision = picture.alt, decision.answered_by(model)
    except NoProviderAvailable as error:
        if not error.refused:
            raise
        text, decision = provider_refusal(context.ports.translate), provider_refused(decision)
        finish_reason = "content_filter"
    context.sink.emit(Token(text))
    answer = Answer(
        content=text,
        decision=decision,
        guard=state["guard"],
        cache=state["cache"],
        image=picture,
        usage=opened.usage,
        finish_reason=finish_reason,
    )
    return {"answer": answer}
