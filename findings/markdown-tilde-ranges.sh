#!/usr/bin/env bash
# Two ranges with tildes in one line are struck out by remark-gfm, marked and cmark-gfm: "3~5 days, in winter 7~9" is
# shown as a 3, "5 days, in winter 7" with a line through it, and a 9.
#
# A tilde between two numbers is how a range is written in Korean, Japanese and Chinese, and by models in English as
# well: opening hours, delivery times, prices. Guessed before: a strikethrough has two tildes, and a single one between
# figures is text, as an asterisk is that has spaces. Seen: GFM allows one, and by default remark-gfm (react-markdown's
# plugin), marked and cmark-gfm begin and end a strikethrough with it inside of a word, so that the hours are shown as
# no longer valid, and without their tildes; one range in a line stays as it is, so that a first try looks right.
# markdown-it in both languages and mistune want two. `singleTilde: false` mends remark-gfm.
#
# Seen with remark-gfm 4.0.1, marked 18.2.1, markdown-it 15.0.3 (Node 20), cmarkgfm 2025.10.22, markdown-it-py 4.3.0,
# mistune 3.4.0 (Python 3.11). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet cmarkgfm==2025.10.22 markdown-it-py==4.3.0 mistune==3.4.0
npm init -y >/dev/null
npm install --silent --no-audit --no-fund unified@11.0.5 remark-parse@11.0.0 remark-gfm@4.0.1 remark-rehype@11.1.2 \
  rehype-stringify@10.0.1 marked@18.2.1 markdown-it@15.0.3 >/dev/null
cat >lines.json <<'END'
["Takes 3~5 days.", "Takes 3~5 days, in winter 7~9 days.", "9:00~12:00, 14:00~18:00", "3~5일, 주말 7~9일"]
END
cat >render.mjs <<'JS'
import { readFileSync } from "node:fs";
import markdownIt from "markdown-it";
import { marked } from "marked";
import rehypeStringify from "rehype-stringify";
import remarkGfm from "remark-gfm";
import remarkParse from "remark-parse";
import remarkRehype from "remark-rehype";
import { unified } from "unified";

const remark = (options) => (text) =>
  String(unified().use(remarkParse).use(remarkGfm, options).use(remarkRehype).use(rehypeStringify).processSync(text));
const renderers = {
  "remark-gfm": remark({}),
  "remark-gfm, singleTilde false": remark({ singleTilde: false }),
  marked: (text) => marked.parse(text),
  "markdown-it": (text) => markdownIt().render(text),
};
for (const [name, render] of Object.entries(renderers))
  for (const line of JSON.parse(readFileSync("lines.json", "utf8"))) console.log(`${name}: ${render(line).trim()}`);
JS
cat >render.py <<'PY'
import json

import cmarkgfm
import mistune
from markdown_it import MarkdownIt

RENDERERS = {
    "cmarkgfm": cmarkgfm.github_flavored_markdown_to_html,
    "markdown-it-py": MarkdownIt().enable("strikethrough").render,
    "mistune": mistune.create_markdown(plugins=["strikethrough"]),
}
for name, render in RENDERERS.items():
    for line in json.load(open("lines.json")):
        print(f"{name}: {render(line).strip()}")
PY
{ node render.mjs && venv/bin/python -W ignore render.py; } | tee seen
cat >expected <<'END'
remark-gfm: <p>Takes 3~5 days.</p>
remark-gfm: <p>Takes 3<del>5 days, in winter 7</del>9 days.</p>
remark-gfm: <p>9:00<del>12:00, 14:00</del>18:00</p>
remark-gfm: <p>3<del>5일, 주말 7</del>9일</p>
remark-gfm, singleTilde false: <p>Takes 3~5 days.</p>
remark-gfm, singleTilde false: <p>Takes 3~5 days, in winter 7~9 days.</p>
remark-gfm, singleTilde false: <p>9:00~12:00, 14:00~18:00</p>
remark-gfm, singleTilde false: <p>3~5일, 주말 7~9일</p>
marked: <p>Takes 3~5 days.</p>
marked: <p>Takes 3<del>5 days, in winter 7</del>9 days.</p>
marked: <p>9:00<del>12:00, 14:00</del>18:00</p>
marked: <p>3<del>5일, 주말 7</del>9일</p>
markdown-it: <p>Takes 3~5 days.</p>
markdown-it: <p>Takes 3~5 days, in winter 7~9 days.</p>
markdown-it: <p>9:00~12:00, 14:00~18:00</p>
markdown-it: <p>3~5일, 주말 7~9일</p>
cmarkgfm: <p>Takes 3~5 days.</p>
cmarkgfm: <p>Takes 3<del>5 days, in winter 7</del>9 days.</p>
cmarkgfm: <p>9:00<del>12:00, 14:00</del>18:00</p>
cmarkgfm: <p>3<del>5일, 주말 7</del>9일</p>
markdown-it-py: <p>Takes 3~5 days.</p>
markdown-it-py: <p>Takes 3~5 days, in winter 7~9 days.</p>
markdown-it-py: <p>9:00~12:00, 14:00~18:00</p>
markdown-it-py: <p>3~5일, 주말 7~9일</p>
mistune: <p>Takes 3~5 days.</p>
mistune: <p>Takes 3~5 days, in winter 7~9 days.</p>
mistune: <p>9:00~12:00, 14:00~18:00</p>
mistune: <p>3~5일, 주말 7~9일</p>
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
