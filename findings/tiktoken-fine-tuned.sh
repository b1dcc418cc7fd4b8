#!/usr/bin/env bash
# Tiktoken counts for a fine-tuned gpt-4.1 with the tokens of gpt-4, three times as many in some languages.
#
# Tiktoken finds a model's encoding by its name: gpt-4.1 has o200k_base. Guessed before: a model that was fine-tuned from
# it (`ft:gpt-4.1-2025-04-14:…`), which has the tokens of its base, gets the same, or the error for unknown names, as
# ft:o4-mini does and as js-tiktoken gives. Seen: it begins with `ft:gpt-4`, so it silently gets cl100k_base, that of gpt-4.
# A Hindi sentence of 25 tokens is counted as 83: budgets, windows and chunks of such a model are wrong without a word.
# ft:gpt-4o has a row of its own and is right.
#
# Seen with tiktoken 0.14.0 (Python 3.11) and js-tiktoken 1.0.21 (Node 20), which brings both encodings along. Installs
# them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tiktoken==0.14.0
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund js-tiktoken@1.0.21 >/dev/null
cat >count.mjs <<'JS'
import { getEncoding, getEncodingNameForModel } from "js-tiktoken";

const named = (model) => {
  try {
    return getEncodingNameForModel(model);
  } catch (error) {
    return error.message;
  }
};
for (const model of ["gpt-4.1", "ft:gpt-4.1-2025-04-14:org::id"]) console.log(`js-tiktoken: ${model}: ${named(model)}`);
const text = "क्या मुझे किसी आवासीय भवन के पास पार्किंग की अनुमति है? मेहमान शाम सात बजे आएँगे।";
for (const name of ["o200k_base", "cl100k_base"]) console.log(`${name}: ${getEncoding(name).encode(text).length} tokens`);
JS
{
  venv/bin/python - <<'PY'
from tiktoken.model import encoding_name_for_model

names = ("gpt-4.1", "gpt-4.1-2025-04-14", "ft:gpt-4.1-2025-04-14:org::id", "ft:gpt-4.1-mini-2025-04-14:org::id",
         "gpt-4o-mini", "ft:gpt-4o-mini-2024-07-18:org::id", "o4-mini", "ft:o4-mini-2025-04-16:org::id")  # fmt: skip
for name in names:
    try:
        found = encoding_name_for_model(name)
    except KeyError:
        found = "unknown"
    print(f"tiktoken: {name}: {found}")
PY
  node count.mjs
} >seen
cat seen
cat >expected <<'END'
tiktoken: gpt-4.1: o200k_base
tiktoken: gpt-4.1-2025-04-14: o200k_base
tiktoken: ft:gpt-4.1-2025-04-14:org::id: cl100k_base
tiktoken: ft:gpt-4.1-mini-2025-04-14:org::id: cl100k_base
tiktoken: gpt-4o-mini: o200k_base
tiktoken: ft:gpt-4o-mini-2024-07-18:org::id: o200k_base
tiktoken: o4-mini: o200k_base
tiktoken: ft:o4-mini-2025-04-16:org::id: unknown
js-tiktoken: gpt-4.1: o200k_base
js-tiktoken: ft:gpt-4.1-2025-04-14:org::id: Unknown model
o200k_base: 25 tokens
cl100k_base: 83 tokens
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
