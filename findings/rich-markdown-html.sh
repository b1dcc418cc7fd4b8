#!/usr/bin/env bash
# Rich's Markdown leaves out what looks like HTML, with the text inside of HTML blocks.
#
# An answer of a model about code says "a Vec<T> of List<int>" in prose, which is HTML by CommonMark. Guessed before: shown
# as it is written, as a terminal knows no HTML. Seen: "a Vec of List"; "keep a<b and c>d" becomes "keep ad", the lines of a
# cell that are parted by <br> become one word, and the text of a <div> or <summary> is gone. What is lost is told
# nowhere, and no option of `Markdown` keeps it. markdown-it, by which Rich reads, has one: with `html` false all of it is
# text, and a program can set `parsed` of a `Markdown` by such a reader.
#
# Seen with rich 15.0.0, markdown-it-py 4.3.0, Python 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet rich==15.0.0 markdown-it-py==4.3.0
"$folder/venv/bin/python" - <<'PY'
import io
import sys

from markdown_it import MarkdownIt
from rich.console import Console
from rich.markdown import Markdown


def shown(markdown):
    console = Console(file=io.StringIO(), width=60)
    console.print(markdown)
    return " ".join(console.file.getvalue().replace("─", "").split())


as_text = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])
seen = {}
for text in (
    "a Vec<T> of List<int>",
    "keep a<b and c>d",
    "| a |\n| - |\n| one<br>two |",
    "<summary>More</summary>\n\nBelow",
    "<div>\nInside\n</div>\n\nBelow",
    "[a link](https://example.org/)",
):
    markdown = Markdown(text, hyperlinks=False)
    by_rich = shown(markdown)
    markdown.parsed = as_text.parse(text)
    seen[text] = by_rich, shown(markdown)
    print(f"{text!r:36} {by_rich!r:34} html false: {seen[text][1]!r}")
expected = {
    "a Vec<T> of List<int>": ("a Vec of List", "a Vec<T> of List<int>"),
    "keep a<b and c>d": ("keep ad", "keep a<b and c>d"),
    "| a |\n| - |\n| one<br>two |": ("a onetwo", "a one<br>two"),
    "<summary>More</summary>\n\nBelow": ("Below", "<summary>More</summary> Below"),
    "<div>\nInside\n</div>\n\nBelow": ("Below", "<div> Inside </div> Below"),
    "[a link](https://example.org/)": ("a link (https://example.org/)", "a link (https://example.org/)"),
}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
