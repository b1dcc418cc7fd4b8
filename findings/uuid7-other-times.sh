#!/usr/bin/env bash
# The ids of PyPI's package uuid7 are no UUIDs of version 7 for anybody else: one of 2024 says 2192.
#
# UUIDs of version 7 (RFC 9562) begin with the milliseconds since 1970, so that ids of several services sort by time,
# and pages and retention read the time out of them. Guessed before: the package of that name makes them. Seen: it
# follows a draft from before the RFC, whose first 36 bits are seconds. Version and variant say 7 all the same, and each
# id is valid for every check. Its ids sort among themselves, but behind those of everybody else, those of years later
# too, so that a page "after the last id" misses what another service wrote since; what reads their time gets a day that
# is 168 years off, and "older than 30 days" never finds them.
#
# Seen with uuid7 0.1.0 (Python 3.11), uuid 14.0.3 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet uuid7==0.1.0
npm init -y >/dev/null
npm install --silent --no-audit --no-fund uuid@14.0.3 >/dev/null
cat >make.py <<'PY'
from datetime import datetime, timezone

from uuid_extensions import uuid7

DAY = int(datetime(2024, 5, 1, 12, tzinfo=timezone.utc).timestamp())
print("uuid7", uuid7(DAY * 10**9))
PY
cat >read.mjs <<'JS'
import { readFileSync } from "node:fs";
import { v7, validate, version } from "uuid";

const noon = Date.UTC(2024, 4, 1, 12);
const rows = readFileSync("made", "utf8").trim().split("\n").map((line) => line.split(" "));
rows.push(["uuid", v7({ msecs: noon })], ["uuid, a year later", v7({ msecs: noon + 366 * 86400000 })]);
for (const [maker, id] of rows) {
  const time = new Date(parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toISOString();
  console.log(`${maker}: valid ${validate(id)}, version ${version(id)}, made at ${time}`);
}
rows.sort(([, one], [, other]) => (one < other ? -1 : 1));
console.log(`the last of all: ${rows.at(-1)[0]}`);
JS
venv/bin/python -W ignore make.py >made
node read.mjs | tee seen
cat >expected <<'END'
uuid7: valid true, version 7, made at 2192-07-18T01:43:40.800Z
uuid: valid true, version 7, made at 2024-05-01T12:00:00.000Z
uuid, a year later: valid true, version 7, made at 2025-05-02T12:00:00.000Z
the last of all: uuid7
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
