"""A Redis, its replica and a Sentinel that watches both: real processes on free ports."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis

from assistant_site.launcher import processes
from assistant_site.launcher.redis_server import RedisServer, programs

SERVICE = "site"
PATIENCE = 30.0


class WatchedRedis:
    """``url`` names the master, whichever it is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.servers = [RedisServer(folder / name) for name in ("one", "two")]
        self._port = processes.free_port()
        self._sentinel: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As REDIS_URL takes it; the first of its Sentinels is dead."""
        return (
            f"redis+sentinel://127.0.0.1:{processes.free_port()},127.0.0.1:{self._port}/{SERVICE}/0"
        )

    def start(self) -> None:
        """Until the replica has what the master has, and the Sentinel knows both."""
        for server in self.servers:
            server.start()
        first, second = (_port(server) for server in self.servers)
        with redis.Redis(port=first) as master:
            # By default a master waits five seconds for more replicas before it sends its data.
            master.config_set("repl-diskless-sync-delay", 0)
        with redis.Redis(port=second) as replica:
            replica.replicaof("127.0.0.1", first)
            _until(lambda: replica.info("replication")["master_link_status"] == "up")
        self._watch(first)
        with redis.Redis(port=self._port) as sentinel:
            _until(lambda: bool(sentinel.sentinel_slaves(SERVICE)))

    def lose_master(self) -> None:
        """Kill it, once its replica has everything."""
        with redis.Redis(port=_port(self.servers[0]), single_connection_client=True) as master:
            # WAIT is for the writes of its own connection: this one comes after those of others.
            master.set("last", 1)
            assert master.wait(1, 10_000) == 1
        self.servers[0].process.kill()

    def promoted(self) -> redis.Redis:
        """The replica, which is the master once this returns."""
        survivor = redis.Redis(port=_port(self.servers[1]))
        _until(lambda: survivor.role()[0] == b"master")
        return survivor

    def end(self) -> None:
        """End all of them."""
        if self._sentinel:
            processes.end(self._sentinel)
        for server in self.servers:
            server.stop()

    def _watch(self, master: int) -> None:
        conf = self._folder / "sentinel.conf"
        conf.write_text(
            f"port {self._port}\nbind 127.0.0.1\ndir {self._folder}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {master} 1\n"
            f"sentinel down-after-milliseconds {SERVICE} 500\n"
            f"sentinel failover-timeout {SERVICE} 3000\n"
        )
        command = [programs()[-1][0], str(conf), "--sentinel"]
        with (self._folder / "sentinel.log").open("ab") as log:
            self._sentinel = processes.start(command, output=log)


@contextmanager
def watched_redis(folder: Path) -> Iterator[WatchedRedis]:
    """Started, and ended afterwards."""
    watched = WatchedRedis(folder)
    try:
        watched.start()
        yield watched
    finally:
        watched.end()


def _port(server: RedisServer) -> int:
    return int(server.url.rsplit(":", 1)[1].removesuffix("/0"))


def _until(holds: object) -> None:
    """Raises ``AssertionError`` after PATIENCE."""
    assert callable(holds)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(redis.ConnectionError):
            if holds():
                return
        time.sleep(0.05)
    raise AssertionError("it does not come to that")
