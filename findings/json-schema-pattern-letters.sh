#!/usr/bin/env bash
# One pattern of a JSON schema takes "Müller" in three validators and refuses it in three: `\w` and `\d` are those of
# the language each is written in.
#
# The schema of a tool or a form is checked in a browser, by a service, and by the grammar that a model writes in. By
# JSON Schema a pattern is a regular expression of JavaScript. Guessed before: all read `^\w+$` as JavaScript does,
# ASCII alone, or refuse what they read otherwise. Seen: jsonschema, fastjsonschema and pydantic take letters and
# figures of all scripts; jsonschema-rs, ajv and zod do not. pydantic writes its pattern into its schema as it is, so
# that a form made of it refuses a name that the service takes; the grammar that outlines-core makes of it lets a model
# write figures that a check in JavaScript refuses. `[0-9]` is one for all.
#
# Seen with jsonschema 4.26.0, fastjsonschema 2.22.3, pydantic 2.14.4, jsonschema-rs 0.61.2, outlines-core 0.2.14
# (Python 3.11), ajv 8.20.0, zod 4.6.7 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet jsonschema==4.26.0 fastjsonschema==2.22.3 pydantic==2.14.4 jsonschema-rs==0.61.2 \
  outlines-core==0.2.14
npm init -y >/dev/null
npm install --silent --no-audit --no-fund ajv@8.20.0 zod@4.6.7 >/dev/null
cat >cases.json <<'END'
[["^\\w+$", "Muller"], ["^\\w+$", "Müller"], ["^\\d+$", "12"], ["^\\d+$", "१२"], ["^[0-9]+$", "१२"]]
END
cat >check.py <<'PY'
import json
from typing import Annotated

import fastjsonschema
import jsonschema
import jsonschema_rs
from outlines_core import Guide, Index, Vocabulary
from outlines_core.json_schema import build_regex_from_schema
from pydantic import StringConstraints, TypeAdapter, ValidationError


def passes(check, failure):
    try:
        check()
    except failure:
        return False
    return True


def written(schema, text):
    """Whether the grammar has a way through the quotation mark and each letter."""
    tokens = {letter: [number] for number, letter in enumerate('"12Mulerü१२', 1)}
    guide = Guide(Index(build_regex_from_schema(json.dumps(schema)), Vocabulary(0, tokens)))
    for letter in '"' + text:
        if tokens[letter][0] not in guide.get_tokens():
            return False
        guide.advance(tokens[letter][0])
    return True


for pattern, text in json.load(open("cases.json")):
    model = TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])
    schema = model.json_schema()
    assert schema == {"type": "string", "pattern": pattern}
    found = {
        "jsonschema": passes(lambda: jsonschema.validate(text, schema), jsonschema.ValidationError),
        "fastjsonschema": passes(lambda: fastjsonschema.validate(schema, text), fastjsonschema.JsonSchemaException),
        "pydantic": passes(lambda: model.validate_python(text), ValidationError),
        "outlines-core": written(schema, text),
        "jsonschema-rs": jsonschema_rs.is_valid(schema, text),
    }
    print(f"{pattern} takes {text}:", ", ".join(f"{name} {'yes' if taken else 'no'}" for name, taken in found.items()))
PY
cat >check.mjs <<'JS'
import { readFileSync } from "node:fs";
import Ajv from "ajv";
import { fromJSONSchema } from "zod";

for (const [pattern, text] of JSON.parse(readFileSync("cases.json", "utf8"))) {
  const schema = { type: "string", pattern };
  const found = { ajv: new Ajv().validate(schema, text), zod: fromJSONSchema(schema).safeParse(text).success };
  console.log(Object.entries(found).map(([name, taken]) => `${name} ${taken ? "yes" : "no"}`).join(", "));
}
JS
PYTHONUTF8=1 venv/bin/python -W ignore check.py >python
node check.mjs >javascript
paste -d ',' python javascript | sed 's/,\([az]\)/, \1/' | tee seen
cat >expected <<'END'
^\w+$ takes Muller: jsonschema yes, fastjsonschema yes, pydantic yes, outlines-core yes, jsonschema-rs yes, ajv yes, zod yes
^\w+$ takes Müller: jsonschema yes, fastjsonschema yes, pydantic yes, outlines-core yes, jsonschema-rs no, ajv no, zod no
^\d+$ takes 12: jsonschema yes, fastjsonschema yes, pydantic yes, outlines-core yes, jsonschema-rs yes, ajv yes, zod yes
^\d+$ takes १२: jsonschema yes, fastjsonschema yes, pydantic yes, outlines-core yes, jsonschema-rs no, ajv no, zod no
^[0-9]+$ takes १२: jsonschema no, fastjsonschema no, pydantic no, outlines-core no, jsonschema-rs no, ajv no, zod no
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
