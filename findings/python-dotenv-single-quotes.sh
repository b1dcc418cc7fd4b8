#!/usr/bin/env bash
# A value in single quotes of an .env file is expanded by python-dotenv: a prompt loses its placeholder.
#
# One .env file is read by a service in Python and one in JavaScript. Guessed before: single quotes keep a value as it
# is, as in a shell, so that 'Hello ${name}' arrives with its placeholder, and a password with `${`. Seen: dotenv, Node
# and a shell keep it; python-dotenv replaces it by the environment's value or by nothing, whatever the quotes, and a
# backslash does not help; only `interpolate=False` for the whole file does. The other way round, a value without
# quotes that has a number sign is cut there by dotenv (which tells so) and by Node, and whole for python-dotenv and a
# shell: one key of an API is two.
#
# Seen with python-dotenv 1.2.4 (Python 3.11), dotenv 18.0.10 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet python-dotenv==1.2.4
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund dotenv@18.0.10 >/dev/null
cat >.env <<'END'
PROMPT='Hello ${name}, answer in ${language}.'
ESCAPED='Hello \${name}'
PASSWORD='a${b}c'
DOLLAR='a$b'
KEY=abc#def
COMMENT=abc # the key
END
export language=German
cat >read.py <<'PY'
import json

from dotenv import dotenv_values

for name, value in dotenv_values(".env").items():
    print(f"{name}: python-dotenv {json.dumps(value)}")
PY
cat >read.mjs <<'JS'
import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { parse } from "dotenv";

const text = readFileSync(".env", "utf8");
const [node, dotenv] = [parseEnv(text), parse(text)];
for (const name in dotenv) console.log(`dotenv ${JSON.stringify(dotenv[name])} Node ${JSON.stringify(node[name])}`);
JS
venv/bin/python read.py >python
node read.mjs >javascript
(set -a && . ./.env && for name in PROMPT ESCAPED PASSWORD DOLLAR KEY COMMENT; do printf 'shell "%s"\n' "$(printenv $name)"; done) >shell
paste -d ' ' python javascript shell | tee seen
cat >expected <<'END'
PROMPT: python-dotenv "Hello , answer in German." dotenv "Hello ${name}, answer in ${language}." Node "Hello ${name}, answer in ${language}." shell "Hello ${name}, answer in ${language}."
ESCAPED: python-dotenv "Hello \\" dotenv "Hello \\${name}" Node "Hello \\${name}" shell "Hello \${name}"
PASSWORD: python-dotenv "ac" dotenv "a${b}c" Node "a${b}c" shell "a${b}c"
DOLLAR: python-dotenv "a$b" dotenv "a$b" Node "a$b" shell "a$b"
KEY: python-dotenv "abc#def" dotenv "abc" Node "abc" shell "abc#def"
COMMENT: python-dotenv "abc" dotenv "abc" Node "abc" shell "abc"
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
