"""All that the service keeps, as texts to search: Redis, tables, files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import redis
from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session


def redis_texts(client: redis.Redis) -> Iterator[tuple[str, str]]:
    """All keys and values of a Redis, whatever their types."""
    keys = list(client.scan_iter(count=1000))
    # In pipelines: other tests have left thousands of keys.
    with client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.type(key)
        kinds = dict(zip(keys, pipe.execute(), strict=True))
    with client.pipeline(transaction=False) as pipe:
        read: dict[bytes, Callable[[Any], Any]] = {
            b"string": pipe.get,
            b"hash": pipe.hgetall,
            b"list": lambda key: pipe.lrange(key, 0, -1),
            b"set": pipe.smembers,
            b"zset": lambda key: pipe.zrange(key, 0, -1, withscores=True),
            b"stream": pipe.xrange,
        }
        # An index has no values of its own.
        readable = [key for key, kind in kinds.items() if kind in read]
        for key in readable:
            read[kinds[key]](key)
        # A key may have expired since, and be of another type by now: its error is no trace.
        values = pipe.execute(raise_on_error=False)
    for key, value in zip(readable, values, strict=True):
        yield f"Redis {key!r}", f"{key!r} {value!r}"


def table_texts() -> Iterator[tuple[str, str]]:
    """Every column of every row of every table; sessions are read, too."""
    for model in apps.get_models(include_auto_created=True):
        for row in model._default_manager.values():
            yield f"table {model._meta.label}", repr(row)
    for session in Session.objects.all():
        yield "session", repr(session.get_decoded())


def file_texts() -> Iterator[tuple[str, str]]:
    """Names and contents of all files in the media folder."""
    for file in Path(settings.MEDIA_ROOT).rglob("*"):
        if file.is_file():
            yield f"file {file}", f"{file.name} {file.read_bytes()!r}"


def traces(client: redis.Redis, words: Iterable[str]) -> list[str]:
    """Where any of the words is found, by word."""
    words = list(words)
    found = []
    for texts in (redis_texts(client), table_texts(), file_texts()):
        found += [f"{word} in {place}" for place, text in texts for word in words if word in text]
    return found
