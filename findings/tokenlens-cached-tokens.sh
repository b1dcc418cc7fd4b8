#!/usr/bin/env bash
# tokenlens shows a prompt that was read from the cache as dearer than a new one, and charges thoughts twice, where it
# is given the usage of the AI SDK 6; of version 7's it sees neither.
#
# tokenlens is made for "Vercel AI SDK usage", which counts cached tokens among its `inputTokens` and thoughts among its
# `outputTokens`, as OpenAI does. Guessed before: cached tokens at their own price, the rest in full. Seen: all input
# tokens in full and the cached ones once more at the lower price, all output tokens in full and, where a model has a
# price for them (Grok 4), the thoughts once more. With version 7, which tells both in `inputTokenDetails` and
# `outputTokenDetails` alone, nothing is taken off for the cache.
#
# Seen with tokenlens 1.3.1, ai 6.0.326, @ai-sdk/openai-compatible 2.0.92, ai 7.0.173, @ai-sdk/openai-compatible 3.0.92
# (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --legacy-peer-deps zod@4.6.7 tokenlens@1.3.1 ai6@npm:ai@6.0.326 ai7@npm:ai@7.0.173 \
  compatible6@npm:@ai-sdk/openai-compatible@2.0.92 compatible7@npm:@ai-sdk/openai-compatible@3.0.92 >/dev/null
cat >ask.mjs <<'JS'
import http from "node:http";
import { generateText as generate6 } from "ai6";
import { generateText as generate7 } from "ai7";
import { createOpenAICompatible as compatible6 } from "compatible6";
import { createOpenAICompatible as compatible7 } from "compatible7";
import { costFromUsage } from "tokenlens";

const server = http.createServer((request, response) => {
  request.resume().on("end", () => {
    const [, cached, thought] = request.url.split("/").map(Number);
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ id: "c", object: "chat.completion", created: 1, model: "m",
      choices: [{ index: 0, message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 1000, completion_tokens: 100, total_tokens: 1100,
        prompt_tokens_details: { cached_tokens: cached }, completion_tokens_details: { reasoning_tokens: thought } } }));
  });
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const cents = (dollars) => (100 * dollars).toFixed(3);
const prices = { "openai:gpt-4.1": [2, 0.5, 8], "xai:grok-4": [3, 0.75, 15] }; // dollars a million: input, cached, output
for (const [id, [input, less, output]] of Object.entries(prices)) {
  for (const [cached, thought] of [[0, 0], [800, 0], [0, 50]]) {
    const right = ((1000 - cached) * input + cached * less + 100 * output) / 1e6;
    const shown = [];
    for (const [generate, compatible] of [[generate6, compatible6], [generate7, compatible7]]) {
      const baseURL = `http://127.0.0.1:${server.address().port}/${cached}/${thought}`;
      const { usage } = await generate({ model: compatible({ name: "n", apiKey: "none", baseURL })("m"), prompt: "Hello" });
      shown.push(cents(costFromUsage({ id, usage })));
    }
    console.log(`${id}, 1000 in with ${cached} cached, 100 out with ${thought} thought: ${cents(right)} cents, shown ${shown.join(" and ")}`);
  }
}
process.exit();
JS
node ask.mjs | tee seen
cat >expected <<'END'
openai:gpt-4.1, 1000 in with 0 cached, 100 out with 0 thought: 0.280 cents, shown 0.280 and 0.280
openai:gpt-4.1, 1000 in with 800 cached, 100 out with 0 thought: 0.160 cents, shown 0.320 and 0.280
openai:gpt-4.1, 1000 in with 0 cached, 100 out with 50 thought: 0.280 cents, shown 0.280 and 0.280
xai:grok-4, 1000 in with 0 cached, 100 out with 0 thought: 0.450 cents, shown 0.450 and 0.450
xai:grok-4, 1000 in with 800 cached, 100 out with 0 thought: 0.270 cents, shown 0.510 and 0.450
xai:grok-4, 1000 in with 0 cached, 100 out with 50 thought: 0.450 cents, shown 0.525 and 0.450
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
