#!/usr/bin/env bash
# One Liquid template writes $19.99 in JavaScript and $19 in Python: divisions, rounding, splits and dates differ.
#
# Prompts and messages are kept as Liquid templates, so that a service in Python and a page in JavaScript write the
# same. Guessed before: the filters that both document do the same on whole numbers, decimals and texts. Seen: liquidjs
# divides whole numbers as JavaScript does, where python-liquid (and Liquid's documentation) rounds down. python-liquid
# rounds a half to the even neighbour (2.5 is 2, 0.5 is 0), liquidjs up; it keeps the empty fields at the end of a
# split, which liquidjs drops, so that one line has six columns or four; whole floats are 3.0 or 3; and of a time with
# an offset liquidjs writes the day that it is on the server, python-liquid that of the text.
#
# Seen with liquidjs 10.30.1 (Node 20), python-liquid 2.3.6 (Python 3.11). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet python-liquid==2.3.6
npm init -y >/dev/null
npm install --silent --no-audit --no-fund liquidjs@10.30.1 >/dev/null
cat >cases.json <<'END'
{"templates": ["${{ cents | divided_by: 100 }}", "{{ used | times: 100 | divided_by: quota }}% used",
  "{{ -7 | divided_by: 2 }}", "{{ 7 | divided_by: 2.0 }}", "{{ 2.5 | round }} {{ 3.5 | round }} {{ 0.5 | round }}",
  "{{ 1.005 | round: 2 }}", "{{ 'a,b,,c,,' | split: ',' | size }} columns", "{{ ' a  b ' | split: ' ' | size }} words",
  "{{ 20 | times: 0.15 }}", "{{ 0.1 | plus: 0.2 }}", "{{ due | date: '%d %B' }}"],
 "data": {"cents": 1999, "used": 2, "quota": 3, "due": "2024-05-02T01:30:00+02:00"}}
END
cat >write.mjs <<'JS'
import { readFileSync } from "node:fs";
import { Liquid } from "liquidjs";

const { templates, data } = JSON.parse(readFileSync("cases.json", "utf8"));
for (const template of templates) console.log(await new Liquid().parseAndRender(template, data));
JS
cat >write.py <<'PY'
import json

from liquid import Environment

cases = json.load(open("cases.json"))
for template in cases["templates"]:
    print(f"{template}: {Environment().from_string(template).render(**cases['data'])}")
PY
TZ=UTC venv/bin/python write.py >python
TZ=UTC node write.mjs >javascript
echo "template: in Python | in JavaScript"
paste -d '|' python javascript | sed 's/|\([^|]*\)$/ | \1/' | tee seen
cat >expected <<'END'
${{ cents | divided_by: 100 }}: $19 | $19.99
{{ used | times: 100 | divided_by: quota }}% used: 66% used | 66.66666666666667% used
{{ -7 | divided_by: 2 }}: -4 | -3.5
{{ 7 | divided_by: 2.0 }}: 3.5 | 3.5
{{ 2.5 | round }} {{ 3.5 | round }} {{ 0.5 | round }}: 2 4 0 | 3 4 1
{{ 1.005 | round: 2 }}: 1.0 | 1.01
{{ 'a,b,,c,,' | split: ',' | size }} columns: 6 columns | 4 columns
{{ ' a  b ' | split: ' ' | size }} words: 2 words | 4 words
{{ 20 | times: 0.15 }}: 3.0 | 3
{{ 0.1 | plus: 0.2 }}: 0.3 | 0.30000000000000004
{{ due | date: '%d %B' }}: 02 May | 01 May
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
