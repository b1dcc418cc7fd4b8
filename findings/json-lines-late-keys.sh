#!/usr/bin/env bash
# Of three readers of JSON lines one drops a key that comes late, one raises, and one has it.
#
# Logs, exports and event streams are JSON lines whose objects need not have the same keys; a field such as `error` may
# come first after hours. Guessed before: one more column, or an error, as another type of value is an error. Seen: polars
# takes the columns from the first 100 lines (`infer_schema_length`), and leaves out every key that comes first below
# them, also inside of an object, without a warning; its documentation tells of the lines that are looked at, not of
# this. DuckDB looks at 20,480 (`sample_size`) and raises for such a key, pyarrow has it. With None and -1 all lines are
# read for the columns, and nothing is lost.
#
# Seen with polars 2.1.0, duckdb 2.0.1, pyarrow 26.0.1, Python 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet polars==2.1.0 duckdb==2.0.1 pyarrow==26.0.1
cd "$folder"
venv/bin/python -W ignore - <<'PY'
import json
import sys
from pathlib import Path

import duckdb
import polars
import pyarrow.json


def by_polars(name, length):
    return polars.read_ndjson(name, infer_schema_length=length).row(-1, named=True)


def by_duckdb(name, size):
    read = duckdb.sql(f"SELECT * FROM read_json('{name}', sample_size = {size})")
    return dict(zip(read.columns, read.fetchall()[-1], strict=True))


READERS = {
    "polars": lambda name: by_polars(name, 100),
    "polars, None": lambda name: by_polars(name, None),
    "duckdb": lambda name: by_duckdb(name, 20_480),
    "duckdb, -1": lambda name: by_duckdb(name, -1),
    "pyarrow": lambda name: pyarrow.json.read_json(name).to_pylist()[-1],
}
LATE = {"key": {"n": {"of": 1}, "why": "late"}, "key of an object": {"n": {"of": 1, "why": "late"}}}
LINES = 30_000  # more than both look at


def last(read, name, row):
    try:
        found = read(name)
    except duckdb.InvalidInputException:
        return "an error"
    return "kept" if found == row else "lost"


assert polars.read_ndjson(b'{"n": 1}\n' * 100 + b'{"n": 1, "why": "late"}\n').columns == ["n"], "100 is the default"
seen = {}
for what, row in LATE.items():
    name = "late.jsonl"
    Path(name).write_text("".join(json.dumps(each) + "\n" for each in [{"n": {"of": 1}}] * LINES + [row]))
    seen[what] = {reader: last(read, name, row) for reader, read in READERS.items()}
    print(f"a late {what}: {seen[what]}")
whole = dict.fromkeys(READERS, "kept")
expected = {
    "key": whole | {"polars": "lost", "duckdb": "an error"},
    "key of an object": whole | {"polars": "lost", "duckdb": "an error"},
}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
