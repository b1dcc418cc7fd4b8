"""Redis Sentinel: every new connection asks the Sentinels for the address of the master.

``redis+sentinel://[user:password@]host:port,host:port/service[/db]``, or ``rediss+sentinel://`` for TLS to
both. User and password are Redis' own; the Sentinels' go into the query, ``sentinel_username`` and
``sentinel_password``, where redis-py's other options may stand too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import redis
import redis.asyncio
from redis.asyncio.connection import BlockingConnectionPool
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.asyncio.sentinel import SentinelConnectionPool as AsyncSentinelPool
from redis.connection import parse_url
from redis.sentinel import Sentinel

SCHEMES = ("redis+sentinel", "rediss+sentinel")
PORT = 26379

_OF_SENTINELS = "sentinel_"
_SHARED = ("ssl", "socket_", "protocol", "retry")


class BlockingSentinelPool(AsyncSentinelPool, BlockingConnectionPool):
    """Connections to the master. A caller beyond the last one waits for one to come free."""


@dataclass(frozen=True, slots=True)
class SentinelService:
    """Sentinels that know the master of ``service``, and redis-py's options for it and for them."""

    sentinels: tuple[tuple[str, int], ...]
    service: str
    options: Mapping[str, Any]
    sentinel_options: Mapping[str, Any]

    @classmethod
    def of(cls, url: str) -> SentinelService:
        """Read the URL. Raises ``ValueError``."""
        parts = urlsplit(url)
        user, _, addresses = parts.netloc.rpartition("@")
        service, _, database = parts.path.strip("/").partition("/")
        if not service or not addresses:
            raise ValueError(f"{parts.scheme}:// needs addresses and the name of a service")
        query = parse_qsl(parts.query)
        own = urlencode([pair for pair in query if not pair[0].startswith(_OF_SENTINELS)])
        plain = f"{parts.scheme.removesuffix('+sentinel')}://{user}{'@' if user else ''}localhost"
        options: dict[str, Any] = dict(parse_url(f"{plain}/{database or 0}?{own}"))  # type: ignore[no-untyped-call] # redis-py
        del options["host"]
        if options.pop("connection_class", None):
            options["ssl"] = True
        sentinel_options = {
            name.removeprefix(_OF_SENTINELS): value
            for name, value in query
            if name.startswith(_OF_SENTINELS)
        }
        return cls(tuple(map(_address, addresses.split(","))), service, options, sentinel_options)

    def async_client(
        self, redis_class: type[redis.asyncio.Redis] = redis.asyncio.Redis, **options: Any
    ) -> redis.asyncio.Redis:
        """A client of the master for the event loop that first uses it. Its ``aclose`` leaves the
        connections to the Sentinels: see ``close_sentinels``."""
        manager = AsyncSentinel(self.sentinels, sentinel_kwargs=self._shared_options(options))  # type: ignore[no-untyped-call] # redis-py
        return manager.master_for(  # type: ignore[no-any-return]
            self.service,
            redis_class=redis_class,
            connection_pool_class=BlockingSentinelPool,
            **{**self.options, **options},
        )

    def sync_client(self, **options: Any) -> redis.Redis:
        """A client of the master outside the event loop."""
        manager = Sentinel(self.sentinels, sentinel_kwargs=self._shared_options(options))  # type: ignore[no-untyped-call] # redis-py
        return manager.master_for(self.service, **{**self.options, **options})  # type: ignore[no-any-return,no-untyped-call]

    def _shared_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Options of the Sentinels' connections: those of Redis but for user and password, never blocking."""
        both = {**self.options, **options}
        shared = {name: value for name, value in both.items() if name.startswith(_SHARED)}
        if not shared.get("socket_timeout"):
            shared["socket_timeout"] = shared.get("socket_connect_timeout")
        return {**shared, **self.sentinel_options}


async def close_sentinels(client: redis.asyncio.Redis) -> None:
    """Close a client's connections to its Sentinels; nothing for a client without them."""
    pool = client.connection_pool
    if isinstance(pool, AsyncSentinelPool):
        await pool.sentinel_manager.aclose()


def _address(text: str) -> tuple[str, int]:
    """Raises ``ValueError``."""
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(f"{text!r} is no address of a Sentinel")
    return parts.hostname, parts.port or PORT
