#!/usr/bin/env bash
# A price with a footnote mark is another price in the text of a web page: $20 with the mark 1 becomes $201.
#
# Guessed before: what a page shows as 20¹, 10⁶ and a struck-out 99 can be told from 201, 106 and 99 after the page was
# turned into Markdown or text for a model. Seen: markdownify, html2text, html-to-markdown, Turndown,
# node-html-markdown, html-to-text, inscriptis and Beautiful Soup's get_text all drop `<sup>` and keep its digits:
# "$201 a month" and "106 tokens". The old price in `<del>` beside the new one has no mark in the text of four of them.
# The sentence that is left reads well, so that nobody sees it, and a model answers with ten times the price.
# trafilatura keeps the tags. markdownify has an option for a sign (sup_symbol="^"); it is off unless one asks for it.
#
# Seen with markdownify 1.2.3, html2text 2025.4.15, html-to-markdown 3.21.2, inscriptis 2.7.6, beautifulsoup4 4.15.0,
# trafilatura 2.3.1 with lxml_html_clean 0.4.6 (Python 3.11), turndown 7.2.5, node-html-markdown 2.0.0, html-to-text
# 10.0.1 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet markdownify==1.2.3 html2text==2025.4.15 html-to-markdown==3.21.2 \
  inscriptis==2.7.6 beautifulsoup4==4.15.0 trafilatura==2.3.1 lxml_html_clean==0.4.6
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund turndown@7.2.5 node-html-markdown@2.0.0 html-to-text@10.0.1 >/dev/null
cat >page.html <<'HTML'
<html><body><article>
<p>The plan costs $20<sup>1</sup> a month, or <del>$99</del> $79 a year, with 10<sup>6</sup> tokens.</p>
</article></body></html>
HTML
cat >convert.py <<'PY'
import bs4
import html2text
import html_to_markdown
import inscriptis
import markdownify
import trafilatura

PAGE = open("page.html").read()
print("markdownify:", markdownify.markdownify(PAGE).strip())
print("html2text:", html2text.HTML2Text(bodywidth=0).handle(PAGE).strip())
print("html-to-markdown:", html_to_markdown.convert(PAGE).content.strip())
print("inscriptis:", inscriptis.get_text(PAGE).strip())
print("Beautiful Soup:", bs4.BeautifulSoup(PAGE, "html.parser").get_text().strip())
print("trafilatura:", trafilatura.extract(PAGE, output_format="markdown").strip())
PY
cat >convert.mjs <<'JS'
import { readFileSync } from "node:fs";
import { convert } from "html-to-text";
import { NodeHtmlMarkdown } from "node-html-markdown";
import Turndown from "turndown";

const page = readFileSync("page.html", "utf8");
console.log(`turndown: ${new Turndown().turndown(page).trim()}`);
console.log(`node-html-markdown: ${NodeHtmlMarkdown.translate(page).trim()}`);
console.log(`html-to-text: ${convert(page, { wordwrap: false }).trim()}`);
JS
{ venv/bin/python -W ignore convert.py; node convert.mjs; } | tee seen
cat >expected <<'END'
markdownify: The plan costs $201 a month, or ~~$99~~ $79 a year, with 106 tokens.
html2text: The plan costs $201 a month, or ~~$99~~ $79 a year, with 106 tokens.
html-to-markdown: The plan costs $201 a month, or ~~$99~~ $79 a year, with 106 tokens.
inscriptis: The plan costs $201 a month, or $99 $79 a year, with 106 tokens.
Beautiful Soup: The plan costs $201 a month, or $99 $79 a year, with 106 tokens.
trafilatura: The plan costs $20<sup>1</sup> a month, or ~~$99~~ $79 a year, with 10<sup>6</sup> tokens.
turndown: The plan costs $201 a month, or $99 $79 a year, with 106 tokens.
node-html-markdown: The plan costs $201 a month, or ~~$99~~ $79 a year, with 106 tokens.
html-to-text: The plan costs $201 a month, or $99 $79 a year, with 106 tokens.
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
