#!/usr/bin/env bash
# Two converters of Markdown for Slack write "2 * 3 * 4" as "2 _ 3 _ 4", one changes code between backticks, and a third
# adds letters that nobody sees.
#
# Answers of a model are turned into Slack's mrkdwn before they are sent. Guessed before: what is no markup stays as it
# is, and code in any case. Seen: markdown-to-mrkdwn and md2mrkdwn for Python take two asterisks between numbers for
# italics, write escaped asterisks as italics, cut an address at its bracket, and leave `<` and `&` as they are, which
# Slack wants escaped. markdown-to-mrkdwn reads markup between backticks too: `f(**a) + g(**b)` loses two asterisks.
# slackify-markdown for JavaScript does all of this right, and writes U+200B on both sides of what is bold or italic, so
# that a copied name is not the name.
#
# Seen with markdown-to-mrkdwn 0.3.3, md2mrkdwn 0.4.5 (Python 3.11), slackify-markdown 5.0.0 (Node 20). Installs them
# into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet markdown-to-mrkdwn==0.3.3 md2mrkdwn==0.4.5
npm init -y >/dev/null
npm install --silent --no-audit --no-fund slackify-markdown@5.0.0 >/dev/null
cat >texts.json <<'END'
["2 * 3 * 4 is 24", "\\*no stars\\*", "`f(**a) + g(**b)`", "[set](http://localhost/set_(a))", "5 < 6 & 7 > 6",
  "run **make**"]
END
cat >convert.py <<'PY'
import json

from markdown_to_mrkdwn import SlackMarkdownConverter
from md2mrkdwn import convert

readers = {"markdown-to-mrkdwn": SlackMarkdownConverter().convert, "md2mrkdwn": convert}
for name, read in readers.items():
    for text in json.load(open("texts.json")):
        print(f"{name}, {json.dumps(text)}: {json.dumps(read(text), ensure_ascii=False)}")
PY
cat >convert.mjs <<'JS'
import { readFileSync } from "node:fs";
import { slackifyMarkdown } from "slackify-markdown";

for (const text of JSON.parse(readFileSync("texts.json", "utf8"))) {
  const found = JSON.stringify(slackifyMarkdown(text).trimEnd()).replaceAll("\u200b", "(U+200B)");
  console.log(`slackify-markdown, ${JSON.stringify(text)}: ${found}`);
}
JS
{ PYTHONUTF8=1 venv/bin/python convert.py && node convert.mjs; } | tee seen
cat >expected <<'END'
markdown-to-mrkdwn, "2 * 3 * 4 is 24": "2 _ 3 _ 4 is 24"
markdown-to-mrkdwn, "\\*no stars\\*": "\\_no stars\\_"
markdown-to-mrkdwn, "`f(**a) + g(**b)`": "`f(*a) + g(*b)`"
markdown-to-mrkdwn, "[set](http://localhost/set_(a))": "<http://localhost/set_(a|set>)"
markdown-to-mrkdwn, "5 < 6 & 7 > 6": "5 < 6 & 7 > 6"
markdown-to-mrkdwn, "run **make**": "run *make*"
md2mrkdwn, "2 * 3 * 4 is 24": "2 _ 3 _ 4 is 24"
md2mrkdwn, "\\*no stars\\*": "\\_no stars\\_"
md2mrkdwn, "`f(**a) + g(**b)`": "`f(**a) + g(**b)`"
md2mrkdwn, "[set](http://localhost/set_(a))": "<http://localhost/set_(a|set>)"
md2mrkdwn, "5 < 6 & 7 > 6": "5 < 6 & 7 > 6"
md2mrkdwn, "run **make**": "run *make*"
slackify-markdown, "2 * 3 * 4 is 24": "2 * 3 * 4 is 24"
slackify-markdown, "\\*no stars\\*": "*no stars*"
slackify-markdown, "`f(**a) + g(**b)`": "`f(**a) + g(**b)`"
slackify-markdown, "[set](http://localhost/set_(a))": "<http://localhost/set_(a)|set>"
slackify-markdown, "5 < 6 & 7 > 6": "5 &lt; 6 &amp; 7 &gt; 6"
slackify-markdown, "run **make**": "run (U+200B)*make*(U+200B)"
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
