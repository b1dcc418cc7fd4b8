#!/usr/bin/env bash
# The limit "10MiB" is 10 bytes for Express, "512Mi" is 512, and "1,000 KB" is one byte, for pydantic too.
#
# Limits of uploads, caches and answers are written as texts in settings that services in both languages read. Guessed
# before: what a reader does not know is an error or null. Seen: npm's bytes, with which Express reads its limits, takes
# the figures at the beginning and drops the rest where it does not know the unit, and it does not know "M", "MiB", "Mi"
# or "megabytes": a body of 13 bytes is refused as too large under a limit of "10MiB". Where all know the unit, they
# differ by a 20th for MB and a 14th for GB: bytes and filesize-parser multiply by 1024, pydantic and humanfriendly by
# 1000, and xbytes takes "mb" for bits. humanfriendly reads "Mi" as a million. pydantic's ByteSize drops what is behind
# a comma, the unit too.
#
# Seen with bytes 3.1.2, express 5.3.0, filesize-parser 1.5.2, xbytes 1.9.1 (Node 20), pydantic 2.14.4, humanfriendly
# 10.0 (Python 3.11). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet pydantic==2.14.4 humanfriendly==10.0
npm init -y >/dev/null
npm install --silent --no-audit --no-fund bytes@3.1.2 express@5.3.0 filesize-parser@1.5.2 xbytes@1.9.1 >/dev/null
echo '["10MB", "10mb", "10M", "10MiB", "512Mi", "10 megabytes", "1.5GB", "1,000 KB", "1,5 MB"]' >texts.json
cat >read.cjs <<'JS'
const { readFileSync } = require("node:fs");
const bytes = require("bytes");
const express = require("express");
const filesizeParser = require("filesize-parser");
const xbytes = require("xbytes");

const outcome = (read) => {
  try {
    return String(read());
  } catch {
    return "error";
  }
};
for (const text of JSON.parse(readFileSync("texts.json", "utf8"))) {
  const found = [bytes, filesizeParser, xbytes.parseSize].map((read) => outcome(() => read(text)));
  console.log(`${text}: ${found.join(" | ")}`);
}
const answers = async () => {
  for (const limit of ["10mb", "10MiB"]) {
    const app = express().use(express.json({ limit }));
    app.post("/", (request, response) => response.json(request.body)).use((error, _, response, next) => {
      response.status(error.status).send(error.message);
    });
    const server = await new Promise((resolve) => { const made = app.listen(0, "127.0.0.1", () => resolve(made)); });
    const headers = { "content-type": "application/json" };
    const url = `http://127.0.0.1:${server.address().port}/`;
    const answer = await fetch(url, { method: "POST", headers, body: '{"text":"Hi"}' });
    console.error(`Express with the limit ${limit}: ${answer.status} ${await answer.text()}`);
    server.closeAllConnections();
    server.close();
  }
};
answers();
JS
cat >read.py <<'PY'
import json

import humanfriendly
from pydantic import ByteSize, TypeAdapter


def outcome(read, text):
    try:
        return str(int(read(text)))
    except (ValueError, humanfriendly.InvalidSize):
        return "error"


for text in json.load(open("texts.json")):
    print(" | ".join(outcome(read, text) for read in (TypeAdapter(ByteSize).validate_python, humanfriendly.parse_size)))
PY
node read.cjs >javascript 2>express
venv/bin/python read.py >python
echo "text: bytes | filesize-parser | xbytes | pydantic | humanfriendly"
{ paste -d '|' javascript python | sed 's/\([^ ]\)|\([^ ]\)/\1 | \2/' && cat express; } | tee seen
cat >expected <<'END'
10MB: 10485760 | 10485760 | 10000000 | 10000000 | 10000000
10mb: 10485760 | 10485760 | 1250000 | 10000000 | 10000000
10M: 10 | 10485760 | undefined | 10000000 | 10000000
10MiB: 10 | 10485760 | 10485760 | 10485760 | 10485760
512Mi: 512 | 536870912 | undefined | error | 512000000
10 megabytes: 10 | error | undefined | error | 10000000
1.5GB: 1610612736 | 1610612736 | 1500000000 | 1500000000 | 1500000000
1,000 KB: 1 | 1024 | undefined | 1 | error
1,5 MB: 1 | 1572864 | undefined | 1 | error
Express with the limit 10mb: 200 {"text":"Hi"}
Express with the limit 10MiB: 413 request entity too large
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
