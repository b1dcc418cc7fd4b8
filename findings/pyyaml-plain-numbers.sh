#!/usr/bin/env bash
# PyYAML writes a string without quotation marks when its own resolver (YAML 1.1, and stricter than that in
# some forms) would read it back as a string. YAML 1.2's core schema reads more forms as numbers: an exponent
# without a point or sign (1e3), octal with 0o. So names, commit hashes and codes that are strings in Python
# arrive as numbers in every JavaScript, Go or Rust program that reads the file.
# Guessed before: quoted, as '1_000', '0xff' and '12:30' are. Seen with the versions below: plain.
set -euo pipefail
PYYAML=6.0.3
JS_YAML=4.1.0
YAML=2.8.1

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "pyyaml==$PYYAML"
(cd "$folder" && npm init -y >/dev/null && npm install --silent --no-audit --no-fund "js-yaml@$JS_YAML" "yaml@$YAML")

"$folder/venv/bin/python" - >"$folder/file.yaml" <<'PY'
import yaml

names = {"commit": "12e34", "rule": "1e3", "mode": "0o14", "quoted": "0xff"}
text = yaml.safe_dump(names)
assert yaml.safe_load(text) == names, "PyYAML reads its own file back"
print(text, end="")
PY
cat "$folder/file.yaml"
(cd "$folder" && node -e '
const text = require("fs").readFileSync("file.yaml", "utf8");
for (const [name, parse] of [["js-yaml", require("js-yaml").load], ["yaml", require("yaml").parse]]) {
  console.log(name + ": " + JSON.stringify(parse(text)));
}') | tee "$folder/seen"

cat >"$folder/expected" <<'TXT'
js-yaml: {"commit":1.2e+35,"mode":12,"quoted":"0xff","rule":1000}
yaml: {"commit":1.2e+35,"mode":12,"quoted":"0xff","rule":1000}
TXT
diff "$folder/expected" "$folder/seen" || { echo "The behaviour changed."; exit 1; }
echo "As described: PyYAML $PYYAML, js-yaml $JS_YAML, yaml $YAML."
