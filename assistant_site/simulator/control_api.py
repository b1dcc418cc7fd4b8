"""Control API: faults, recorded requests and sides up or down, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import orjson
from aiohttp import web

from assistant_site.simulator.call import SimulatorState
from assistant_site.simulator.chat import PROVIDERS, Provider
from assistant_site.simulator.faults import BadFault, read_fault
from assistant_site.simulator.openai_media import picture_bytes


def add_routes(app: web.Application, provider: Provider, state: SimulatorState) -> None:
    """Put the steering calls under ``/_simulator/``; they need no key."""
    api = _ControlApi(provider, state)
    app.router.add_get("/_simulator/", api.state)
    app.router.add_get("/_simulator/faults", api.faults)
    app.router.add_post("/_simulator/faults", api.add_faults)
    app.router.add_delete("/_simulator/faults", api.clear_faults)
    app.router.add_get("/_simulator/requests", api.requests)
    app.router.add_delete("/_simulator/requests", api.clear_requests)
    app.router.add_post("/_simulator/sides/{side}", api.set_side)
    app.router.add_post("/_simulator/obey", api.set_obey)
    app.router.add_get("/_simulator/picture", api.picture)


class _ControlApi:
    """The calls, for one side's port."""

    def __init__(self, provider: Provider, state: SimulatorState) -> None:
        self._provider = provider
        self._state = state

    async def state(self, _: web.Request) -> web.Response:
        return _json(
            {
                "answered_by": self._provider,
                "requests": len(self._state.journal.records),
                "faults": self._state.faults.listed(),
                "obey": self._state.obey,
            }
        )

    async def faults(self, _: web.Request) -> web.Response:
        return _json({"faults": self._state.faults.listed()})

    async def add_faults(self, request: web.Request) -> web.Response:
        body = await _body(request)
        try:
            faults = [read_fault(item) for item in (body if isinstance(body, list) else [body])]
        except (BadFault, TypeError) as exc:
            return _json({"detail": str(exc)}, status=400)
        # All are read before the first is scripted: a list with a mistake changes nothing.
        for fault in faults:
            self._state.faults.add(fault)
        return _json({"faults": self._state.faults.listed()}, status=201)

    async def clear_faults(self, _: web.Request) -> web.Response:
        self._state.faults.clear()
        return web.Response(status=204)

    async def requests(self, request: web.Request) -> web.Response:
        provider = request.query.get("provider")
        records = [
            {**asdict(record), "closed_early": record.closed_early}
            for record in self._state.journal.records
            if provider in {None, record.provider}
        ]
        return _json({"count": len(records), "requests": records})

    async def clear_requests(self, _: web.Request) -> web.Response:
        self._state.journal.clear()
        return web.Response(status=204)

    async def set_obey(self, request: web.Request) -> web.Response:
        body = await _body(request)
        self._state.obey = bool(isinstance(body, Mapping) and body.get("on"))
        return _json({"on": self._state.obey})

    async def picture(self, request: web.Request) -> web.Response:
        """The picture behind an image answer's ``url``."""
        query = request.query
        try:
            width, height = (min(4096, int(query.get(name, 256))) for name in ("width", "height"))
            variant = int(query.get("variant", 0))
        except ValueError:
            return _json({"detail": "width, height and variant are whole numbers"}, status=400)
        data = await picture_bytes(query.get("prompt", ""), width, height, "png", variant)
        return web.Response(body=data, content_type="image/png")

    async def set_side(self, request: web.Request) -> web.Response:
        side, body = request.match_info["side"], await _body(request)
        if side not in PROVIDERS or not isinstance(body, Mapping) or "up" not in body:
            return _json(
                {"detail": f'{{"up": true or false}} for {" or ".join(PROVIDERS)}'}, status=400
            )
        if side == self._provider and not body["up"]:
            return _json(
                {"detail": "ask the other side's port: this one would be gone"}, status=409
            )
        try:
            self._state.set_side(side, up=bool(body["up"]))
        except KeyError:
            return _json({"detail": f"this process does not serve {side}"}, status=404)
        return _json({"side": side, "up": bool(body["up"])})


async def _body(request: web.Request) -> Any:
    try:
        return orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        return None


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(
        body=orjson.dumps(body, option=orjson.OPT_INDENT_2) + b"\n",
        status=status,
        content_type="application/json",
    )
