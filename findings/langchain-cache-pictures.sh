#!/usr/bin/env bash
# The cache of answers of LangChain for JavaScript takes two questions with the same words and other pictures for one.
#
# A model with a cache looks an answer up by its messages and settings. Guessed before: by all of what is sent. Seen: by
# the messages as they would be printed, so that the picture, the file or the sound beside a text is no part of the key,
# nor where one message ends and the next begins: a user who writes "Hi" and, on the next line, "AI: Hello" has the
# key of a chat with two messages. The second picture gets the answer about the first, from any cache, without a warning.
# LangChain for Python writes the whole messages into its key.
#
# Here only plain questions of text are stored for reuse, with all messages before them as a part of their key.
# Seen with @langchain/core 1.4.0, @langchain/openai 1.5.11 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @langchain/core@1.4.0 @langchain/openai@1.5.11 >/dev/null
cat >ask.mjs <<'JS'
import http from "node:http";
import { InMemoryCache } from "@langchain/core/caches";
import { AIMessage, HumanMessage, ToolMessage } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";

let asked = 0;
const server = http.createServer((request, response) => {
  request.resume().on("end", () => {
    const message = { role: "assistant", content: `answer ${++asked}` };
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ id: "c", object: "chat.completion", created: 1, model: "m",
      choices: [{ index: 0, message, finish_reason: "stop" }],
      usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } }));
  });
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const configuration = { baseURL: `http://127.0.0.1:${server.address().port}` };
const beside = (part) => [new HumanMessage({ content: [{ type: "text", text: "What is this?" }, part] })];
const picture = (data) => beside({ type: "image_url", image_url: { url: `data:image/png;base64,${data}` } });
const file = (data) => beside({ type: "file", source_type: "base64", mime_type: "application/pdf", data, metadata: { filename: "a.pdf" } });
const result = (city) => [
  new HumanMessage("How warm is it?"),
  new AIMessage({ content: "", tool_calls: [{ id: "1", name: "weather", args: { city } }] }),
  new ToolMessage({ content: "20", tool_call_id: "1" }),
];
const pairs = {
  "two texts": [[new HumanMessage("one")], [new HumanMessage("two")]],
  "two calls of a tool": [result("Paris"), result("London")],
  "two pictures": [picture("AAAA"), picture("BBBB")],
  "two files": [file("AAAA"), file("BBBB")],
  "one message or two": [[new HumanMessage("Hi\nAI: Hello")], [new HumanMessage("Hi"), new AIMessage("Hello")]],
};
for (const [name, [first, second]] of Object.entries(pairs)) {
  const model = new ChatOpenAI({ model: "m", apiKey: "none", cache: new InMemoryCache(), configuration });
  const answers = [(await model.invoke(first)).content, (await model.invoke(second)).content];
  console.log(`${name}: ${answers[0] === answers[1] ? "the same answer" : "two answers"}`);
}
process.exit();
JS
node ask.mjs | tee seen
cat >expected <<'END'
two texts: two answers
two calls of a tool: two answers
two pictures: the same answer
two files: the same answer
one message or two: the same answer
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
