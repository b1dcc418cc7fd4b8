#!/usr/bin/env bash
# A grammar that outlines-core makes of a JSON schema lets through what the schema forbids, and forbids what it allows.
#
# outlines-core turns a JSON schema into the regular expression that a model's answer is held to. Guessed before: a
# keyword that it cannot express is an error, as `not` is ("Unsupported JSON Schema structure"). Seen: `minimum`,
# `exclusiveMinimum`, `multipleOf` and `uniqueItems` are left out without a word; `pattern` holds alone, and is left out
# too as soon as `minLength` or `maxLength` stands beside it. The other way round, an exponent needs a sign (1e3 is
# impossible). llguidance, which does the same work, keeps the bounds and the pattern with its length, and says what it
# cannot do.
#
# Seen with outlines-core 0.2.14, llguidance 1.9.1, jsonschema 4.26.0, Python 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet outlines_core==0.2.14 llguidance==1.9.1 jsonschema==4.26.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import json
import re
import sys

import jsonschema
import llguidance
from outlines_core.json_schema import build_regex_from_schema

CASES = [
    ({"type": "integer", "minimum": 1, "maximum": 5}, "99"),
    ({"type": "number", "exclusiveMinimum": 0}, "-1"),
    ({"type": "integer", "multipleOf": 5}, "7"),
    ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True}, "[1,1]"),
    ({"type": "string", "pattern": "^[A-Z]{3}$"}, '"none"'),
    ({"type": "string", "pattern": "^[A-Z]{3}$", "maxLength": 8}, '"none"'),
    ({"type": "number"}, "1e3"),
]
# One token a byte, so that a text is its bytes.
TOKENS = [bytes([at]) for at in range(256)] + [b"<end>"]


class Bytes:
    eos_token_id = 256
    bos_token_id = None
    tokens = TOKENS
    special_token_ids = [256]

    def __call__(self, text):
        return list(text.encode() if isinstance(text, str) else text)


tokenizer = llguidance.LLTokenizer(llguidance.TokenizerWrapper(Bytes()))


def by_schema(schema, text):
    return jsonschema.Draft202012Validator(schema).is_valid(json.loads(text))


def by_outlines(schema, text):
    return re.fullmatch(build_regex_from_schema(json.dumps(schema)), text) is not None


def by_llguidance(schema, text):
    grammar = llguidance.LLMatcher.grammar_from_json_schema(json.dumps(schema))
    matcher = llguidance.LLMatcher(tokenizer, grammar, log_level=0)
    if matcher.is_error():
        return "refuses the schema"
    return matcher.consume_tokens(list(text.encode())) and matcher.is_accepting()


seen = []
for schema, text in CASES:
    told = [check(schema, text) for check in (by_schema, by_outlines, by_llguidance)]
    seen.append(told)
    print(f"{json.dumps(schema)} {text}: schema {told[0]}, outlines-core {told[1]}, llguidance {told[2]}")
try:
    build_regex_from_schema('{"not": {"type": "string"}}')
    told = "made"
except ValueError as exc:
    told = str(exc).split(" {")[0]
print(f"not: {told}")
expected = [
    [False, True, False],
    [False, True, False],
    [False, True, False],
    [False, True, "refuses the schema"],
    [False, False, False],
    [False, True, False],
    [True, False, True],
]
sys.exit(0 if seen == expected and told == "Unsupported JSON Schema structure" else f"changed: expected {expected}")
PY
