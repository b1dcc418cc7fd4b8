"""The simulator: two sides, each on its own port, in this event loop or in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any, Self

from aiohttp import web

from assistant_site.simulator.app import build_app
from assistant_site.simulator.call import KEPT, Pace, RecordedRequest, RequestLog, SimulatorState
from assistant_site.simulator.chat import PROVIDERS, Provider
from assistant_site.simulator.faults import read_fault
from assistant_site.simulator.protocol import SimulatorProtocol


class Simulator:
    """Both providers. An async context manager; ``in_thread`` is the same for synchronous callers.

    Port 0 takes a free one. ``sides`` names the providers that are served; ``kept`` requests are
    remembered. Everything public
    but the context manager itself may be called from any thread. Raises ``OSError`` when a
    port is taken.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        openai_port: int = 0,
        anthropic_port: int = 0,
        sides: Collection[Provider] = PROVIDERS,
        pace: Pace | None = None,
        kept: int = KEPT,
    ) -> None:
        self._state = SimulatorState(
            pace=pace or Pace(), set_side=self._set_side, journal=RequestLog(kept)
        )
        ports = {"openai": openai_port, "anthropic": anthropic_port}
        self._sides: dict[str, _Side] = {
            name: _Side(host, ports[name], build_app(name, self._state)) for name in sides
        }
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        async with contextlib.AsyncExitStack() as stack:
            for side in self._sides.values():
                await stack.enter_async_context(side.running())
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    @classmethod
    @contextlib.contextmanager
    def in_thread(cls, **options: Any) -> Iterator[Simulator]:
        """The simulator in an event loop and thread of its own; ``options`` as for the class."""
        started: Future[tuple[Simulator, Callable[[], object]]] = Future()
        thread = threading.Thread(
            target=lambda: asyncio.run(_serve(cls, options, started)), name="simulator", daemon=True
        )
        thread.start()
        simulator, leave = started.result(timeout=30)
        try:
            yield simulator
        finally:
            leave()
            thread.join(timeout=30)

    @property
    def openai_url(self) -> str:
        """Base URL as the OpenAI SDK takes it, with ``/v1``."""
        return self.urls["openai"]

    @property
    def anthropic_url(self) -> str:
        """Base URL as the Anthropic SDK takes it, without ``/v1``."""
        return self.urls["anthropic"]

    @property
    def urls(self) -> dict[str, str]:
        """The base URL of each side that is served, as that provider's SDK takes it."""
        every = {"openai": "/v1", "anthropic": ""}
        return {name: side.url + every[name] for name, side in self._sides.items()}

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests so far, oldest first; a copy. Those for the list of models are left out: a service
        asks for it at any time."""
        return _of_prompts(self._state.journal.records)

    @property
    def obey(self) -> bool:
        """Whether the classifier obeys instructions it finds in a prompt, as a weak model does."""
        return self._state.obey

    @obey.setter
    def obey(self, value: bool) -> None:
        self._state.obey = value

    def fault(self, **what: Any) -> None:
        """Script a fault; the fields are those of ``SimulatedFault``. Raises ``BadFault``."""
        self._state.faults.add(read_fault(what))

    def clear(self) -> None:
        """Reset: no faults, no requests, no obedience, both sides up."""
        self._state.faults.clear()
        self._state.journal.clear()
        self._state.obey = False
        for name in self._sides:
            self.start_side(name)

    def wait_for(
        self, condition: Callable[[list[RecordedRequest]], bool], timeout: float = 10.0
    ) -> list[RecordedRequest]:
        """Block until ``condition`` holds for the requests, and return them; not in the
        simulator's own loop. Raises ``TimeoutError``."""
        wait_for = self._state.journal.wait_for
        return _of_prompts(wait_for(lambda records: condition(_of_prompts(records)), timeout))

    async def until(
        self, condition: Callable[[list[RecordedRequest]], bool]
    ) -> list[RecordedRequest]:
        """``wait_for`` without blocking the loop."""
        return await asyncio.to_thread(self.wait_for, condition)

    def stop_side(self, side: str) -> None:
        """Break the side's connections and refuse new ones, as a killed server does."""
        self._state.journal.settle(side, "side_stopped")
        self._in_loop(self._sides[side].stop)

    def start_side(self, side: str) -> None:
        """Accept connections again, on the same port."""
        self._in_loop(self._sides[side].start)

    def _set_side(self, side: str, *, up: bool) -> None:
        (self.start_side if up else self.stop_side)(side)

    def _in_loop(self, action: Callable[[], None]) -> None:
        assert self._loop is not None, "the simulator is not running"  # noqa: S101
        with contextlib.suppress(RuntimeError):
            if asyncio.get_running_loop() is self._loop:
                action()
                return

        async def act() -> None:
            action()

        asyncio.run_coroutine_threadsafe(act(), self._loop).result(timeout=10)


async def _serve(
    cls: type[Simulator],
    options: dict[str, Any],
    started: Future[tuple[Simulator, Callable[[], object]]],
) -> None:
    leave = asyncio.Event()
    loop = asyncio.get_running_loop()
    try:
        async with cls(**options) as simulator:
            started.set_result((simulator, lambda: loop.call_soon_threadsafe(leave.set)))
            await leave.wait()
    except Exception as exc:
        if started.done():
            raise
        started.set_exception(exc)


class _Side:
    """One provider's port. While it is down the port stays bound without listening: connections
    are refused and no other process can take it."""

    def __init__(self, host: str, port: int, app: web.Application) -> None:
        self._address = (host, port)
        self._app = app
        self._socket: socket.socket | None = None
        self._listening: asyncio.Task[asyncio.Server] | None = None

    @property
    def url(self) -> str:
        host, port = self._address
        return f"http://{host}:{port}"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self._socket = self._bound()
        self._address = self._socket.getsockname()[:2]
        self._runner = web.AppRunner(
            self._app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1
        )
        await self._runner.setup()
        try:
            self.start()
            yield
        finally:
            self.stop()
            self._release()
            await self._runner.cleanup()

    def start(self) -> None:
        if self._listening is not None or self._socket is None:
            return
        # The kernel queues connections from here on, though the loop accepts them a turn later.
        self._socket.listen(128)
        loop = asyncio.get_running_loop()
        server = self._runner.server
        assert server is not None  # noqa: S101 - ``running`` has set it up
        self._listening = loop.create_task(
            loop.create_server(
                partial(SimulatorProtocol, server, loop), sock=self._socket, backlog=128
            )
        )

    def stop(self) -> None:
        if self._listening is None:
            return
        if self._listening.done():
            self._listening.result().close()
        else:
            self._listening.cancel()
        self._listening = None
        self._release()
        self._socket = self._bound()
        for connection in self._runner.server.connections if self._runner.server else ():
            if connection.transport is not None:
                connection.transport.abort()

    def _bound(self) -> socket.socket:
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(self._address)
        except OSError as exc:
            bound.close()
            host, port = self._address
            raise OSError(exc.errno, f"{host}:{port}: {exc.strerror}") from exc
        return bound

    def _release(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _of_prompts(records: list[RecordedRequest]) -> list[RecordedRequest]:
    return [record for record in records if record.call != "models"]
