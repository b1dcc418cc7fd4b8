#!/usr/bin/env bash
# A user whose id has a letter beyond ASCII gets one variant from Unleash's SDK for Python and another from that for
# Node.
#
# A prompt or a model is rolled out to half of the users, or tested as two variants, by a hash of the user's id, so
# that each user always has the same one ("stickiness"). Guessed before: the same in every SDK, as the hash and its
# input are given. Seen: so it is for ids of ASCII letters. For Müller, José or Zoë the SDK for Node hashes other
# bytes than UTF-8's, so that a service in Python and a page or gateway on Node show the same person both variants, or
# have the feature on in one and off in the other; an experiment counts such people on both sides. Ids that are names
# are concerned, numbers and UUIDs are not.
#
# Seen with UnleashClient 6.9.1 (Python 3.11), unleash-client 6.12.1 (Node 20). Installs them into a temporary folder;
# asks no server, the feature is given to both at their start.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet UnleashClient==6.9.1
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund unleash-client@6.12.1 >/dev/null
cat >features.json <<'JSON'
{"version": 2, "features": [{"name": "prompt", "type": "experiment", "enabled": true, "project": "default",
  "stale": false, "strategies": [{"name": "flexibleRollout", "constraints": [],
    "parameters": {"rollout": "50", "stickiness": "userId", "groupId": "prompt"}}],
  "variants": [{"name": "a", "weight": 500, "weightType": "variable", "stickiness": "userId"},
               {"name": "b", "weight": 500, "weightType": "variable", "stickiness": "userId"}]}]}
JSON
cat >users <<'END'
ann
bob
user-1
4f0c7a52
Müller
José
Zoë
Ægir
Łukasz
Ωmega
END
cat >ask.py <<'PY'
import json

from UnleashClient import UnleashClient
from UnleashClient.cache import FileCache

cache = FileCache("app", directory="cache")
cache.bootstrap_from_dict(json.load(open("features.json")))
quiet = {"disable_metrics": True, "disable_registration": True}
client = UnleashClient("http://127.0.0.1:9/api", "app", cache=cache, **quiet)
client.initialize_client(fetch_toggles=False)
for user in open("users").read().split():
    on = client.is_enabled("prompt", {"userId": user})
    variant = client.get_variant("prompt", {"userId": user})
    print(f"{user}: Python {'on' if on else 'off'} {variant['name']},")
client.destroy()
PY
cat >ask.mjs <<'JS'
import { readFileSync } from "node:fs";
import { InMemStorageProvider, Unleash } from "unleash-client";

const { features } = JSON.parse(readFileSync("features.json"));
const client = new Unleash({
  url: "http://127.0.0.1:9/api/", appName: "app", bootstrap: { data: features }, disableMetrics: true,
  refreshInterval: 0, skipInstanceCountWarning: true, storageProvider: new InMemStorageProvider(),
});
client.on("error", () => {}).on("warn", () => {});
await new Promise((ready) => client.on("ready", ready));
for (const userId of readFileSync("users", "utf8").trim().split("\n")) {
  const on = client.isEnabled("prompt", { userId });
  console.log(`Node ${on ? "on" : "off"} ${client.getVariant("prompt", { userId }).name}`);
}
process.exit();
JS
mkdir cache
venv/bin/python -W ignore ask.py >python
node ask.mjs >javascript
paste -d ' ' python javascript | tee seen
cat >expected <<'END'
ann: Python on a, Node on a
bob: Python on b, Node on b
user-1: Python on b, Node on b
4f0c7a52: Python on b, Node on b
Müller: Python on a, Node on b
José: Python on b, Node off disabled
Zoë: Python on a, Node on b
Ægir: Python on a, Node off disabled
Łukasz: Python off disabled, Node on b
Ωmega: Python on a, Node off disabled
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
