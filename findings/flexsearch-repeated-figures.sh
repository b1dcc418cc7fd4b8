#!/usr/bin/env bash
# FlexSearch finds Room 1000 and Room 110 for "room 100", an order of 2024 for "44", and 5000000000 before 500 for
# "500".
#
# A page searches rooms, orders and codes of errors in the browser, or hands the hits to a model. Guessed before: whole
# words are found, as its `tokenize: "strict"`, the default, is described. Seen: the default encoder of version 0.8 cuts
# numbers into pieces of three figures and makes one of equal letters and figures side by side: 100 is "10", 1000 is
# "10" and "0", 44 is "4", as is the end of 2024 and of 1234. Words are cut down as well: "XL" finds XXL, "Ana" finds
# Anna. Without `dedupe` 100 still finds 1000, and 500 all that begins with it; without `numeric` too, FlexSearch finds
# what MiniSearch does.
#
# Seen with flexsearch 0.8.212, minisearch 7.2.0 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund flexsearch@0.8.212 minisearch@7.2.0 >/dev/null
cat >find.cjs <<'JS'
const { Encoder, Index } = require("flexsearch");
const MiniSearch = require("minisearch");

const texts = ["Room 10", "Room 100", "Room 1000", "Room 110", "Room 1001", "error 44", "order 2024-001"];
texts.push("order 2024-011", "pin 1234", "phone 11", "phone 1", "5000000000 cents", "500 cents");
texts.push("shirt XXL", "shirt XL", "Anna", "Ana");
const mini = new MiniSearch({ fields: ["text"] });
const indexes = {
  flexsearch: new Index(),
  "without dedupe": new Index({ encoder: new Encoder({ dedupe: false }) }),
  "without numeric": new Index({ encoder: new Encoder({ dedupe: false, numeric: false }) }),
  minisearch: {
    add: (id, text) => mini.add({ id, text }),
    search: (asked) => mini.search(asked, { combineWith: "AND" }).map((hit) => hit.id),
  },
};
for (const index of Object.values(indexes)) texts.forEach((text, id) => index.add(id, text));
for (const asked of ["room 100", "44", "2024-011", "phone 1", "500", "XL", "Ana"]) {
  for (const [name, index] of Object.entries(indexes)) {
    console.log(`${asked}, ${name}:`, index.search(asked).map((id) => texts[id]).join(", "));
  }
}
JS
node find.cjs | tee seen
cat >expected <<'END'
room 100, flexsearch: Room 10, Room 100, Room 1000, Room 110, Room 1001
room 100, without dedupe: Room 100, Room 1000, Room 1001
room 100, without numeric: Room 100
room 100, minisearch: Room 100
44, flexsearch: error 44, order 2024-001, order 2024-011, pin 1234
44, without dedupe: error 44
44, without numeric: error 44
44, minisearch: error 44
2024-011, flexsearch: order 2024-001, order 2024-011
2024-011, without dedupe: order 2024-011
2024-011, without numeric: order 2024-011
2024-011, minisearch: order 2024-011
phone 1, flexsearch: phone 11, phone 1
phone 1, without dedupe: phone 1
phone 1, without numeric: phone 1
phone 1, minisearch: phone 1
500, flexsearch: 5000000000 cents, 500 cents
500, without dedupe: 5000000000 cents, 500 cents
500, without numeric: 500 cents
500, minisearch: 500 cents
XL, flexsearch: shirt XXL, shirt XL
XL, without dedupe: shirt XL
XL, without numeric: shirt XL
XL, minisearch: shirt XL
Ana, flexsearch: Anna, Ana
Ana, without dedupe: Ana
Ana, without numeric: Ana
Ana, minisearch: Ana
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
