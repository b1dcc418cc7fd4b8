"""Cache by identity, least recently used first out: results for objects that are never changed, but replaced."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class IdentityCache(Generic[K, V]):
    """Results of ``make`` for the ``most`` objects used last. An object is kept with its result, so that no other
    one gets its ``id`` meanwhile."""

    def __init__(self, make: Callable[[K], V], most: int) -> None:
        self._make, self._most = make, most
        self._kept: OrderedDict[int, tuple[K, V]] = OrderedDict()

    def __call__(self, key: K) -> V:
        """The result for this very object, made when it is first asked for."""
        if id(key) not in self._kept:
            self._kept[id(key)] = (key, self._make(key))
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(id(key))
        return self._kept[id(key)][1]
