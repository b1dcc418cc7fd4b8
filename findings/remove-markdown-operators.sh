#!/usr/bin/env bash
# remove-markdown cuts everything between a "less than" and the next "greater than" out of an answer.
#
# Answers are shown in notifications, read out and indexed as plain text. Guessed before: a "<" with a blank or a "="
# behind it opens no tag, as in CommonMark and HTML, and stays. Seen: "x <= 3 or y >= 2" becomes "x = 2", and the limit
# "a < 5 euros; c > 10" becomes "a  10", sentences that read well and say something else; an address of e-mail in
# angle brackets, a link in CommonMark, vanishes; `Vec<T>` loses its type inside of code as well; in "~5 euros,
# later ~7" both "~" go. strip-markdown, which parses Markdown, keeps all of them but for a fenced block, which it drops
# as a whole.
#
# Seen with remove-markdown 0.7.0, strip-markdown 6.0.0 (remark 15.0.1), Node 20. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund remove-markdown@0.7.0 strip-markdown@6.0.0 remark@15.0.1 >/dev/null
cat >strip.mjs <<'JS'
import { remark } from "remark";
import removeMarkdown from "remove-markdown";
import strip from "strip-markdown";

const expected = {
  "**bold** and [link](https://example.org)": ["bold and link", "bold and link"],
  "x <= 3 or y >= 2": ["x = 2", "x <= 3 or y >= 2"],
  "a < 5 euros; c > 10": ["a  10", "a < 5 euros; c > 10"],
  "Write to <ann@example.org> today": ["Write to  today", "Write to ann@example.org today"],
  "`Vec<T>` is a list": ["Vec is a list", "Vec<T> is a list"],
  "```\nlet x: Vec<u8>\n```": ["let x: Vec", ""],
  "~5 euros, later ~7": ["5 euros, later 7", "~5 euros, later ~7"],
};
let changed = false;
for (const [text, wanted] of Object.entries(expected)) {
  const stripped = String(await remark().use(strip).process(text)).trim();
  const found = [removeMarkdown(text), stripped.replaceAll("\\", "")]; // remark writes Markdown: "\<" is "<"
  changed ||= JSON.stringify(found) !== JSON.stringify(wanted);
  console.log(`${JSON.stringify(text)}: remove-markdown ${JSON.stringify(found[0])}, strip-markdown ${JSON.stringify(found[1])}`);
}
if (changed) {
  console.error("changed: expected", expected);
  process.exit(1);
}
JS
node strip.mjs
