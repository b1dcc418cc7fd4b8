#!/usr/bin/env bash
# gray-matter reads a text a second time as the first reader left it, and a text that it refused at first is valid then,
# with the front matter in its body.
#
# Prompts are kept as Markdown files with front matter: the model, its temperature, its tools. Guessed before: each read
# is an object of its own, and a text that cannot be read never can. Seen: without options all reads of one text share
# their data and its lists, so that a tool that one request adds, or a body with the name of one customer, is in the
# prompt of the next. Front matter that is no YAML is an error at the first read alone: the second has no data, and a
# body that begins with "---" and tells the model its own settings. With options, an empty object too, neither happens.
# python-frontmatter reads anew each time.
#
# Seen with gray-matter 4.0.3 (Node 20), python-frontmatter 1.3.0 (Python 3.11). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet python-frontmatter==1.3.0
npm init -y >/dev/null
npm install --silent --no-audit --no-fund gray-matter@4.0.3 >/dev/null
cat >read.cjs <<'JS'
const matter = require("gray-matter");

const good = "---\nmodel: small\ntools: [search]\n---\nYou help {{name}}.";
const bad = "---\nmodel: small\ntools: [search\n---\nYou help {{name}}.";
for (const [words, ...options] of [["gray-matter"], ["gray-matter with {}", {}]]) {
  const first = matter(good, ...options);
  first.data.tools.push("refund");
  first.content = first.content.replace("{{name}}", "Ann");
  const second = matter(good, ...options);
  console.log(`${words}, second read:`, JSON.stringify([second.data, second.content]));
  for (const read of ["first", "second"]) {
    try {
      const { data, content } = matter(bad, ...options);
      console.log(`${words}, ${read} read of the bad one:`, JSON.stringify([data, content]));
    } catch (error) {
      console.log(`${words}, ${read} read of the bad one:`, error.name);
    }
  }
}
JS
cat >read.py <<'PY'
import json

import frontmatter

good = "---\nmodel: small\ntools: [search]\n---\nYou help {{name}}."
first = frontmatter.loads(good)
first["tools"].append("refund")
first.content = first.content.replace("{{name}}", "Ann")
second = frontmatter.loads(good)
print("python-frontmatter, second read:", json.dumps([second.metadata, second.content]))
for read in ("first", "second"):
    try:
        frontmatter.loads(good.replace("]", ""))
        print(f"python-frontmatter, {read} read of the bad one: read")
    except Exception as error:
        print(f"python-frontmatter, {read} read of the bad one:", type(error).__name__)
PY
{ node read.cjs && venv/bin/python read.py; } | tee seen
cat >expected <<'END'
gray-matter, second read: [{"model":"small","tools":["search","refund"]},"You help Ann."]
gray-matter, first read of the bad one: YAMLException
gray-matter, second read of the bad one: [{},"---\nmodel: small\ntools: [search\n---\nYou help {{name}}."]
gray-matter with {}, second read: [{"model":"small","tools":["search"]},"You help {{name}}."]
gray-matter with {}, first read of the bad one: YAMLException
gray-matter with {}, second read of the bad one: YAMLException
python-frontmatter, second read: [{"model": "small", "tools": ["search"]}, "You help {{name}}."]
python-frontmatter, first read of the bad one: ParserError
python-frontmatter, second read of the bad one: ParserError
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
