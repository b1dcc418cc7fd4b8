#!/usr/bin/env bash
# A prompt template that Jinja2 and Nunjucks both take without an error says different things to the model.
#
# Prompts are written once as Jinja templates and rendered by Jinja2 in a pipeline and by Nunjucks, "inspired by
# jinja2", in a page. Guessed before: what both parse means the same, but for True and None. Seen: an empty list and
# an empty object are true in Nunjucks, so that the heading "Sources:" stands over nothing and the answer "say that
# you do not know" is never asked for; `default(…, true)` does not replace them; the last message by `messages[-1]`
# is empty; two equal lists differ and 1 equals "1"; a loop over an object by its keys has no rounds; a name that is
# set inside a loop is gone behind it in Jinja2 and stays in Nunjucks; "10" + 1 is 101 where Jinja2 raises; null is
# nothing where Jinja2 writes None.
#
# Seen with Jinja2 3.1.6 (Python 3.11), nunjucks 3.2.4 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jinja2==3.1.6
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund nunjucks@3.2.4 >/dev/null
cat >cases.json <<'JSON'
[{"sources": [], "profile": {}, "messages": ["hi", "yes?", "help"], "a": [1], "b": [1], "prices": {"tea": 2}, "note": null},
 ["{% if sources %}Sources: {{ sources|join }}{% else %}Say that you do not know.{% endif %}",
  "{% if not profile %}Ask for the name.{% endif %}", "{{ sources|default('no sources', true) }}", "{{ messages[-1] }}",
  "{{ messages|last }}", "{% if a == b %}same{% else %}changed{% endif %}", "{% if 1 == '1' %}same{% else %}other{% endif %}",
  "{% for name in prices %}{{ name }} {{ prices[name] }}{% endfor %}",
  "{% set seen = 0 %}{% for one in messages %}{% set seen = seen + 1 %}{% endfor %}{{ seen }}", "{{ '10' + 1 }}", "{{ note }}"]]
JSON
cat >render.py <<'PY'
import json

import jinja2

values, templates = json.load(open("cases.json"))
for template in templates:
    try:
        text = jinja2.Environment().from_string(template).render(values)
    except TypeError:
        text = "an error"
    print(f"{template} is Jinja2 [{text}]")
PY
cat >render.mjs <<'JS'
import { readFileSync } from "node:fs";
import nunjucks from "nunjucks";

const [values, templates] = JSON.parse(readFileSync("cases.json"));
const environment = new nunjucks.Environment(null, { autoescape: false });
for (const template of templates) console.log(`Nunjucks [${environment.renderString(template, values)}]`);
JS
venv/bin/python render.py >python
node render.mjs >javascript
paste -d ' ' python javascript | tee seen
cat >expected <<'END'
{% if sources %}Sources: {{ sources|join }}{% else %}Say that you do not know.{% endif %} is Jinja2 [Say that you do not know.] Nunjucks [Sources: ]
{% if not profile %}Ask for the name.{% endif %} is Jinja2 [Ask for the name.] Nunjucks []
{{ sources|default('no sources', true) }} is Jinja2 [no sources] Nunjucks []
{{ messages[-1] }} is Jinja2 [help] Nunjucks []
{{ messages|last }} is Jinja2 [help] Nunjucks [help]
{% if a == b %}same{% else %}changed{% endif %} is Jinja2 [same] Nunjucks [changed]
{% if 1 == '1' %}same{% else %}other{% endif %} is Jinja2 [other] Nunjucks [same]
{% for name in prices %}{{ name }} {{ prices[name] }}{% endfor %} is Jinja2 [tea 2] Nunjucks []
{% set seen = 0 %}{% for one in messages %}{% set seen = seen + 1 %}{% endfor %}{{ seen }} is Jinja2 [0] Nunjucks [3]
{{ '10' + 1 }} is Jinja2 [an error] Nunjucks [101]
{{ note }} is Jinja2 [None] Nunjucks []
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
