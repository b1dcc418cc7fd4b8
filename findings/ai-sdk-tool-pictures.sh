#!/usr/bin/env bash
# A picture that a tool returns, such as the screenshot of an MCP server, is sent by the AI SDK to models behind chat
# completions as the letters of its base64: tens of thousands of tokens for a small picture, which the model cannot see.
#
# The MCP client of the AI SDK hands pictures of a result on as pictures. Guessed before: a provider whose format has no
# pictures in results leaves them out with a warning, as providers do with other parts, or sends them in a message of
# their own. Seen: those for OpenAI's chat completions, compatible servers and Mistral write the base64 into the text of
# the result, without a warning, and again in each further step. OpenAI's Responses API, Anthropic and OpenRouter
# get the picture.
#
# Seen with ai 7.0.173, @ai-sdk/mcp 2.0.99, openai 4.0.118, openai-compatible 3.0.92, mistral 4.0.87, anthropic 4.0.105,
# @openrouter/ai-sdk-provider 2.10.0, @modelcontextprotocol/sdk 1.32.2, gpt-tokenizer 4.0.0 (Node 20). Installs them into
# a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps ai@7.0.173 zod@4.6.7 @ai-sdk/mcp@2.0.99 @ai-sdk/openai@4.0.118 \
  @ai-sdk/openai-compatible@3.0.92 @ai-sdk/mistral@4.0.87 @ai-sdk/anthropic@4.0.105 @openrouter/ai-sdk-provider@2.10.0 \
  @modelcontextprotocol/sdk@1.32.2 gpt-tokenizer@4.0.0 >/dev/null
cat >ask.mjs <<'JS'
import http from "node:http";
import { createHash } from "node:crypto";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createMCPClient } from "@ai-sdk/mcp";
import { createMistral } from "@ai-sdk/mistral";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import { generateText } from "ai";
import { countTokens } from "gpt-tokenizer";

// 48 KB that do not compress, as of a screenshot of 600 x 400 pixels; what they show does not matter here
const bytes = Buffer.concat([...Array(1500).keys()].map((n) => createHash("sha256").update(`${n}`).digest()));
const data = Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), bytes]).toString("base64");
const mcp = new McpServer({ name: "s", version: "1" });
mcp.registerTool("shot", {}, async () => ({ content: [{ type: "text", text: "The page" }, { type: "image", data, mimeType: "image/png" }] }));
const [here, there] = InMemoryTransport.createLinkedPair();
await mcp.connect(here);
const { shot } = await (await createMCPClient({ transport: there })).tools();
const call = { toolCallId: "call00001", toolName: "shot" };
const result = await shot.execute({}, { toolCallId: call.toolCallId, messages: [] });
const output = await shot.toModelOutput({ toolCallId: call.toolCallId, input: {}, output: result });
const messages = [
  { role: "user", content: "What is on the page?" },
  { role: "assistant", content: [{ type: "tool-call", ...call, input: {} }] },
  { role: "tool", content: [{ type: "tool-result", ...call, output }] },
];

let sent;
const replies = {
  completions: { id: "c", object: "chat.completion", created: 1, model: "m", usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    choices: [{ index: 0, message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }] },
  responses: { id: "r", object: "response", created_at: 1, model: "m", status: "completed", usage: { input_tokens: 1, output_tokens: 1 },
    output: [{ type: "message", id: "m", role: "assistant", status: "completed", content: [{ type: "output_text", text: "Hello", annotations: [] }] }] },
  messages: { id: "m", type: "message", role: "assistant", model: "m", usage: { input_tokens: 1, output_tokens: 1 },
    content: [{ type: "text", text: "Hello" }], stop_reason: "end_turn", stop_sequence: null },
};
const server = http.createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += piece;
  sent = JSON.parse(body);
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify(replies[request.url.split("/").at(-1)]));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const own = { apiKey: "none", baseURL: `http://127.0.0.1:${server.address().port}` };
const models = {
  "OpenAI, Responses": createOpenAI(own).responses("gpt-4.1"),
  "Anthropic": createAnthropic(own)("claude-sonnet-4-5"),
  "OpenRouter": createOpenRouter(own)("m"),
  "OpenAI, chat completions": createOpenAI(own).chat("gpt-4.1"),
  "compatible": createOpenAICompatible({ name: "n", ...own })("m"),
  "Mistral": createMistral(own)("mistral-large-latest"),
};
for (const [name, model] of Object.entries(models)) {
  const { warnings } = await generateText({ model, messages });
  const last = (sent.messages ?? sent.input).at(-1);
  const text = typeof last.content === "string" ? last.content : "";
  const how = text.includes(data) ? `text of ${countTokens(text)} tokens` : JSON.stringify(last).includes(data) ? "a picture" : "nothing";
  console.log(`${name}: ${how}, ${warnings?.length ?? 0} warnings`);
}
process.exit();
JS
node ask.mjs | tee seen
