"""What Redis does in one step touches keys of one slot: watched on the commands of real answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import redis
from redis.crc import key_slot

from conversations.models import Message
from conversations.storage.services import feedback_record
from tests.live_site import LiveSite

_ARGUMENT = re.compile(rb'"((?:[^"\\]|\\.)*)"')
Command = list[bytes]


@contextmanager
def watching(url: str, heard: list[tuple[bytes, Command]]) -> Iterator[None]:
    """Fill ``heard`` with every command that clients send in the block, each with its client."""
    with redis.Redis.from_url(url, protocol=2) as client, client.monitor() as monitor:
        yield
        last = uuid4().hex
        with redis.Redis.from_url(url) as other:
            other.echo(last)
        while True:
            line = monitor.connection.read_response()
            source, command = line.split(b"]", 1)[0].split()[-1], _ARGUMENT.findall(line)
            if last.encode() in command:
                return
            if source != b"lua":
                heard.append((source, command))


def together(heard: list[tuple[bytes, Command]]) -> Iterator[list[bytes]]:
    """The keys of each script, and of each transaction."""
    open_: dict[bytes, list[bytes]] = {}
    for source, (name, *arguments) in heard:
        match name.upper():
            case b"MULTI":
                open_[source] = []
            case b"EXEC":
                yield open_.pop(source)
            case b"EVAL" | b"EVALSHA":
                yield arguments[2 : 2 + int(arguments[1])]
            case _ if source in open_:
                open_[source].append(arguments[0])
            case _:
                pass


def test_scripts_and_transactions_keep_to_one_slot(site: LiveSite, redis_url: str) -> None:
    heard: list[tuple[bytes, Command]] = []
    with watching(redis_url, heard):
        site.publish_defaults()
        person = site.person()
        first = person.ask("Why is the sky blue?")
        person.ask("And at night?", conversation=first["conversation"])
        answer = Message.objects.get(pk=first["id"])
        feedback_record(user=person.user.pk, message=answer, verdict="bad")
    groups = list(together(heard))
    assert max(len(set(keys)) for keys in groups) > 1, "the memory's two keys, at least"
    assert len(groups) > 5
    for keys in groups:
        assert len({key_slot(key) for key in keys}) == 1 or all(map(_is_cached, keys)), keys


def _is_cached(key: bytes) -> bool:
    """Entries and the pointers to them lie where their index does, and an index is of one node."""
    return key.split(b":")[1] in {b"answer", b"words"}
