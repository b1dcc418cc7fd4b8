#!/usr/bin/env bash
# email-reply-parser for Python drops all of an e-mail from a paragraph on that begins with a dash and a letter or a
# figure: the list of what was tried, and the question below it.
#
# Assistants that answer e-mail take the new part out of a message first, without quotes and signature. Guessed before:
# a signature begins with a line of two dashes, and a list is text. Seen: for the package for Python a paragraph that
# begins with "-Restarted the router", "-20 euros", "--dry-run" or "__main__ is missing" is a signature too, and it and
# what follows is gone, without a sign; with a space behind the dash the list stays. mail-parser-reply for Python and
# email-reply-parser for Node, which descend from the same library, keep all of it.
#
# Seen with email-reply-parser 0.5.12, mail-parser-reply 1.36 (Python 3.11), email-reply-parser 2.3.7 (Node 20).
# Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet email-reply-parser==0.5.12 mail-parser-reply==1.36
npm init -y >/dev/null
npm install --silent --no-audit --no-fund email-reply-parser@2.3.7 >/dev/null
cat >mails.json <<'END'
["Hello,\n\nI tried this:\n\n-Restarted the router\n-Changed the cable\n\nWhat else can I do?",
 "Hello,\n\nI tried this:\n\n- Restarted the router\n- Changed the cable\n\nWhat else can I do?",
 "My bill:\n\n-20 euros for the first year\n100 euros a month\n\nWhy do I pay 100?",
 "Nothing is printed with\n\n--dry-run\n\nIs that right?",
 "The log says\n\n__main__ is missing\n\nWhat is wrong?",
 "It works now.\n\n-- \nAnn Lee\nExample Inc."]
END
cat >read.py <<'PY'
import json

from email_reply_parser import EmailReplyParser
from mailparser_reply import EmailReplyParser as MailParserReply

for mail in json.load(open("mails.json")):
    print("email-reply-parser for Python:", json.dumps(EmailReplyParser.parse_reply(mail)))
    print("mail-parser-reply for Python:", json.dumps(MailParserReply(languages=["en"]).read(mail).latest_reply))
PY
cat >read.mjs <<'JS'
import { readFileSync } from "node:fs";
import EmailReplyParser from "email-reply-parser";

for (const mail of JSON.parse(readFileSync("mails.json", "utf8")))
  console.log(`email-reply-parser for Node: ${JSON.stringify(new EmailReplyParser().read(mail).getVisibleText().trim())}`);
JS
{ venv/bin/python -W ignore read.py && node read.mjs; } | tee seen
cat >expected <<'END'
email-reply-parser for Python: "Hello,\n\nI tried this:"
mail-parser-reply for Python: "Hello,\n\nI tried this:\n\n-Restarted the router\n-Changed the cable\n\nWhat else can I do?"
email-reply-parser for Python: "Hello,\n\nI tried this:\n\n- Restarted the router\n- Changed the cable\n\nWhat else can I do?"
mail-parser-reply for Python: "Hello,\n\nI tried this:\n\n- Restarted the router\n- Changed the cable\n\nWhat else can I do?"
email-reply-parser for Python: "My bill:"
mail-parser-reply for Python: "My bill:\n\n-20 euros for the first year\n100 euros a month\n\nWhy do I pay 100?"
email-reply-parser for Python: "Nothing is printed with"
mail-parser-reply for Python: "Nothing is printed with\n\n--dry-run\n\nIs that right?"
email-reply-parser for Python: "The log says"
mail-parser-reply for Python: "The log says\n\n__main__ is missing\n\nWhat is wrong?"
email-reply-parser for Python: "It works now."
mail-parser-reply for Python: "It works now.\n\n--\nAnn Lee\nExample Inc."
email-reply-parser for Node: "Hello,\n\nI tried this:\n\n-Restarted the router\n-Changed the cable\n\nWhat else can I do?"
email-reply-parser for Node: "Hello,\n\nI tried this:\n\n- Restarted the router\n- Changed the cable\n\nWhat else can I do?"
email-reply-parser for Node: "My bill:\n\n-20 euros for the first year\n100 euros a month\n\nWhy do I pay 100?"
email-reply-parser for Node: "Nothing is printed with\n\n--dry-run\n\nIs that right?"
email-reply-parser for Node: "The log says\n\n__main__ is missing\n\nWhat is wrong?"
email-reply-parser for Node: "It works now."
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
