#!/usr/bin/env bash
# LangChain's splitter of Markdown by headings takes the indentation off code, and comments in code for headings.
#
# MarkdownHeaderTextSplitter cuts documents for a search, so that a model answers with their chunks. Guessed before: a chunk has the
# lines of its part as they are, less the heading. Seen: every line is stripped, also between fences: Python code arrives
# without its indentation, so it is no program any more, and nested lists are flat. In code by indentation, and in a
# fence of four backticks around one of three, a line that begins with "#" is a heading: it is taken out of the text and put into the
# metadata. The same package's ExperimentalMarkdownSyntaxTextSplitter and llama-index's parser keep the indentation.
#
# Seen with langchain-text-splitters 1.1.3, llama-index-core 0.14.25, Python 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet langchain-text-splitters==1.1.3 llama-index-core==0.14.25
"$folder/venv/bin/python" -W ignore - <<'PY'
import sys

from langchain_text_splitters import ExperimentalMarkdownSyntaxTextSplitter, MarkdownHeaderTextSplitter
from llama_index.core import Document
from llama_index.core.node_parser import MarkdownNodeParser

HEADINGS = [("#", "heading")]
CODE = "for number in numbers:\n    if number > limit:\n        break\n"
FENCED = f"# Limits\n\nStop at the first:\n\n```python\n{CODE}```\n"
INDENTED = "# Setup\n\nFirst:\n\n    # once a machine\n    make install\n\nThen go on.\n"
LIST = "# Steps\n\n- install\n  - the server\n"


def by_headings(text):
    return MarkdownHeaderTextSplitter(HEADINGS).split_text(text)


def by_syntax(text):
    return ExperimentalMarkdownSyntaxTextSplitter(headers_to_split_on=HEADINGS).split_text(text)


def by_llama_index(text):
    return MarkdownNodeParser().get_nodes_from_documents([Document(text=text)])


def texts(split, text):
    return "\n".join(getattr(each, "page_content", None) or each.text for each in split(text))


seen = {}
for split in (by_headings, by_syntax, by_llama_index):
    seen[split.__name__] = {
        "code kept": CODE in texts(split, FENCED),
        "comment kept": "# once a machine" in texts(split, INDENTED),
        "list nested": "  - the server" in texts(split, LIST),
    }
    print(split.__name__, seen[split.__name__])
print(by_headings(FENCED)[0].page_content)
found = [each.metadata for each in by_headings(INDENTED)]
print("headings of the indented code's page:", found)
kept = dict.fromkeys(("code kept", "comment kept", "list nested"), True)
lost = dict.fromkeys(kept, False)
expected = {"by_headings": lost, "by_syntax": kept, "by_llama_index": kept}
headings = [{"heading": "Setup"}, {"heading": "once a machine"}]
sys.exit(0 if (seen, found) == (expected, headings) else f"changed: {seen}, {found}")
PY
