#!/usr/bin/env bash
# After a pause LangGraph for JavaScript goes on with other values: a Date is a text, NaN is null, a typed array an
# object.
#
# The state of a graph holds a due date, a score, an embedding; `interrupt` waits for a person, and the graph goes on
# from its checkpoint. Guessed before: the values are the same before and after, or an error when they are saved, as a
# Set, a Map and a Uint8Array come back as they were. Seen: a Date comes back as a text (`due < new Date()` is false for
# ever, as a text is compared with a number), NaN and Infinity as null (`null < 0.5` is true, where NaN was neither), a
# Float32Array as an object without a length, a URL as a text, an own class as a plain object. All without a warning,
# by the serializer that all savers share; a run without a pause shows none of it.
#
# Seen with @langchain/langgraph 1.7.3, @langchain/core 1.4.0 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @langchain/langgraph@1.7.3 @langchain/core@1.4.0 >/dev/null
cat >pause.mjs <<'JS'
import { inspect } from "node:util";
import { Annotation, Command, END, MemorySaver, START, StateGraph, interrupt } from "@langchain/langgraph";

class Order {
  constructor(items) {
    this.items = items;
  }
}
const values = {
  "a Date": new Date(0),
  NaN: NaN,
  Infinity: Infinity,
  "a Float32Array": new Float32Array([0.5, 2]),
  "a URL": new URL("https://example.com/a"),
  "an own class": new Order(2),
  "a Uint8Array": new Uint8Array([1, 2]),
  "a Set": new Set([1]),
  "a Map": new Map([["a", 1]]),
};

async function paused(value) {
  const seen = [];
  const graph = new StateGraph(Annotation.Root({ value: Annotation() }))
    .addNode("make", () => ({ value }))
    .addNode("ask", (state) => {
      seen.push(state.value);
      interrupt("Go on?");
      return {};
    })
    .addEdge(START, "make")
    .addEdge("make", "ask")
    .addEdge("ask", END)
    .compile({ checkpointer: new MemorySaver() });
  const thread = { configurable: { thread_id: "1" } };
  await graph.invoke({}, thread);
  await graph.invoke(new Command({ resume: "yes" }), thread);
  return seen;
}

const shown = (value) => (value instanceof URL ? `URL ${value.href}` : inspect(value, { breakLength: Infinity }));
for (const [name, value] of Object.entries(values)) {
  const [before, after] = await paused(value);
  console.log(`${name}: ${shown(before)} before the pause, ${shown(after)} after it`);
}
const [before, after] = await paused(new Date(0));
console.log(`a day of 1970 is past: ${before < new Date()} before the pause, ${after < new Date()} after it`);
const [unknown, saved] = await paused(NaN);
console.log(`an unknown score is below 0.5: ${unknown < 0.5} before the pause, ${saved < 0.5} after it`);
JS
node pause.mjs | tee seen
cat >expected <<'END'
a Date: 1970-01-01T00:00:00.000Z before the pause, '1970-01-01T00:00:00.000Z' after it
NaN: NaN before the pause, null after it
Infinity: Infinity before the pause, null after it
a Float32Array: Float32Array(2) [ 0.5, 2 ] before the pause, { '0': 0.5, '1': 2 } after it
a URL: URL https://example.com/a before the pause, 'https://example.com/a' after it
an own class: Order { items: 2 } before the pause, { items: 2 } after it
a Uint8Array: Uint8Array(2) [ 1, 2 ] before the pause, Uint8Array(2) [ 1, 2 ] after it
a Set: Set(1) { 1 } before the pause, Set(1) { 1 } after it
a Map: Map(1) { 'a' => 1 } before the pause, Map(1) { 'a' => 1 } after it
a day of 1970 is past: true before the pause, false after it
an unknown score is below 0.5: false before the pause, true after it
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
