#!/usr/bin/env bash
# Clients of embeddings for JavaScript give the vectors in the order of the answer, not by their `index`: where a
# server answers in another order, each text gets the vector of another one.
#
# Each vector of an answer tells the text that it belongs to by `index` ("the index of the embedding in the list"). Guessed
# before: libraries that return bare lists of vectors put them in that order. Seen: LangChain's and the AI SDK's classes for
# OpenAI, compatible servers and Mistral take them as they come and drop the number, in silence. A gateway that asks in
# parallel and answers in the order of arrival fills an index with the wrong texts, and every search in it is wrong.
#
# Here a provider's vectors are sorted by `index`, and told in the order of the texts.
# Seen with @langchain/openai 1.5.11, @langchain/mistralai 1.2.0, @langchain/core 1.4.0, ai 7.0.173,
# @ai-sdk/openai 4.0.118, @ai-sdk/openai-compatible 3.0.92, @ai-sdk/mistral 4.0.87 (Node 20). Installs them into a temporary
# folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps @langchain/openai@1.5.11 @langchain/mistralai@1.2.0 \
  @langchain/core@1.4.0 ai@7.0.173 zod@4.6.7 @ai-sdk/openai@4.0.118 @ai-sdk/openai-compatible@3.0.92 @ai-sdk/mistral@4.0.87 >/dev/null
cat >ask.mjs <<'JS'
import http from "node:http";
import { createMistral } from "@ai-sdk/mistral";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { MistralAIEmbeddings } from "@langchain/mistralai";
import { OpenAIEmbeddings } from "@langchain/openai";
import { embedMany } from "ai";

const server = http.createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += piece;
  const data = JSON.parse(body).input.map((text, index) => ({ object: "embedding", index, embedding: [Number(text), 0, 0, 0] }));
  if (request.url.startsWith("/last")) data.reverse();
  const usage = { prompt_tokens: 3, completion_tokens: 0, total_tokens: 3 };
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ id: "e", object: "list", model: "m", data, usage }));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const texts = ["1", "2", "3"];
const all = async (model) => (await embedMany({ model, values: texts })).embeddings;
const clients = {
  "LangChain, OpenAI": ({ apiKey, baseURL }) => new OpenAIEmbeddings({ apiKey, model: "m", configuration: { baseURL } }).embedDocuments(texts),
  "LangChain, Mistral": ({ apiKey, baseURL }) => new MistralAIEmbeddings({ apiKey, model: "m", serverURL: baseURL }).embedDocuments(texts),
  "AI SDK, OpenAI": (own) => all(createOpenAI(own).embeddingModel("m")),
  "AI SDK, compatible": (own) => all(createOpenAICompatible({ name: "n", ...own }).embeddingModel("m")),
  "AI SDK, Mistral": (own) => all(createMistral(own).embeddingModel("m")),
};
for (const [name, ask] of Object.entries(clients)) {
  for (const order of ["first", "last"]) {
    const own = { apiKey: "none", baseURL: `http://127.0.0.1:${server.address().port}/${order}` };
    console.log(`${name}, the ${order} text first: texts 1, 2, 3 get the vectors of ${(await ask(own)).map(([text]) => text).join(", ")}`);
  }
}
process.exit();
JS
node ask.mjs | tee seen
for name in "LangChain, OpenAI" "LangChain, Mistral" "AI SDK, OpenAI" "AI SDK, compatible" "AI SDK, Mistral"; do
  echo "$name, the first text first: texts 1, 2, 3 get the vectors of 1, 2, 3"
  echo "$name, the last text first: texts 1, 2, 3 get the vectors of 3, 2, 1"
done >expected
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
