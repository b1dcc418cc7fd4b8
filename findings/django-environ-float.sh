#!/usr/bin/env bash
# django-environ's float cast drops every character that is no digit, comma, point or minus, so a number in
# scientific notation becomes another number without an error: "1e3" is 13.0, "2.5e2" is 2.52. The int cast
# raises ValueError for the same text, and Python's float() reads both as written.
# Expected: 1000.0 and 250.0, or an error.
# Seen with django-environ 0.14.0, Python 3.11. Installs it into a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet django-environ==0.14.0
TIMEOUT=1e3 RATIO=2.5e2 "$folder/venv/bin/python" - <<'PY'
import sys

import environ

env = environ.Env()
seen = {name: env.float(name) for name in ("TIMEOUT", "RATIO")}
print(seen)
try:
    env.int("TIMEOUT")
    sys.exit("changed: the int cast takes 1e3")
except ValueError as error:
    print("int:", error)
expected = {"TIMEOUT": 13.0, "RATIO": 2.52}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
