#!/usr/bin/env bash
# Haystack's DocumentCleaner joins paragraphs, lists and lines of code into one line, by its defaults.
#
# The cleaner stands before the splitter in most pipelines. Guessed before: superfluous spaces and empty lines go, and
# the lines stay, as its options are named `remove_extra_whitespaces` and `remove_empty_lines`. Seen: the first one
# replaces every run of white space by one space, line breaks too where two stand together or a line is indented. A
# heading and its paragraph become one line, `if x:` and its indented body as well, a nested list is flat, and an
# indented YAML is another document or none. The splitter by passages behind it then finds one passage where there were
# four, without a warning. With `remove_extra_whitespaces=False` the lines stay.
#
# Seen with haystack-ai 3.4.1, Python 3.11. Installs it into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet haystack-ai==3.4.1
export HAYSTACK_TELEMETRY_ENABLED=False
"$folder/venv/bin/python" -W ignore - <<'PY'
import sys

from haystack import Document
from haystack.components.preprocessors import DocumentCleaner, DocumentSplitter

PAGE = """# Refunds

Write to us within 14 days.

- by post
  - with the bill
- by e-mail

def fee(days):
    if days > 14:
        return 5
    return 0
"""


def cleaned(**options):
    return DocumentCleaner(**options).run([Document(content=PAGE)])["documents"]


def passages(documents):
    splitter = DocumentSplitter(split_by="passage", split_length=1, split_overlap=0)
    return len(splitter.run(documents)["documents"])


seen = {
    "the text": (PAGE, passages([Document(content=PAGE)])),
    "by the defaults": (cleaned()[0].content, passages(cleaned())),
    "empty lines kept": (cleaned(remove_empty_lines=False)[0].content, passages(cleaned(remove_empty_lines=False))),
    "white space kept": (
        cleaned(remove_empty_lines=False, remove_extra_whitespaces=False)[0].content,
        passages(cleaned(remove_empty_lines=False, remove_extra_whitespaces=False)),
    ),
}
for name, (text, count) in seen.items():
    print(f"{name}: {count} passages, {len(text.splitlines())} lines\n    {text!r}")
joined = (
    "# Refunds Write to us within 14 days. - by post - with the bill\n- by e-mail def fee(days): if days > 14:"
    " return 5 return 0"
)
expected = {
    "the text": (PAGE, 4),
    "by the defaults": (joined, 1),
    "empty lines kept": (joined, 1),
    "white space kept": (PAGE, 4),
}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
