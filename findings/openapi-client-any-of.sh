#!/usr/bin/env bash
# openapi-python-client drops the properties of a schema that has an `anyOf` or `oneOf` beside them.
#
# "At least one of two fields" is commonly written as an object with properties and
# `anyOf: [{required: [text]}, {required: [picture]}]`. For it no model is generated: the body is `Any`, and
# code that imports the model's class fails. With `anyOf` members that have properties of their own, models are
# made of these alone, without the property that all of them share. Both without a warning, also with
# `--fail-on-warning`. Where such a body is optional the code that is generated cannot be parsed, and the command
# ends with an error of ruff. `allOf`, `not` and `if` beside properties keep them. Two named schemas under `anyOf`
# give a union of two models.
#
# Seen with openapi-python-client 0.29.1, Python 3.11. Installs it into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet openapi-python-client==0.29.1 ruff==0.17.6
cd "$folder"
PATH="$folder/venv/bin:$PATH" venv/bin/python - <<'PY'
import json
import re
import subprocess
import sys
from pathlib import Path

both = {"text": {"type": "string"}, "picture": {"type": "string"}}
names = [{"required": ["text"]}, {"required": ["picture"]}]
one = {"properties": {"text": {"type": "string"}}}
cases = {
    "anyOf of required": {"properties": both, "anyOf": names},
    "oneOf of required": {"properties": both, "oneOf": names},
    "anyOf of properties": {
        **one,
        "anyOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"b": {"type": "string"}}}],
    },
    "allOf of required": {"properties": both, "allOf": names[:1]},
    "optional, anyOf of required": {"properties": both, "anyOf": names},
}
seen = {}
for name, schema in cases.items():
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Note"}}}
    body = {"required": not name.startswith("optional"), "content": content}
    operation = {"operationId": "write", "requestBody": body, "responses": {"204": {"description": "done"}}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Notes", "version": "1"},
        "paths": {"/notes": {"post": operation}},
        "components": {"schemas": {"Note": {"type": "object", **schema}}},
    }
    Path("document.json").write_text(json.dumps(document))
    options = ["--path", "document.json", "--meta", "none", "--output-path", "client", "--overwrite"]
    command = ["openapi-python-client", "generate", *options, "--fail-on-warning"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        seen[name] = ("not Python" if "Failed to parse" in done.stdout + done.stderr else "failed", False)
        print(f"{name:28} the code that is generated is {seen[name][0]}")
        continue
    kind = re.search(r"body: (.*?)(?: \| Unset.*)?,\n", Path("client/api/default/write.py").read_text())
    models = [path.read_text() for path in Path("client/models").glob("note*.py")]
    seen[name] = (kind.group(1), any("text" in model for model in models))
    print(f"{name:28} body: {kind.group(1):24} has the property: {seen[name][1]}")
expected = {
    "anyOf of required": ("Any", False),
    "oneOf of required": ("Any", False),
    "anyOf of properties": ("NoteType0 | NoteType1", False),
    "allOf of required": ("Note", True),
    "optional, anyOf of required": ("not Python", False),
}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
