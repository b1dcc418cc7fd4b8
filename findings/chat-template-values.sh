#!/usr/bin/env bash
# The same chat template makes other prompts in Python than in JavaScript: True and true, and an error for null.
#
# A model's chat template is a Jinja text that comes with its weights; transformers renders it in Python, and
# @huggingface/jinja, which transformers.js uses, in JavaScript. Several templates, Qwen3-Coder's among them, write the
# arguments of an earlier tool call as `value | string` unless they are lists or objects. Guessed before: both make the
# prompt that the model was trained on. Seen: Python writes True, 20.0 and None, JavaScript true and 20, and refuses null
# ('Cannot apply filter "string" to type: NullValue'); printed without the filter, null is None in Python and nothing in
# JavaScript. So token counts, caches of prompts and answers differ by the runtime, and a conversation with an optional
# argument left empty works in one alone. `tojson` agrees but for 20.0.
#
# Seen with transformers 5.24.0, Jinja2 3.1.6 (Python 3.11) and @huggingface/jinja 0.5.11 (Node 20). Installs them into a
# temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet transformers==5.24.0 jinja2==3.1.6
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @huggingface/jinja@0.5.11 >/dev/null
cat >call.json <<'JSON'
[{"role": "assistant", "tool_calls": [{"function": {"name": "book", "arguments": {"window": true, "price": 20.0, "note": null}}}]}]
JSON
cat >start <<'END'
{%- for name, value in messages[0].tool_calls[0].function.arguments | items %}{{ name }}=
END
for filter in "value | string" "value" "value | tojson"; do
  printf '%s{{ %s }} {%% endfor %%}' "$(cat start)" "$filter" >template
  printf '%s, Python: ' "$filter"
  TRANSFORMERS_VERBOSITY=error venv/bin/python -W ignore - <<'PY'
import json
from pathlib import Path

from transformers.utils.chat_template_utils import render_jinja_template

messages = json.loads(Path("call.json").read_text())
print(render_jinja_template([messages], chat_template=Path("template").read_text())[0][0].strip())
PY
  printf '%s, JavaScript: ' "$filter"
  cat >render.mjs <<'JS'
import { readFileSync } from "node:fs";
import { Template } from "@huggingface/jinja";

const [template, call] = ["template", "call.json"].map((name) => readFileSync(name, "utf8"));
try {
  console.log(new Template(template).render({ messages: JSON.parse(call) }).trim());
} catch (error) {
  console.log(error.message);
}
JS
  node render.mjs
done >seen
cat seen
cat >expected <<'END'
value | string, Python: window=True price=20.0 note=None
value | string, JavaScript: Cannot apply filter "string" to type: NullValue
value, Python: window=True price=20.0 note=None
value, JavaScript: window=true price=20 note=
value | tojson, Python: window=true price=20.0 note=null
value | tojson, JavaScript: window=true price=20 note=null
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
