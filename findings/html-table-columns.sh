#!/usr/bin/env bash
# A table of a web page with a cell over two rows, or with a "|" in a cell, has its values under other headings when
# markdownify, html2text, Turndown or node-html-markdown makes Markdown of it for a model.
#
# Guessed before: a converter fills the place of a cell that spans rows or columns, and writes "|" in a cell as "\|",
# as tables of Markdown need. Seen: the row below a spanning cell moves to the left, so that 120, the yearly price,
# stands under "Type" and "yearly" under "Plan"; all but markdownify do so with a cell over two columns, too. In all but
# node-html-markdown "int | None" becomes two cells, and the last value falls off the row. What is made is a well-formed
# table, so that nobody sees it: asked for the yearly price, a model reads an empty cell. html-to-markdown keeps all
# values where they were.
#
# Seen with markdownify 1.2.3, html2text 2025.4.15, html-to-markdown 3.21.2, markdown-it-py 4.3.0 to read the result
# (Python 3.11), turndown 7.2.5, turndown-plugin-gfm 1.0.2, node-html-markdown 2.0.0 (Node 20). Installs them into a
# temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet markdownify==1.2.3 html2text==2025.4.15 html-to-markdown==3.21.2 \
  markdown-it-py==4.3.0
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund turndown@7.2.5 turndown-plugin-gfm@1.0.2 node-html-markdown@2.0.0 >/dev/null
cat >page.html <<'HTML'
<table><tr><th>Plan</th><th>Type</th><th>Price</th></tr>
<tr><td rowspan="2">Team</td><td>monthly</td><td>12</td></tr>
<tr><td>yearly</td><td>120</td></tr>
<tr><td colspan="2">Students</td><td>0</td></tr>
<tr><td>Code</td><td>int | None</td><td>7</td></tr></table>
HTML
cat >convert.mjs <<'JS'
import { readFileSync } from "node:fs";
import { NodeHtmlMarkdown } from "node-html-markdown";
import Turndown from "turndown";
import { gfm } from "turndown-plugin-gfm";

const page = readFileSync("page.html", "utf8");
const turndown = new Turndown();
turndown.use(gfm);
const converted = { turndown: turndown.turndown(page), "node-html-markdown": NodeHtmlMarkdown.translate(page) };
console.log(JSON.stringify(converted));
JS
venv/bin/python -W ignore - <<'PY'
import json
import subprocess
import sys

import html2text
import html_to_markdown
import markdownify
from markdown_it import MarkdownIt

PAGE = open("page.html").read()
converted = {
    "html-to-markdown": html_to_markdown.convert(PAGE).content,
    "markdownify": markdownify.markdownify(PAGE),
    "html2text": html2text.HTML2Text(bodywidth=0).handle(PAGE),
} | json.loads(subprocess.run(["node", "convert.mjs"], capture_output=True, text=True, check=True).stdout)


def prices(markdown):
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    cells = [after.content for token, after in zip(tokens, tokens[1:]) if token.type in ("th_open", "td_open")]
    return cells[5::3]


seen = {}
for name, markdown in converted.items():
    seen[name] = prices(markdown)
    print(f"{name}: the column of prices is {seen[name]}")
shifted = ["12", "", "0", "None"]
expected = {
    "html-to-markdown": ["12", "120", "0", "7"],
    "markdownify": shifted,
    "html2text": ["12", "", "", "None"],
    "turndown": ["12", "", "", "None"],
    "node-html-markdown": ["12", "", "", "7"],
}
sys.exit(0 if seen == expected else f"changed: {seen}, expected {expected}")
PY
