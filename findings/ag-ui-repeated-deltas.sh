#!/usr/bin/env bash
# The events of an AG-UI run give another state when they are read again: a list that one delta adds and fills has its
# item twice, then three times.
#
# An agent tells a page the changes of its state as JSON patches; their events are kept to be shown to a second reader,
# or after a reload. Guessed before: a patch is read, and stays as it was. Seen: fast-json-patch, which AG-UI's client
# uses, puts the value of the patch itself into the document, and the operations behind it change it there. So the patch
# holds `["book"]` from the first reading on, and each reader adds one more, also where patches are checked and the
# document is not to be changed. A checked patch that fails half way leaves its first half behind. Unchecked, which is
# the default, a step that is not there is replaced, with nulls before it, and one copied from nowhere is added as
# undefined. rfc6902 and jsonpatch for Python leave the patch alone and refuse both; rfc6902 gives errors back and keeps
# the first half too.
#
# Seen with @ag-ui/client 1.0.0, fast-json-patch 3.1.1, rfc6902 5.4.0, rxjs 7.8.1 (Node 20), jsonpatch 1.48 (Python
# 3.11). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet jsonpatch==1.48
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @ag-ui/client@1.0.0 fast-json-patch@3.1.1 rfc6902@5.4.0 \
  rxjs@7.8.1 >/dev/null
cat >cases.json <<'END'
{"cart": [{"op": "add", "path": "/cart", "value": []}, {"op": "add", "path": "/cart/-", "value": "book"}],
 "state": {"steps": ["search"]},
 "failing": {
  "half": [{"op": "add", "path": "/paid", "value": true}, {"op": "test", "path": "/steps/0", "value": "pay"}],
  "replaced": [{"op": "replace", "path": "/steps/3", "value": "pay"}],
  "copied": [{"op": "copy", "from": "/total", "path": "/due"}]}}
END
cat >read.mjs <<'JS'
import { readFileSync } from "node:fs";
import { AbstractAgent, EventType } from "@ag-ui/client";
import jsonPatch from "fast-json-patch";
import * as rfc6902 from "rfc6902";
import { from } from "rxjs";

const cases = () => JSON.parse(readFileSync("cases.json", "utf8"));
const run = { threadId: "thread", runId: "run" };
const events = [{ type: EventType.RUN_STARTED, ...run }, { type: EventType.STATE_SNAPSHOT, snapshot: {} }];
events.push({ type: EventType.STATE_DELTA, delta: cases().cart });
events.push({ type: EventType.RUN_FINISHED, ...run });
class Kept extends AbstractAgent {
  run = () => from(events);
}
for (const reader of [1, 2, 3]) {
  const agent = new Kept({ threadId: "thread" });
  await agent.runAgent();
  console.log(`AG-UI, reader ${reader}:`, JSON.stringify(agent.state));
}
const readers = {
  "fast-json-patch": (state, patch) => jsonPatch.applyPatch(state, patch).newDocument,
  "fast-json-patch, checked": (state, patch) => jsonPatch.applyPatch(state, patch, true, false).newDocument,
  "fast-json-patch, checked in place": (state, patch) => jsonPatch.applyPatch(state, patch, true).newDocument,
  rfc6902: (state, patch) => (rfc6902.applyPatch(state, patch).some(Boolean) ? "refused" : state),
};
for (const [name, read] of Object.entries(readers)) {
  const { cart, failing } = cases();
  read({}, cart);
  console.log(`${name}, read twice:`, JSON.stringify(read({}, cart)));
  for (const [words, patch] of Object.entries(failing)) {
    const { state } = cases();
    let refused = "";
    try {
      if (read(state, patch) === "refused") refused = "refused, ";
    } catch {
      refused = "refused, ";
    }
    console.log(`${name}, ${words}: ${refused}state ${JSON.stringify(state)}`);
  }
}
JS
cat >read.py <<'PY'
import copy, json

import jsonpatch

cases = json.load(open("cases.json"))
jsonpatch.apply_patch({}, cases["cart"], in_place=True)
print("jsonpatch, read twice:", json.dumps(jsonpatch.apply_patch({}, cases["cart"], in_place=True)))
for words, patch in cases["failing"].items():
    state = copy.deepcopy(cases["state"])
    try:
        refused, state = "", jsonpatch.apply_patch(state, patch)
    except jsonpatch.JsonPatchException:
        refused = "refused, "
    print(f"jsonpatch, {words}: {refused}state {json.dumps(state)}")
PY
{ node read.mjs && venv/bin/python read.py; } | tee seen
cat >expected <<'END'
AG-UI, reader 1: {"cart":["book"]}
AG-UI, reader 2: {"cart":["book","book"]}
AG-UI, reader 3: {"cart":["book","book","book"]}
fast-json-patch, read twice: {"cart":["book","book"]}
fast-json-patch, half: refused, state {"steps":["search"],"paid":true}
fast-json-patch, replaced: state {"steps":["search",null,null,"pay"]}
fast-json-patch, copied: state {"steps":["search"],"due":null}
fast-json-patch, checked, read twice: {"cart":["book","book"]}
fast-json-patch, checked, half: refused, state {"steps":["search"]}
fast-json-patch, checked, replaced: refused, state {"steps":["search"]}
fast-json-patch, checked, copied: refused, state {"steps":["search"]}
fast-json-patch, checked in place, read twice: {"cart":["book","book"]}
fast-json-patch, checked in place, half: refused, state {"steps":["search"],"paid":true}
fast-json-patch, checked in place, replaced: refused, state {"steps":["search"]}
fast-json-patch, checked in place, copied: refused, state {"steps":["search"]}
rfc6902, read twice: {"cart":["book"]}
rfc6902, half: refused, state {"steps":["search"],"paid":true}
rfc6902, replaced: refused, state {"steps":["search"]}
rfc6902, copied: refused, state {"steps":["search"]}
jsonpatch, read twice: {"cart": ["book"]}
jsonpatch, half: refused, state {"steps": ["search"]}
jsonpatch, replaced: refused, state {"steps": ["search"]}
jsonpatch, copied: refused, state {"steps": ["search"]}
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
