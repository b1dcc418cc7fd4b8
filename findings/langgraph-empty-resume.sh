#!/usr/bin/env bash
# An empty object is no answer to an interrupt of LangGraph for Python: the graph stops at the same question again.
#
# A graph asks a person which filters to set, or which fields of a draft to change; nothing is chosen and the form
# sends {}. Guessed before: any JSON value resumes, as in LangGraph for JavaScript. Seen: {} asks again without an
# error, with the state as it was, as often as it is sent, where [], "", 0 and False resume. An object whose keys look
# like ids of interrupts (32 hexadecimal digits, as MD5 sums have) is taken for answers by id and asks again, in both
# languages: a choice by file checksum never arrives.
#
# Seen with langgraph 1.2.24 (Python 3.11), @langchain/langgraph 1.7.3 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet langgraph==1.2.24
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @langchain/langgraph@1.7.3 @langchain/core@1.4.0 >/dev/null
cat >answers.json <<'JSON'
[{"year": 2024}, {}, [], "", 0, false, {"d41d8cd98f00b204e9800998ecf8427e": "keep"}]
JSON
cat >resume.py <<'PY'
import json
from typing import Any, TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt


class State(TypedDict):
    filters: Any


graph = StateGraph(State)
graph.add_node("ask", lambda state: {"filters": interrupt("Which filters?")})
graph.add_edge(START, "ask")
compiled = graph.compile(checkpointer=InMemorySaver())
for number, answer in enumerate(json.load(open("answers.json"))):
    thread = {"configurable": {"thread_id": str(number)}}
    compiled.invoke({"filters": None}, thread)
    result = compiled.invoke(Command(resume=answer), thread)
    print(f"{json.dumps(answer)}: Python {'asks again' if '__interrupt__' in result else 'resumes'}")
PY
cat >resume.mjs <<'JS'
import { readFileSync } from "node:fs";
import { Annotation, Command, interrupt, MemorySaver, START, StateGraph } from "@langchain/langgraph";

const graph = new StateGraph(Annotation.Root({ filters: Annotation() }))
  .addNode("ask", () => ({ filters: interrupt("Which filters?") }))
  .addEdge(START, "ask")
  .compile({ checkpointer: new MemorySaver() });
for (const [number, answer] of JSON.parse(readFileSync("answers.json")).entries()) {
  const thread = { configurable: { thread_id: String(number) } };
  await graph.invoke({ filters: null }, thread);
  const result = await graph.invoke(new Command({ resume: answer }), thread);
  console.log(`JavaScript ${"__interrupt__" in result ? "asks again" : "resumes"}`);
}
JS
venv/bin/python -W ignore resume.py >python
node resume.mjs >javascript
paste -d ' ' python javascript | tee seen
cat >expected <<'END'
{"year": 2024}: Python resumes JavaScript resumes
{}: Python asks again JavaScript resumes
[]: Python resumes JavaScript resumes
"": Python resumes JavaScript resumes
0: Python resumes JavaScript resumes
false: Python resumes JavaScript resumes
{"d41d8cd98f00b204e9800998ecf8427e": "keep"}: Python asks again JavaScript asks again
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
