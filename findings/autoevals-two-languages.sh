#!/usr/bin/env bash
# The same answers have other scores by autoevals for Python than by autoevals for JavaScript.
#
# An evaluation in a notebook and one in a pipeline use the same library, with the same names, in two languages.
# Guessed before: "ExactMatch" and "JSONDiff" are rules, so they agree. Seen: a text "true" is right for an expected
# true in JavaScript and wrong in Python, where "True" is right; "None" is right for null in Python; 1 and 1.0 differ
# in Python's ExactMatch. JSONDiff in Python takes true for 1, so that a wrong type is a full score, and gives 0 for
# true in the place of false where JavaScript gives 0.2. In both, a field that is null has the full score with one
# that is missing.
#
# Seen with autoevals 0.4.1 (Python 3.11), autoevals 0.3.0 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet autoevals==0.4.1
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund autoevals@0.3.0 >/dev/null
cat >cases.json <<'JSON'
[["ExactMatch", "yes", "yes"], ["ExactMatch", "true", true], ["ExactMatch", "True", true], ["ExactMatch", "None", null],
 ["ExactMatch", 1, 1.0], ["JSONDiff", {"paid": true}, {"paid": true}], ["JSONDiff", {"paid": 1}, {"paid": true}],
 ["JSONDiff", {"paid": true}, {"paid": false}], ["JSONDiff", {"note": null}, {}], ["JSONDiff", {"sum": 1}, {"sum": 2}],
 ["Levenshtein", "order", "border"], ["NumericDiff", 50, 100]]
JSON
cat >score.py <<'PY'
import json

import autoevals

for name, output, expected in json.load(open("cases.json")):
    score = getattr(autoevals, name)()(output, expected).score
    print(f"{name} of {json.dumps(output)} for {json.dumps(expected)}: Python {score:.2f}")
PY
cat >score.mjs <<'JS'
import { readFileSync } from "node:fs";
import * as autoevals from "autoevals";

for (const [name, output, expected] of JSON.parse(readFileSync("cases.json"))) {
  console.log(`JavaScript ${(await autoevals[name]({ output, expected })).score.toFixed(2)}`);
}
JS
venv/bin/python -W ignore score.py >python
node score.mjs >javascript
paste -d ' ' python javascript | tee seen
cat >expected <<'END'
ExactMatch of "yes" for "yes": Python 1.00 JavaScript 1.00
ExactMatch of "true" for true: Python 0.00 JavaScript 1.00
ExactMatch of "True" for true: Python 1.00 JavaScript 0.00
ExactMatch of "None" for null: Python 1.00 JavaScript 0.00
ExactMatch of 1 for 1.0: Python 0.00 JavaScript 1.00
JSONDiff of {"paid": true} for {"paid": true}: Python 1.00 JavaScript 1.00
JSONDiff of {"paid": 1} for {"paid": true}: Python 1.00 JavaScript 0.00
JSONDiff of {"paid": true} for {"paid": false}: Python 0.00 JavaScript 0.20
JSONDiff of {"note": null} for {}: Python 1.00 JavaScript 1.00
JSONDiff of {"sum": 1} for {"sum": 2}: Python 0.67 JavaScript 0.67
Levenshtein of "order" for "border": Python 0.83 JavaScript 0.83
NumericDiff of 50 for 100: Python 0.67 JavaScript 0.67
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
