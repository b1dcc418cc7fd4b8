#!/usr/bin/env bash
# gpt-tokenizer tells the price of GPT-4 Turbo for gpt-4.1, gpt-4o and gpt-5: three to eight times too much.
#
# The package counts tokens and, as its first lines say, knows the models' prices: `estimateCost` of a model's module
# is what a page shows before a question is sent, or a budget is checked with. Guessed before: it has the price of a
# model, or says that it has none, as it does for gpt-4o-mini. Seen: gpt-4.1, gpt-4o and gpt-5 (and their dated names
# that have a price) cost 10 and 30 dollars a million tokens, the price of gpt-4-turbo, and o3 the 15 and 60 of o1. The
# same release has 1.25 and 10 for gpt-5-codex, which costs what gpt-5 does. None of them has a price of cached input.
# Older models (gpt-4, gpt-3.5-turbo, o1, o3-pro) are right. genai-prices, the list compared with, is kept by hand,
# too.
#
# Seen with gpt-tokenizer 4.0.0, @pydantic/genai-prices 0.1.8, Node 20. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund gpt-tokenizer@4.0.0 @pydantic/genai-prices@0.1.8 >/dev/null
cat >prices.mjs <<'JS'
import { calcPrice } from "@pydantic/genai-prices";

const MILLION = 1_000_000;
const listed = (name, usage) =>
  calcPrice({ input_tokens: 0, output_tokens: 0, ...usage }, name, { providerId: "openai" }).total_price;
for (const name of ["gpt-4-turbo", "gpt-4", "o1", "gpt-4.1", "gpt-4o", "gpt-5", "gpt-5-codex", "o3"]) {
  const { estimateCost } = await import(`gpt-tokenizer/model/${name}`);
  const { input, output } = estimateCost(MILLION).main;
  const right = [listed(name, { input_tokens: MILLION }), listed(name, { output_tokens: MILLION })];
  console.log(`${name}: ${input} and ${output} dollars a million tokens; genai-prices ${right.join(" and ")}`);
}
JS
node prices.mjs | tee seen
cat >expected <<'END'
gpt-4-turbo: 10 and 30 dollars a million tokens; genai-prices 10 and 30
gpt-4: 30 and 60 dollars a million tokens; genai-prices 30 and 60
o1: 15 and 60 dollars a million tokens; genai-prices 15 and 60
gpt-4.1: 10 and 30 dollars a million tokens; genai-prices 2 and 8
gpt-4o: 10 and 30 dollars a million tokens; genai-prices 2.5 and 10
gpt-5: 10 and 30 dollars a million tokens; genai-prices 1.25 and 10
gpt-5-codex: 1.25 and 10 dollars a million tokens; genai-prices 1.25 and 10
o3: 15 and 60 dollars a million tokens; genai-prices 2 and 8
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
