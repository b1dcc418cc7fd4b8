"""The straight line of a turn as a LangGraph ``StateGraph``, compiled once.

Its picture in docs/architecture.md comes from ``manage.py draw_graph``.
"""

from __future__ import annotations

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from conversations.engine import nodes
from conversations.engine.flight import join_flight
from conversations.engine.generate import generate
from conversations.engine.lookup import lookup_answer, lookup_follow_up
from conversations.engine.ports import Context
from conversations.engine.remember import remember
from conversations.engine.state import State
from routing.domain import Action

Graph = CompiledStateGraph[State, Context, Any, Any]

_BY_ACTION = {Action.REFUSE: "refuse", Action.IMAGE: "draw", Action.ANSWER: "generate"}


def build_graph() -> Graph:
    """Compile the graph. It holds no state of a run and serves all of them."""
    graph: StateGraph[State, Context, Any, Any] = StateGraph(State, context_schema=Context)
    for node in (
        nodes.guard,
        nodes.recall_memory,
        lookup_answer,
        join_flight,
        nodes.replay,
        nodes.classify,
        lookup_follow_up,
        nodes.refuse,
        nodes.draw,
        generate,
        remember,
    ):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "guard")
    graph.add_conditional_edges("guard", after_guard, ["recall_memory", "refuse"])
    graph.add_edge("recall_memory", "lookup_answer")
    graph.add_conditional_edges("lookup_answer", after_lookup, ["replay", "join_flight"])
    graph.add_conditional_edges("join_flight", after_flight, ["remember", "replay", "classify"])
    graph.add_conditional_edges(
        "classify", after_classify, ["refuse", "draw", "generate", "lookup_follow_up"]
    )
    graph.add_conditional_edges("lookup_follow_up", after_follow_up, ["replay", "generate"])
    for last in ("replay", "refuse", "draw", "generate"):
        graph.add_edge(last, "remember")
    graph.add_edge("remember", END)
    return graph.compile()


def after_guard(state: State) -> str:
    """A blocked prompt goes no further than a refusal."""
    return "refuse" if state["guard"].verdict == "block" else "recall_memory"


def after_lookup(state: State) -> str:
    """A stored answer is served; otherwise somebody may be asking the same."""
    return "replay" if state["hit"] else "join_flight"


def after_flight(state: State) -> str:
    """Another run's answer is this one's too; or one was stored meanwhile; or somebody must be chosen."""
    if "answer" in state:
        return "remember"
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
