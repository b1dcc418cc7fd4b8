#!/usr/bin/env bash
# Two calls of tools in one stream are one call in the traces of Langfuse and OpenInference; and of three tracers for
# OpenAI's SDK for JavaScript two leave out the tokens that a stream tells, and two the stream that its reader left.
#
# A streamed completion tells its tool calls in pieces with an `index`, and its tokens, where `include_usage` asks for
# them, in a last chunk without choices. Guessed before: a trace of a stream says what that of a whole answer says. Seen:
# Langfuse and OpenInference add up the pieces of all calls: one call with the arguments `{"city":"Paris"}{"city":
# "London"}`, in OpenInference with the name "weatherweather" and the id "c0c1". OpenInference and Traceloop tell no
# tokens of a stream, though they came. A stream that is left after its first chunk is no span at all for Langfuse
# and Traceloop, and `chat.completions.stream()` fails behind these two. Costs and evaluations by traces are wrong.
#
# Seen with openai 7.59.0, @langfuse/openai 5.11.1, @arizeai/openinference-instrumentation-openai 4.2.7,
# @traceloop/instrumentation-openai 0.27.0, @opentelemetry/sdk-trace-node 2.12.1 (Node 20). Installs them into a
# temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps openai@7.59.0 @langfuse/openai@5.11.1 @langfuse/core@5.11.1 \
  @langfuse/tracing@5.11.1 @arizeai/openinference-instrumentation-openai@4.2.7 @traceloop/instrumentation-openai@0.27.0 \
  @opentelemetry/api@1 @opentelemetry/sdk-trace-node@2.12.1 @opentelemetry/sdk-trace-base@2.12.1 >/dev/null
cat >ask.mjs <<'JS'
import http from "node:http";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { OpenAIInstrumentation as OpenInference } from "@arizeai/openinference-instrumentation-openai";
import { OpenAIInstrumentation as Traceloop } from "@traceloop/instrumentation-openai";
import { observeOpenAI } from "@langfuse/openai";
import OpenAI from "openai";

const usage = { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100 };
const calls = ["Paris", "London"].map((city, index) => (
  { index, id: `c${index}`, type: "function", function: { name: "weather", arguments: JSON.stringify({ city }) } }));
const chunk = (delta, finish_reason = null) => ({ choices: [{ index: 0, delta, finish_reason }] });
const chunks = [chunk({ role: "assistant", content: null }), ...calls.flatMap((call) => [
  chunk({ tool_calls: [{ ...call, function: { ...call.function, arguments: "" } }] }),
  chunk({ tool_calls: [{ index: call.index, function: { arguments: call.function.arguments } }] }),
]), chunk({}, "tool_calls"), { choices: [], usage }];
const whole = { object: "chat.completion", usage,
  choices: [{ index: 0, message: { role: "assistant", content: null, tool_calls: calls }, finish_reason: "tool_calls" }] };
const server = http.createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += piece;
  const own = { id: "c", created: 1, model: "m" };
  const streams = JSON.parse(body).stream;
  response.setHeader("Content-Type", streams ? "text/event-stream" : "application/json");
  if (!streams) return response.end(JSON.stringify({ ...own, ...whole }));
  const events = chunks.map((each) => JSON.stringify({ ...own, object: "chat.completion.chunk", ...each }));
  response.end([...events, "[DONE]"].map((event) => `data: ${event}\n\n`).join(""));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));

const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
provider.register();
const name = process.argv[2];
const client = new OpenAI({ apiKey: "none", baseURL: `http://127.0.0.1:${server.address().port}` });
let traced = client;
if (name === "Langfuse") traced = observeOpenAI(client);
else {
  const tracer = name === "Traceloop" ? new Traceloop() : new OpenInference();
  tracer.setTracerProvider(provider);
  tracer.manuallyInstrument(OpenAI);
}
const asked = { model: "m", messages: [{ role: "user", content: "How warm is it?" }],
  tools: [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } } }] };
const streamed = { ...asked, stream: true, stream_options: { include_usage: true } };
async function told(what) {
  await new Promise((settled) => setTimeout(settled, 100)); // streams are traced from a copy, behind the reader
  const [span] = exporter.getFinishedSpans();
  exporter.reset();
  const said = JSON.stringify(span?.attributes ?? {}).replaceAll("\\", "");
  const both = said.includes("Paris") && said.includes("London") ? "two calls" : "no calls";
  const kept = span === undefined ? "no span" : said.includes('{"city":"Paris"}{"city":"London"}') ? "one call" : both;
  console.log(`${name}, ${what}: ${kept}, ${/\b1000\b/.test(said) ? "tokens" : "no tokens"}`);
}
await traced.chat.completions.create(asked);
await told("whole");
for await (const _ of await traced.chat.completions.create(streamed));
await told("stream");
for await (const _ of await traced.chat.completions.create(streamed)) break;
await told("stream that is left");
process.exit();
JS
for name in Langfuse OpenInference Traceloop; do node ask.mjs "$name" 2>/dev/null; done | tee seen
cat >expected <<'END'
Langfuse, whole: two calls, tokens
Langfuse, stream: one call, tokens
Langfuse, stream that is left: no span, no tokens
OpenInference, whole: two calls, tokens
OpenInference, stream: one call, no tokens
OpenInference, stream that is left: one call, no tokens
Traceloop, whole: two calls, tokens
Traceloop, stream: two calls, no tokens
Traceloop, stream that is left: no span, no tokens
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
