#!/usr/bin/env bash
# A space in OpenTelemetry's baggage becomes a plus between Python and JavaScript.
#
# Baggage carries values such as a session's or a tenant's name beside a trace. W3C Baggage percent-encodes them, and in
# it a plus is a plus. Guessed before: a value set in one SDK arrives as it was in the other. Seen: the SDK for Python
# writes values as HTML forms do, a space as `+`, and reads them so. The SDK for JavaScript follows W3C. So "Ann Lee" of a
# Python service is "Ann+Lee" in a JavaScript one, in its spans and filters, and a plus that others leave as it is, which
# they may, is a space in Python. Python also takes the properties behind a value (`;ttl=5`) for a part of it, and hands
# them on inside it.
#
# Seen with opentelemetry-api 1.45.2 (Python 3.11), @opentelemetry/core 2.12.1 and @opentelemetry/api 1.9.1 (Node 20).
# Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet opentelemetry-api==1.45.2
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @opentelemetry/api@1.9.1 @opentelemetry/core@2.12.1 >/dev/null
cat >javascript.mjs <<'JS'
import { ROOT_CONTEXT, defaultTextMapGetter, defaultTextMapSetter, propagation } from "@opentelemetry/api";
import { W3CBaggagePropagator } from "@opentelemetry/core";

const [action, text] = process.argv.slice(2);
const propagator = new W3CBaggagePropagator();
if (action === "write") {
  const headers = {};
  const baggage = propagation.createBaggage({ name: { value: text } });
  propagator.inject(propagation.setBaggage(ROOT_CONTEXT, baggage), headers, defaultTextMapSetter);
  console.log(headers.baggage);
} else {
  const context = propagator.extract(ROOT_CONTEXT, { baggage: text }, defaultTextMapGetter);
  console.log(propagation.getBaggage(context).getEntry("name").value);
}
JS
cat >python.py <<'PY'
import sys

from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator

action, text = sys.argv[1:]
propagator = W3CBaggagePropagator()
if action == "write":
    headers = {}
    propagator.inject(headers, baggage.set_baggage("name", text))
    print(headers["baggage"])
else:
    print(baggage.get_baggage("name", propagator.extract({"baggage": text})))
PY
python() { venv/bin/python python.py "$@"; }
javascript() { node javascript.mjs "$@"; }
{
  for writer in python javascript; do
    for reader in python javascript; do
      header=$($writer write "Ann Lee")
      echo "$writer to $reader: $header is read as: $($reader read "$header")"
    done
  done
  for reader in python javascript; do
    echo "$reader reads name=a+b as: $($reader read name=a+b)"
    echo "$reader reads name=a;ttl=5 as: $($reader read 'name=a;ttl=5')"
  done
} >seen
cat seen
cat >expected <<'END'
python to python: name=Ann+Lee is read as: Ann Lee
python to javascript: name=Ann+Lee is read as: Ann+Lee
javascript to python: name=Ann%20Lee is read as: Ann Lee
javascript to javascript: name=Ann%20Lee is read as: Ann Lee
python reads name=a+b as: a b
python reads name=a;ttl=5 as: a;ttl=5
javascript reads name=a+b as: a+b
javascript reads name=a;ttl=5 as: a
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
