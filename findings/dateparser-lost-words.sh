#!/usr/bin/env bash
# dateparser reads "1 hour before midnight" as midnight and "tonight at 8" as now: words that it does not know are
# dropped.
#
# It turns what a person or a model wrote into the argument of a tool (a reminder, an appointment). Guessed before: for
# an English phrase it has either the time that is meant or None, as for "two days before friday". Seen: it drops parts
# of a phrase, and the rest is the answer: "10 minutes before noon" is noon, "2 days after tomorrow" is tomorrow,
# "tomorrow at 3.30pm" (as written in Britain) is tomorrow at the hour that it is now, "tonight at 8" is this very
# moment. A number alone is a month: "the 5th" is the 4th of May and "at 7" the 4th of July where today is the 4th.
# 3:30pm is right. chrono-node has the time that is meant for all but the last two: for "the 5th" it has none, and 7 is
# in the morning, which is over.
#
# Seen with dateparser 1.5.0, Python 3.11, chrono-node 2.10.3, Node 20. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dateparser==1.5.0
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund chrono-node@2.10.3 >/dev/null
cat >phrases.json <<'JSON'
["10 minutes before noon", "1 hour before midnight", "2 days after tomorrow", "tomorrow at 3.30pm",
 "tomorrow at 3:30pm", "tonight at 8", "at 7", "the 5th", "two days before friday"]
JSON
cat >read.mjs <<'JS'
import { readFileSync } from "node:fs";
import { parseDate } from "chrono-node";

const now = new Date(2026, 2, 4, 12);
const two = (number) => String(number).padStart(2, "0");
const day = (date) => `${two(date.getMonth() + 1)}-${two(date.getDate())}`;
const told = (date) => date && `${day(date)} ${two(date.getHours())}:${two(date.getMinutes())}`;
const phrases = JSON.parse(readFileSync("phrases.json", "utf8"));
console.log(JSON.stringify(phrases.map((phrase) => told(parseDate(phrase, now)))));
JS
node read.mjs >chrono.json
venv/bin/python -W ignore - <<'PY' | tee seen
import json
from datetime import datetime

import dateparser

NOW = datetime(2026, 3, 4, 12)  # a Wednesday
SETTINGS = {"RELATIVE_BASE": NOW, "PREFER_DATES_FROM": "future"}
print("now: 03-04 12:00")
for phrase, chrono in zip(json.load(open("phrases.json")), json.load(open("chrono.json"))):
    read = dateparser.parse(phrase, languages=["en"], settings=SETTINGS)
    print(f"{phrase}: dateparser {read and format(read, '%m-%d %H:%M')}, chrono-node {chrono}")
PY
cat >expected <<'END'
now: 03-04 12:00
10 minutes before noon: dateparser 03-04 12:00, chrono-node 03-04 11:50
1 hour before midnight: dateparser 03-04 00:00, chrono-node 03-04 23:00
2 days after tomorrow: dateparser 03-05 12:00, chrono-node 03-07 12:00
tomorrow at 3.30pm: dateparser 03-05 12:00, chrono-node 03-05 15:30
tomorrow at 3:30pm: dateparser 03-05 15:30, chrono-node 03-05 15:30
tonight at 8: dateparser 03-04 12:00, chrono-node 03-04 20:00
at 7: dateparser 07-04 00:00, chrono-node 03-04 07:00
the 5th: dateparser 05-04 00:00, chrono-node None
two days before friday: dateparser None, chrono-node 03-04 12:00
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
