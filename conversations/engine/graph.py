"""The straight line of a turn as a LangGraph ``StateGraph``, compiled once.

Its picture in docs/architecture.md comes from ``manage.py draw_graph``.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from conversations.engine import nodes
from conversations.engine.generate import generate
from conversations.engine.lookup import lookup_answer, lookup_follow_up
from conversations.engine.ports import Context
from conversations.engine.remember import remember, storable
from conversations.engine.single_flight import join_flight
from conversations.engine.state import State
from routing.domain.actions import Action

Graph = CompiledStateGraph[State, Context, Any, Any]
Node = Callable[[State, Runtime[Context]], Coroutine[Any, Any, nodes.Update]]
Route = Callable[[State], str]

_BY_ACTION = {Action.REFUSE: "refuse", Action.IMAGE: "draw", Action.ANSWER: "generate"}


def build_graph() -> Graph:
    """Compile the graph. It holds no state of a run and serves all of them."""
    graph: StateGraph[State, Context, Any, Any] = StateGraph(State, context_schema=Context)
    graph.add_edge(START, "guard")
    _add(
        graph,
        nodes.guard,
        after_guard,
        "refuse",
        "recall_memory",
        "lookup_answer",
        *_BY_ACTION.values(),
    )
    _add(graph, nodes.recall_memory, after_recall, "classify", *_BY_ACTION.values())
    _add(graph, lookup_answer, after_lookup, "replay", "join_flight")
    _add(graph, join_flight, after_flight, "remember", "replay", "classify", END)
    _add(graph, nodes.classify, after_classify, *_BY_ACTION.values(), "lookup_follow_up")
    _add(graph, lookup_follow_up, after_follow_up, "replay", "generate")
    for last in (nodes.replay, nodes.refuse, nodes.draw, generate):
        _add(graph, last, after_answer, "remember", END)
    graph.add_node("remember", remember)
    graph.add_edge("remember", END)
    return graph.compile()


def _add(
    graph: StateGraph[State, Context, Any, Any], node: Node, after: Route, *destinations: str
) -> None:
    """Add ``node``, and after it the one that ``after`` names.

    The node's answer says where to go. A conditional edge would say the same; LangGraph runs each as one
    more step of the node, a plain function in a thread: measured, 0.3 ms.
    """

    @wraps(node)
    async def routed(state: State, runtime: Runtime[Context]) -> Command[str]:
        update = await node(state, runtime)
        return Command(update=update, goto=after({**state, **update}))  # type: ignore[typeddict-item]

    graph.add_node(node.__name__, routed, destinations=destinations)


def after_guard(state: State) -> str:
    """A blocked prompt goes no further than a refusal. A later turn has a conversation to be recalled, and
    what it asks is looked up once it is known what it means by itself; a first one is looked up as it is,
    unless its answer was asked of a certain model. Nodes that would find nothing to do are passed by: each
    costs more than what it does."""
    turn = state["turn"]
    if state["guard"].verdict == "block":
        return "refuse"
    if not turn.first:
        return "recall_memory"
    return _BY_ACTION[state["decision"].action] if turn.requested_model else "lookup_answer"


def after_recall(state: State) -> str:
    """A named model answers; otherwise somebody is chosen."""
    return _BY_ACTION[state["decision"].action] if state["turn"].requested_model else "classify"


def after_lookup(state: State) -> str:
    """A stored answer is served; otherwise somebody may be asking the same."""
    return "replay" if state["hit"] else "join_flight"


def after_flight(state: State) -> str:
    """Another run's answer is this one's too; or one was stored meanwhile; or somebody must be chosen."""
    if "answer" in state:
        return after_answer(state)
    return "replay" if state["hit"] else "classify"


def after_classify(state: State) -> str:
    """The decision's action names the node; a follow-up that is to be answered is looked up first."""
    turn, action = state["turn"], state["decision"].action
    if action is Action.ANSWER and not turn.first and not turn.requested_model:
        return "lookup_follow_up"
    return _BY_ACTION[action]


def after_follow_up(state: State) -> str:
    """A stored answer is served; otherwise the model that was chosen answers."""
    return "replay" if state["hit"] else "generate"


def after_answer(state: State) -> str:
    """An answer goes to the memory that its turn has recalled, and to the cache where it may serve again.
    The first one of a conversation has recalled none."""
    return "remember" if not state["turn"].first or storable(state) else END
