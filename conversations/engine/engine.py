"""Engine: a turn in, an answer out, events on the way, along a LangGraph ``StateGraph``.

The graph's picture in docs/architecture.md comes from ``manage.py draw_graph``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import wraps
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from conversations.engine import nodes
from conversations.engine.classify import classify
from conversations.engine.draw import draw
from conversations.engine.events import Decided, Token
from conversations.engine.generate import generate
from conversations.engine.moderation import Moderation
from conversations.engine.ports import Context, Ports, Sink
from conversations.engine.refusals import refused_prompt
from conversations.engine.single_flight import join_flight
from conversations.engine.steps import tolerated
from conversations.engine.types import Answer, CacheFacts, Shadowed, State, Turn, Update
from routing.domain.actions import ACTIONS
from routing.domain.decide import requested_decision
from routing.domain.errors import DependencyUnavailable
from routing.domain.llm import ChatMessage
from routing.domain.rules import Decision, RuleSet, Source

Graph = CompiledStateGraph[State, Context, Any, Any]
Node = Callable[[State, Runtime[Context]], Coroutine[Any, Any, Update]]
Route = Callable[[State], str]

ACTING: Sequence[Node] = (nodes.refuse, draw, generate)
"""The nodes named by the rows of ``routing.domain.actions``."""
ASKING: Collection[Node] = (classify, draw, generate)
"""The nodes that ask a model which decides or answers."""
ROUTES: Mapping[Node, Route] = {
    nodes.guard: nodes.after_guard,
    nodes.recall_memory: nodes.after_recall,
    nodes.lookup_answer: nodes.after_lookup,
    join_flight: nodes.after_flight,
    classify: nodes.after_classify,
    nodes.lookup_follow_up: nodes.after_follow_up,
    nodes.replay: nodes.after_answer,
    **dict.fromkeys(ACTING, nodes.after_answer),
    nodes.remember: lambda _: END,
}
"""Each node, and the function that names the one after it."""
NODES: Mapping[str, Node] = {node.__name__: node for node in ROUTES}
_ENTRY = "branch:to:guard"
"""The channel by which LangGraph starts the first node."""


class Engine:
    """Answers turns. One instance serves all runs of a process."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._graph: Graph = build_graph()
        # The state is written into its channels at once, and the first node is started by its own: LangGraph's
        # way in is a step that only copies. Measured: 0.1 ms of 0.5.
        self._graph.input_channels = [*State.__annotations__, _ENTRY]

    @property
    def ports(self) -> Ports:
        """The ports that the engine was composed with."""
        return self._ports

    async def answer(self, turn: Turn, sink: Sink) -> Answer:
        """Run one turn to its end.

        ``sink`` gets ``Decided``, ``Token``, ``Reset`` and ``Noticed`` as they happen. One rule set
        serves the whole run, also when another is published meanwhile. Raises
        ``NoProviderAvailable``, ``ModelUnknown`` and ``RulesUnavailable``; cancelling it stops the
        provider's call.
        """
        release = turn.release or await self._ports.rules.for_person(turn.user)
        state = initial_state(turn, release.rules_for(turn.user))
        moderator = self._ports.moderator
        moderation = Moderation(moderator, sink) if moderator else None
        context = Context(
            self._ports, moderation.sink if moderation else sink, moderation=moderation
        )
        try:
            work = self._graph.ainvoke({**state, _ENTRY: None}, context=context)
            final = await (self._moderated(state, moderation, work, sink) if moderation else work)
        finally:
            await context.speculation.discard(sink)
            if moderation:
                await moderation.close()
        # Noted for after the answer: a version in shadow must not cost the user time.
        if release.shadow and not turn.chat and was_classified(final):
            history = final.get("history", ())
            vector = None if history else final.get("vector")
            sink.note(Shadowed(release.shadow, history, final["decision"], vector))
        answer: Answer = final["answer"]
        return answer

    async def _moderated(
        self,
        state: State,
        moderation: Moderation,
        work: Coroutine[Any, Any, dict[str, Any]],
        sink: Sink,
    ) -> Mapping[str, Any]:
        """The final state of ``work`` with the word on its prompt, or that of a refusal."""
        final, report = await moderation.over(work)
        if final is None:
            answer = refused_prompt(state["rules"], moderation.guard, report, self._ports.translate)
            sink.emit(Decided(answer.decision, answer.cache, answer.guard))
            sink.emit(Token(answer.content))
            return {"guard": answer.guard, "decision": answer.decision, "answer": answer}
        answer = final["answer"]
        return {**final, "answer": replace(answer, guard=report.added_to(answer.guard))}

    async def release_claim(self, turn: Turn) -> None:
        """End the turn's single flight: no other run need follow it. Without Redis there is none."""
        if self._ports.single_flight:
            with suppress(DependencyUnavailable):
                await self._ports.single_flight.release(turn)

    async def remember_partial(self, turn: Turn, sink: Sink, text: str) -> None:
        """Remember the text of a stopped answer, so that a follow-up may refer to it."""
        if text and not turn.chat:
            with tolerated(sink):
                exchange = (ChatMessage("user", turn.prompt), ChatMessage("assistant", text))
                await self._ports.memory.remember(turn.conversation, exchange)


def initial_state(turn: Turn, rules: RuleSet) -> State:
    """The state before the first node: a named model is decided on already. Raises
    ``ModelUnknown``."""
    state: State = {
        "turn": turn,
        "rules": rules,
        "history": (),
        "hit": None,
        "cache": CacheFacts("bypass"),
    }
    if turn.requested_model:
        state["decision"] = requested_decision(rules, turn.requested_model)
    return state


def was_classified(final: Mapping[str, Any]) -> bool:
    """Whether the rules decided, not the guard, a stored answer, or the caller."""
    decision: Decision | None = final.get("decision")
    if decision is None or final.get("hit"):
        return False
    return decision.source is not Source.REQUESTED and final["guard"].verdict != "block"


def build_graph() -> Graph:
    """Compile the graph. It holds no state of a run and serves all of them."""
    graph: StateGraph[State, Context, Any, Any] = StateGraph(State, context_schema=Context)
    acting = [node.__name__ for node in ACTING]
    reusable = [spec.node for spec in ACTIONS.values() if spec.reusable]
    graph.add_edge(START, "guard")
    _add(graph, nodes.guard, "recall_memory", "lookup_answer", "classify", *acting)
    _add(graph, nodes.recall_memory, "classify", *acting)
    _add(graph, nodes.lookup_answer, "replay", "join_flight", "classify")
    _add(graph, join_flight, "remember", "replay", "classify", END)
    _add(graph, classify, "lookup_follow_up", *acting)
    _add(graph, nodes.lookup_follow_up, "replay", *reusable)
    for last in (nodes.replay, *ACTING):
        _add(graph, last, "remember", END)
    graph.add_node("remember", nodes.remember)
    graph.add_edge("remember", END)
    compiled = graph.compile()
    for name, node in compiled.nodes.items():
        if name != START:
            # In the place of LangGraph's own, which it makes of the same parts at the first use.
            node.node = BareNode(node.bound, node.flat_writers)
    return compiled


class BareNode(Runnable[Any, Any]):
    """A node and the writers of its channels in a row, as LangGraph's ``RunnableSeq`` without callbacks.

    LangGraph starts a callback manager and two tasks for each node, for tracers that this engine has none of:
    measured, 0.05 ms.
    """

    def __init__(self, bound: Runnable[Any, Any], writers: Sequence[Runnable[Any, Any]]) -> None:
        self._steps = (bound, *writers)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **_: Any) -> Any:  # noqa: A002
        """Raises ``TypeError``: nodes are asynchronous."""
        raise TypeError("the engine's nodes are asynchronous")

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **_: Any) -> Any:  # noqa: A002
        """Run the node, then the writers on its result."""
        result = input
        for step in self._steps:
            result = await step.ainvoke(result, config)
        return result


def _add(graph: StateGraph[State, Context, Any, Any], node: Node, *destinations: str) -> None:
    """Add ``node``, which returns a command with the name of the next one.

    Operator fusion: the nodes after it run in its step, up to the next one that asks a model where one was asked
    already. A step costs 0.1 to 0.2 ms, more than the work of most nodes. A conditional edge would do the same,
    but LangGraph runs each as one more step, a plain function in a thread: measured, 0.3 ms.
    """

    @wraps(node)
    async def routed(state: State, runtime: Runtime[Context]) -> Command[str]:
        update = await node(state, runtime)
        seen, asked, here = _updated(state, update), node in ASKING, node
        while (following := ROUTES[here](seen)) != END:
            here = NODES[following]
            if asked and here in ASKING:
                break
            asked = asked or here in ASKING
            added = await here(seen, runtime)
            update, seen = update | added, _updated(seen, added)
        return Command(update=update, goto=following)

    # The destinations are for the picture: LangGraph cannot see where a command leads.
    graph.add_node(node.__name__, routed, destinations=destinations)


def _updated(state: State, update: Update) -> State:
    """The state as the next node sees it."""
    return {**state, **update}  # type: ignore[typeddict-item]
