#!/usr/bin/env bash
# remend, which completes Markdown that is still being written, changes texts in which nothing is open.
#
# It stands in front of the renderers of chats (streamdown, of the AI SDK's makers), so that half of "**bold**" is not
# shown with its asterisks. Guessed before: only marks that CommonMark could still take for an opened one are completed, so that a
# whole text is shown as without it. Seen: an operator between spaces counts as opened: "2 ** 10 is 1024" is shown
# with two more asterisks at its end, also when the answer is over, "x ~~ y" with two tildes. Stars of a glob or of a call get a closing mark and
# vanish: "**/*.py" is shown as "**/.py", "f(*args, **kwargs" as "f(args, kwargs".
#
# Seen with remend 1.4.0, markdown-it 15.0.3 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund remend@1.4.0 markdown-it@15.0.3 >/dev/null
cat >show.mjs <<'JS'
import MarkdownIt from "markdown-it";
import remend from "remend";

const markdown = new MarkdownIt();
const shown = (text) => markdown.render(text).replace(/<[^>]*>/g, "").trim();
const expected = {
  "In Python 2 ** 10 is 1024.": "In Python 2 ** 10 is 1024.**",
  "Write x ~~ y for it.": "Write x ~~ y for it.~~",
  "The pattern **/*.py finds them.": "The pattern **/.py finds them.",
  "Call f(*args, **kwargs": "Call f(args, kwargs",
  "Rated 5* by all, 2 * 3 times.": "Rated 5* by all, 2 * 3 times.",
  "This is **bold": "This is bold",
};
let changed = 0;
for (const [text, wanted] of Object.entries(expected)) {
  const seen = shown(remend(text));
  console.log(JSON.stringify({ text, "shown without": shown(text), "shown with remend": seen }));
  changed += seen !== wanted;
}
process.exit(changed ? 1 : 0);
JS
node show.mjs
