#!/usr/bin/env bash
# Of ten thousand prices in whole cents, 1,363 satisfy the model that wrote a JSON schema and fail the schema.
#
# `Field(multiple_of=0.01)` of pydantic, and `multipleOf(0.01)` of zod, are written as `"multipleOf": 0.01`. Pydantic,
# zod, fastjsonschema and @cfworker/json-schema take every price from 0.01 to 100.00; jsonschema and ajv, the two that most
# tools use, divide as floats and refuse the same 1,363 of them, 0.29 and 1.1 among these. So a tool's arguments or a
# structured answer can be valid where they are made and invalid where they are checked.
#
# Seen with pydantic 2.14.4, jsonschema 4.26.0, fastjsonschema 2.22.3; ajv 8.20.0, zod 4.6.7 and @cfworker/json-schema
# 4.1.6 on Node 20. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pydantic==2.14.4 jsonschema==4.26.0 fastjsonschema==2.22.3
"$folder/venv/bin/python" - >"$folder/python" <<'PY'
import fastjsonschema
import jsonschema
from pydantic import BaseModel, Field


class Line(BaseModel):
    price: float = Field(multiple_of=0.01)


schema = Line.model_json_schema()
checks = {
    "pydantic": Line.model_validate,
    "fastjsonschema": fastjsonschema.compile(schema),
    "jsonschema": jsonschema.Draft202012Validator(schema).validate,
}
refused = dict.fromkeys(checks, 0)
for cents in range(1, 10_001):
    for name, check in checks.items():
        try:
            check({"price": cents / 100})
        except ValueError:
            refused[name] += 1
        except jsonschema.ValidationError:
            refused[name] += 1
for name, count in refused.items():
    print(f"{name} {count}")
PY
(
  cd "$folder"
  npm init -y >/dev/null
  npm install --silent --no-audit --no-fund ajv@8.20.0 zod@4.6.7 @cfworker/json-schema@4.1.6 >/dev/null
  cat >check.mjs <<'JS'
import { Validator } from "@cfworker/json-schema";
import Ajv from "ajv";
import * as z from "zod";

const line = z.object({ price: z.number().multipleOf(0.01) });
const schema = { type: "object", properties: { price: { type: "number", multipleOf: 0.01 } } };
const byAjv = new Ajv().compile(schema);
const byWorker = new Validator(schema, "2020-12");
const refused = { zod: 0, worker: 0, ajv: 0 };
for (let cents = 1; cents <= 10000; cents++) {
  const value = { price: cents / 100 };
  if (!line.safeParse(value).success) refused.zod++;
  if (!byWorker.validate(value).valid) refused.worker++;
  if (!byAjv(value)) refused.ajv++;
}
for (const [name, count] of Object.entries(refused)) console.log(`${name} ${count}`);
JS
  node check.mjs >javascript
)
cat "$folder/python" "$folder/javascript"
expected='pydantic 0
fastjsonschema 0
jsonschema 1363
zod 0
worker 0
ajv 1363'
[ "$(cat "$folder/python" "$folder/javascript")" = "$expected" ] || { echo "changed: expected $expected" >&2; exit 1; }
