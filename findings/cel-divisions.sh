#!/usr/bin/env bash
# A condition in CEL has another value with cel-python and with cel-js than with two libraries that follow the language:
# 1200 / 1000.0 is 1 for the first, 7 / 2 is 3.5 for the second.
#
# Rules of quotas, routing and flags are written in CEL (the Common Expression Language) so that every service reads
# them alike. In it 7 / 2 is 3; a whole number divided by a float is an error, and `double(1200)` says what is meant.
# Guessed before: all libraries say so. Seen: cel-python cuts the quotient of a whole number and a float to a whole one,
# without an error, so that 1,200 tokens at a price per thousand are one thousand. cel-js divides as JavaScript does, so
# that `used / 500 == 2` is false for 1,200, and takes two ids above 2^53 for one. @marcbachmann/cel-js and
# @bufbuild/cel follow the language in all of it.
#
# Seen with cel-python 0.5.0 (Python 3.11), cel-js 0.8.2, @marcbachmann/cel-js 8.0.0, @bufbuild/cel 0.6.1 (Node 20).
# Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet cel-python==0.5.0
npm init -y >/dev/null
npm install --silent --no-audit --no-fund cel-js@0.8.2 @marcbachmann/cel-js@8.0.0 @bufbuild/cel@0.6.1 >/dev/null
cat >conditions <<'END'
7 / 2
1200 / 500 == 2
1200 / 1000.0
double(1200) / 1000.0
9 / 10.0 * 100.0
9007199254740993 == 9007199254740992
END
cat >evaluate.py <<'PY'
import celpy

environment = celpy.Environment()
for line in open("conditions"):
    try:
        print("cel-python", environment.program(environment.compile(line.strip())).evaluate({}))
    except celpy.CELEvalError:
        print("cel-python an error")
PY
cat >evaluate.mjs <<'JS'
import { readFileSync } from "node:fs";
import { run } from "@bufbuild/cel";
import { evaluate as second } from "@marcbachmann/cel-js";
import { evaluate as first } from "cel-js";

const libraries = { "cel-js": first, "@marcbachmann/cel-js": second, "@bufbuild/cel": run };
const value = (evaluate, condition) => {
  try {
    const found = evaluate(condition, {});
    return ["bigint", "number", "boolean"].includes(typeof found) ? found : "an error";
  } catch {
    return "an error";
  }
};
for (const condition of readFileSync("conditions", "utf8").trim().split("\n"))
  console.log(Object.entries(libraries).map(([name, evaluate]) => `${name} ${value(evaluate, condition)}`).join(", "));
JS
venv/bin/python -W ignore evaluate.py >python
node evaluate.mjs >javascript
paste -d ',' python javascript | sed 's/,/, /; s/,  */, /g' >values
paste -d ':' conditions values | sed 's/:/: /' | tee seen
cat >expected <<'END'
7 / 2: cel-python 3, cel-js 3.5, @marcbachmann/cel-js 3, @bufbuild/cel 3
1200 / 500 == 2: cel-python True, cel-js false, @marcbachmann/cel-js true, @bufbuild/cel true
1200 / 1000.0: cel-python 1, cel-js 1.2, @marcbachmann/cel-js an error, @bufbuild/cel an error
double(1200) / 1000.0: cel-python 1.2, cel-js an error, @marcbachmann/cel-js 1.2, @bufbuild/cel 1.2
9 / 10.0 * 100.0: cel-python an error, cel-js 90, @marcbachmann/cel-js an error, @bufbuild/cel an error
9007199254740993 == 9007199254740992: cel-python False, cel-js true, @marcbachmann/cel-js false, @bufbuild/cel false
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
