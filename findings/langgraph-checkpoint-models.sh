#!/usr/bin/env bash
# A pydantic model in a LangGraph state loses fields when it goes through a checkpoint, without a warning.
#
# Guessed before: a state is restored as it was, for checkpoints are there to go on after a pause. Seen: the model is kept
# as its `model_dump()`. A field with `exclude=True`, which people set so that an API does not show it, comes back as
# its default; a private attribute is reset; the fields that a subclass adds to the declared type of a field are gone.
# Within one run the nodes see all of them, and after an interrupt, or in the next turn of the thread, they do not: the
# same graph answers differently with a checkpointer. A dataclass with a field that its constructor does not take comes
# back as a plain dict, which is logged.
#
# Seen with langgraph 1.2.24, langgraph-checkpoint 4.3.2, pydantic 2.14.4, Python 3.11. Installs them into a temporary
# folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet langgraph==1.2.24 langgraph-checkpoint==4.3.2 pydantic==2.14.4
cd "$folder"
cat >people.py <<'PY'
from dataclasses import dataclass, field

from pydantic import BaseModel, Field, PrivateAttr


class Address(BaseModel):
    city: str


class Abroad(Address):
    country: str


class Person(BaseModel):
    name: str
    limit: int = Field(default=0, exclude=True)
    address: Address
    _visits: int = PrivateAttr(default=0)


@dataclass
class Count:
    name: str
    number: int = field(init=False, default=0)
PY
cat >check.py <<'PY'
import logging
import sys
from typing import TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from people import Abroad, Count, Person

logging.disable()
seen = []


class State(TypedDict, total=False):
    person: Person
    count: Count


def look(state):
    person = state["person"]
    seen.append((person.limit, person._visits, type(person.address).__name__, type(state["count"]).__name__))


def make(_):
    person = Person(name="Ada", limit=7, address=Abroad(city="Turin", country="IT"))
    person._visits = 3
    count = Count("calls")
    count.number = 5
    return {"person": person, "count": count}


def pause(_):
    interrupt("Go on?")


builder = StateGraph(State)
for node in (make, pause):
    builder.add_node(node.__name__, node)
builder.add_node("before", look)
builder.add_node("after", look)
for begin, end in ((START, "make"), ("make", "before"), ("before", "pause"), ("pause", "after"), ("after", END)):
    builder.add_edge(begin, end)
graph = builder.compile(checkpointer=InMemorySaver())
config = {"configurable": {"thread_id": "1"}}
graph.invoke({}, config)
graph.invoke(Command(resume="yes"), config)
for when, found in zip(("before the pause", "after it"), seen, strict=True):
    print(f"{when:17} excluded field: {found[0]}, private: {found[1]}, address: {found[2]}, dataclass: {found[3]}")
expected = [(7, 3, "Abroad", "Count"), (0, 0, "Address", "dict")]
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
venv/bin/python -W ignore check.py
