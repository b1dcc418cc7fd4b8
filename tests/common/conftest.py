"""Clients of the tests' Redis, as the publishing tests have them."""

from tests.publishing.conftest import async_redis, client, prefix

__all__ = ["async_redis", "client", "prefix"]
