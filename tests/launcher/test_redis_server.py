from __future__ import annotations

import platform
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from assistant_site.launcher import processes, redis_server
from assistant_site.launcher.redis_server import RedisNotStarted, RedisServer

pytestmark = pytest.mark.services


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as running:
        yield running


def connect(server: RedisServer) -> redis.Redis:
    return redis.Redis.from_url(server.url, decode_responses=True, protocol=2)


def test_it_answers_a_search(server: RedisServer) -> None:
    with connect(server) as client:
        client.execute_command("FT.CREATE", "notes", "SCHEMA", "text", "TEXT")
        client.hset("note:1", mapping={"text": "sea and sand"})

        assert client.execute_command("FT.SEARCH", "notes", "sea", "NOCONTENT")[0] == 1


def test_it_listens_on_this_machine_alone(server: RedisServer) -> None:
    with connect(server) as client:
        assert client.config_get("bind")["bind"] == "127.0.0.1"
        assert client.config_get("protected-mode")["protected-mode"] == "yes"


def test_its_data_and_its_port_survive_a_restart(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as first, connect(first) as client:
        client.set("kept", "yes")

    with RedisServer(tmp_path) as second, connect(second) as client:
        assert client.get("kept") == "yes"
        assert second.url == first.url


def test_its_data_survives_its_violent_end(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as first, connect(first) as client:
        client.set("kept", "yes")
        first.process.kill()
        first.process.wait()

    with RedisServer(tmp_path) as second, connect(second) as client:
        assert client.get("kept") == "yes"


def test_it_is_gone_afterwards(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        process = server.process

    assert process.returncode is not None
    assert not (tmp_path / "redis.pid").exists()
    with connect(server) as client, pytest.raises(redis.ConnectionError):
        client.ping()


def test_a_folder_serves_one_at_a_time(server: RedisServer) -> None:
    with pytest.raises(RedisNotStarted, match="Another process"), RedisServer(server.data_dir):
        pass

    with connect(server) as client:
        assert client.ping()


def test_the_leftover_of_a_killed_run_is_replaced(tmp_path: Path) -> None:
    left = RedisServer(tmp_path)
    left.start()
    assert left._lock is not None
    left._lock.close()  # as the kernel does when its owner dies
    old = left.process
    with connect(left) as client:
        client.set("kept", "yes")

    with RedisServer(tmp_path) as server, connect(server) as client:
        assert client.get("kept") == "yes"
        assert server.process.pid != old.pid
        assert old.wait() is not None


def test_a_given_port_is_used(tmp_path: Path) -> None:
    port = processes.free_port()

    with RedisServer(tmp_path, port) as server:
        assert server.url == f"redis://127.0.0.1:{port}/0"


def test_the_wheels_server_stands_in_for_one_without_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian's redis-server starts, and answers FT._LIST with an error."""
    *_, (wheels_server, *_modules) = redis_server.programs()
    plain = tmp_path / "bin" / "redis-server"
    plain.parent.mkdir()
    plain.write_text(f'#!/bin/sh\nexec "{wheels_server}" "$@"\n')
    plain.chmod(plain.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{plain.parent}:/usr/bin:/bin")

    with RedisServer(tmp_path / "data") as server, connect(server) as client:
        assert client.execute_command("FT._LIST") == []


def test_where_there_is_none_it_asks_for_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_server, "programs", list)
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")

    with pytest.raises(RedisNotStarted, match=r"aarch64.*set REDIS_URL"), RedisServer(tmp_path):
        pass

    monkeypatch.undo()
    with RedisServer(tmp_path) as server:  # the folder was given back
        assert server.url
