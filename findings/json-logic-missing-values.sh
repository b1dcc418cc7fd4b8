#!/usr/bin/env bash
# A JsonLogic rule over a value that is missing is true in JavaScript and false in Python, or the other way round.
#
# A rule such as "spent < 100" is kept as JSON so that a page and a service decide alike. Guessed before: what the
# format documents, the same answer in both languages. Seen: json-logic-qubit says false to each comparison with a
# missing value, panzi-json-logic takes one for 0 and for false, and `null` for no value, jsonlogic-rs says neither "at
# most 0" nor "at least 0", and json-logic-js says both. An empty object is false in the first, where the others take it
# for true; -5 % 3 is 1 in both that are written in Python and -2 elsewhere; "1.0" and 1 differ for one, true and 1 are
# the same for two.
#
# Seen with json-logic-js 2.0.5 (Node 20), json-logic-qubit 0.9.1, panzi-json-logic 1.0.1, jsonlogic-rs 0.5.0 (Python
# 3.11). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
for package in json-logic-qubit==0.9.1 panzi-json-logic==1.0.1 jsonlogic-rs==0.5.0; do
  venv/bin/pip install --quiet --target "${package%%=*}" "$package"
done
npm init -y >/dev/null
npm install --silent --no-audit --no-fund json-logic-js@2.0.5 >/dev/null
cat >cases.json <<'END'
{"rules": [{"<": [{"var": "spent"}, 100]}, {"<=": [{"var": "spent"}, 0]}, {">=": [{"var": "spent"}, 0]},
  {"!=": [{"var": "spent"}, 0]}, {"==": [{"var": "spent"}, false]}, {"+": [{"var": "spent"}, 5]},
  {"var": ["limit", 50]}, {"missing": ["limit"]}, {"if": [{"var": "filters"}, "given", "none"]}, {"%": [-5, 3]},
  {"==": ["1.0", 1]}, {"===": [{"var": "count"}, true]}, {"in": [true, [1]]}, {"cat": ["paid: ", {"var": "paid"}]}],
 "data": {"limit": null, "filters": {}, "count": 1, "paid": true}}
END
cat >decide.py <<'PY'
import json, logging, sys

logging.disable()
if sys.argv[1] == "jsonlogic-rs":
    from jsonlogic_rs import apply
else:
    from json_logic import jsonLogic as apply

cases = json.load(open("cases.json"))
for rule in cases["rules"]:
    try:
        print(json.dumps(apply(rule, cases["data"])))
    except Exception as error:
        print(type(error).__name__)
PY
cat >decide.cjs <<'JS'
const { readFileSync } = require("node:fs");
const jsonLogic = require("json-logic-js");

const { rules, data } = JSON.parse(readFileSync("cases.json", "utf8"));
for (const rule of rules) {
  const found = jsonLogic.apply(rule, data);
  console.log(`${JSON.stringify(rule)}: ${Number.isNaN(found) ? "NaN" : JSON.stringify(found)}`);
}
JS
node decide.cjs >javascript
for name in json-logic-qubit panzi-json-logic jsonlogic-rs; do
  PYTHONPATH=$name venv/bin/python -W ignore decide.py $name >"$name.txt"
done
echo "rule: json-logic-js | json-logic-qubit | panzi-json-logic | jsonlogic-rs"
paste -d '|' javascript json-logic-qubit.txt panzi-json-logic.txt jsonlogic-rs.txt | sed 's/|/ | /g' | tee seen
cat >expected <<'END'
{"<":[{"var":"spent"},100]}: true | false | true | true
{"<=":[{"var":"spent"},0]}: true | false | true | false
{">=":[{"var":"spent"},0]}: true | false | true | false
{"!=":[{"var":"spent"},0]}: true | true | false | true
{"==":[{"var":"spent"},false]}: false | true | true | false
{"+":[{"var":"spent"},5]}: NaN | TypeError | 5 | ValueError
{"var":["limit",50]}: null | null | 50 | null
{"missing":["limit"]}: ["limit"] | ["limit"] | ["limit"] | []
{"if":[{"var":"filters"},"given","none"]}: "given" | "none" | "given" | "given"
{"%":[-5,3]}: -2 | 1 | 1 | -2
{"==":["1.0",1]}: true | false | true | true
{"===":[{"var":"count"},true]}: false | false | true | false
{"in":[true,[1]]}: false | true | true | false
{"cat":["paid: ",{"var":"paid"}]}: "paid: true" | "paid: True" | "paid: True" | "paid: true"
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
