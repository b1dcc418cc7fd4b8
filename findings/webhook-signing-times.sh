#!/usr/bin/env bash
# A webhook that is signed at a time with an offset in Python has the signature of another time: that of its clock read
# as UTC.
#
# `sign` of the libraries of Standard Webhooks and of Svix takes the time as a datetime; the header beside it has the
# seconds since 1970. Guessed before: one instant has one signature. Seen: the libraries for Python replace the time
# zone instead of converting it, so that 14:00 at +02:00 is signed as 14:00 UTC; with the header of the instant, by
# `timestamp()`, no receiver takes the signature, and with the time that was signed it is two hours in the future, which
# is refused too. A service that runs and is tested in UTC sees none of it; one that takes `datetime.now(zone)`, or a
# time out of a database with a zone, does. A local time without a zone is read as UTC as well. In JavaScript a Date is
# an instant, and the signature right.
#
# Seen with standardwebhooks 1.1.0 and svix 2.9.1 (Python 3.11), standardwebhooks 1.1.1 (Node 20). Installs them into a
# temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet standardwebhooks==1.1.0 svix==2.9.1
npm init -y >/dev/null
npm install --silent --no-audit --no-fund standardwebhooks@1.1.1 >/dev/null
cat >sign.py <<'PY'
import base64
from datetime import datetime, timedelta, timezone

import standardwebhooks
from svix.webhooks import Webhook

SECRET = base64.b64encode(b"a secret of this file only").decode()
UTC = datetime.now(timezone.utc).replace(microsecond=0)
SIGNERS = {"standardwebhooks": standardwebhooks.Webhook(SECRET), "svix": Webhook(SECRET)}
for name, signer in SIGNERS.items():
    for hours in (0, 2, -5):
        at = UTC.astimezone(timezone(timedelta(hours=hours)))
        print(name, f"{hours:+03}:00", SECRET, int(at.timestamp()), signer.sign("msg_1", at, "{}"))
PY
cat >verify.mjs <<'JS'
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

for (const line of readFileSync("signed", "utf8").trim().split("\n")) {
  const [name, offset, secret, seconds, signature] = line.split(" ");
  const headers = { "webhook-id": "msg_1", "webhook-timestamp": seconds, "webhook-signature": signature };
  let found = "accepted";
  try {
    new Webhook(secret).verify("{}", headers);
  } catch (error) {
    found = error.message;
  }
  const own = new Webhook(secret).sign("msg_1", new Date(seconds * 1000), "{}") === signature;
  console.log(`${name}, signed now at ${offset}: ${found}, ${own ? "the" : "not the"} signature of JavaScript`);
}
JS
venv/bin/python -W ignore sign.py >signed
node verify.mjs | tee seen
cat >expected <<'END'
standardwebhooks, signed now at +00:00: accepted, the signature of JavaScript
standardwebhooks, signed now at +02:00: No matching signature found, not the signature of JavaScript
standardwebhooks, signed now at -05:00: No matching signature found, not the signature of JavaScript
svix, signed now at +00:00: accepted, the signature of JavaScript
svix, signed now at +02:00: No matching signature found, not the signature of JavaScript
svix, signed now at -05:00: No matching signature found, not the signature of JavaScript
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
