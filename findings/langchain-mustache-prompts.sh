#!/usr/bin/env bash
# A mustache prompt of LangChain for Python sends `a < b && c` to the model as `a &lt; b &amp;&amp; c`; the same
# template in JavaScript sends it as it is.
#
# Guessed before: a prompt is no page, so a value stands in it as it was given, in both languages, as with the other
# two formats of templates. Seen: Python writes `&lt;`, `&amp;`, `&quot;` for each `{{value}}`, so that code, XML,
# JSON and quoted words reach the model escaped, cost more tokens (20 for 12 below) and may come back so in answers
# and calls of tools. Three braces mend it. A zero or a false in a list is left out of `{{#list}}{{.}}{{/list}}` in
# Python alone, so that the rows 1, 0, 2 are told as 1, 2. A prompt that is kept for both has two texts.
#
# Seen with langchain-core 1.8.3, tiktoken's o200k_base of js-tiktoken 1.0.21, @langchain/core 1.4.0 (Python 3.11,
# Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet langchain-core==1.8.3
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @langchain/core@1.4.0 js-tiktoken@1.0.21 >/dev/null
cat >cases.json <<'JSON'
[["Explain: {{code}}", {"code": "if (a < b && c) print(\"x\")"}],
 ["Explain: {{{code}}}", {"code": "if (a < b && c) print(\"x\")"}],
 ["Rows: {{#rows}}{{.}};{{/rows}}", {"rows": [1, 0, 2]}]]
JSON
cat >write.py <<'PY'
import json

from langchain_core.prompts import PromptTemplate

for template, values in json.load(open("cases.json")):
    print(PromptTemplate.from_template(template, template_format="mustache").format(**values))
PY
cat >write.mjs <<'JS'
import { readFileSync } from "node:fs";
import { PromptTemplate } from "@langchain/core/prompts";

for (const [template, values] of JSON.parse(readFileSync("cases.json"))) {
  console.log(await PromptTemplate.fromTemplate(template, { templateFormat: "mustache" }).format(values));
}
JS
cat >count.mjs <<'JS'
import { readFileSync } from "node:fs";
import { getEncoding } from "js-tiktoken";

const encoding = getEncoding("o200k_base");
for (const name of ["python", "javascript"]) {
  const [first] = readFileSync(name, "utf8").split("\n");
  console.log(`${name}: ${encoding.encode(first.slice("Explain:".length)).length} tokens of code`);
}
JS
venv/bin/python -W ignore write.py >python
node write.mjs >javascript
{ paste -d '\n' <(sed 's/^/python:     /' python) <(sed 's/^/javascript: /' javascript); node count.mjs; } | tee seen
cat >expected <<'END'
python:     Explain: if (a &lt; b &amp;&amp; c) print(&quot;x&quot;)
javascript: Explain: if (a < b && c) print("x")
python:     Explain: if (a < b && c) print("x")
javascript: Explain: if (a < b && c) print("x")
python:     Rows: 1;2;
javascript: Rows: 1;0;2;
python: 20 tokens of code
javascript: 12 tokens of code
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
