#!/usr/bin/env bash
# RedisVL's equality filter of an empty value matches every row, and an "or" with it is narrower than it.
#
# `Tag("owner") == ""` is written as `*`, all rows, and so are `== []`, `== None` and `!= ""`; `Num("n") == None`
# too. A list drops its empty members: `== ["a", ""]` asks for `a` alone. Joined by `|`, the filter that
# matched everything vanishes: `(owner == "") | (kind == "x")` finds fewer rows than `owner == ""`. Who filters
# by an owner's name that happens to be empty gets the rows of all owners.
#
# Seen with redisvl 0.28.0, Python 3.11. Installs it into a temporary folder; needs no Redis.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet redisvl==0.28.0
"$folder/venv/bin/python" - <<'PY'
import sys

from redisvl.query.filter import Num, Tag

owner, kind = Tag("owner"), Tag("kind")
seen = {
    'owner == ""': str(owner == ""),
    "owner == []": str(owner == []),
    'owner != ""': str(owner != ""),
    'owner == ["a", ""]': str(owner == ["a", ""]),
    "n == None": str(Num("n") == None),  # noqa: E711
    '(owner == "") & (kind == "x")': str((owner == "") & (kind == "x")),
    '(owner == "") | (kind == "x")': str((owner == "") | (kind == "x")),
}
for filter_, query in seen.items():
    print(f"{filter_:32} {query}")
expected = ["*", "*", "*", "@owner:{a}", "*", "@kind:{x}", "@kind:{x}"]
sys.exit(0 if [*seen.values()] == expected else f"changed: expected {expected}")
PY
