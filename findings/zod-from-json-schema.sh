#!/usr/bin/env bash
# zod's `fromJSONSchema` drops rules of a schema without an error, so that a tool takes calls without their arguments.
#
# A tool's input comes as JSON schema (MCP, OpenAPI) and is made a zod schema to check the calls of a model. Guessed
# before: what it cannot express is an error, as for `dependentRequired` and `not`. Seen: of one object with two
# required names the one that is not among its properties is dropped; `anyOf` with `required` ("an e-mail address or
# a phone number"), the same within `allOf`, and the bounds beside `enum` or `$ref` are dropped as well; the default of
# a required property fills it in; a constant that is an object, and whole numbers above 2^53, are refused instead.
# ajv takes and refuses by the schema. The function is called experimental.
#
# Seen with zod 4.6.7, ajv 8.20.0, Node 20. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund zod@4.6.7 ajv@8.20.0 >/dev/null
cat >check.mjs <<'JS'
import Ajv from "ajv/dist/2020.js";
import { z } from "zod";

const text = { type: "string" };
const either = [{ required: ["mail"] }, { required: ["phone"] }];
const cases = {
  "required, among the properties": [{ type: "object", properties: { to: text }, required: ["to"] }, {}],
  "required, not among the properties": [{ type: "object", properties: { to: text }, required: ["sum"] }, {}],
  "one of two required": [{ type: "object", properties: { mail: text, phone: text }, anyOf: either }, {}],
  "required within allOf": [{ type: "object", properties: { to: text }, allOf: [{ required: ["to"] }] }, {}],
  "maximum beside enum": [{ type: "number", enum: [1, 500], maximum: 100 }, 500],
  "maximum beside $ref": [
    { type: "object", properties: { sum: { $ref: "#/$defs/sum", maximum: 100 } }, $defs: { sum: { type: "number" } } },
    { sum: 500 },
  ],
  "required with a default": [{ type: "object", properties: { to: { type: "string", default: "all" } }, required: ["to"] }, {}],
  "a constant object": [{ const: { kind: "card" } }, { kind: "card" }],
  "a whole number above 2^53": [{ type: "integer" }, 2 ** 60],
};
const ajv = new Ajv({ strict: false });
const seen = {};
for (const [name, [schema, value]] of Object.entries(cases)) {
  seen[name] = [ajv.validate(schema, value), z.fromJSONSchema(schema).safeParse(value).success];
  console.log(`${name}: ajv ${seen[name][0]}, zod ${seen[name][1]}`);
}
let refusal = "none";
try {
  z.fromJSONSchema({ type: "object", dependentRequired: { mail: ["name"] } });
} catch (error) {
  refusal = error.message;
}
console.log(`dependentRequired: ${refusal}`);
const expected = {
  "required, among the properties": [false, false],
  "required, not among the properties": [false, true],
  "one of two required": [false, true],
  "required within allOf": [false, true],
  "maximum beside enum": [false, true],
  "maximum beside $ref": [false, true],
  "required with a default": [false, true],
  "a constant object": [true, false],
  "a whole number above 2^53": [true, false],
};
if (JSON.stringify(seen) !== JSON.stringify(expected) || !refusal.includes("not supported")) {
  console.error("changed: expected", expected);
  process.exit(1);
}
JS
node check.mjs
