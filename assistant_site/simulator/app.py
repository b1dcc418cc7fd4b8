"""The HTTP application of one side: routes, keys, faults that come before any answer."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import orjson
from aiohttp import web

from assistant_site.simulator import anthropic, control_api, openai
from assistant_site.simulator.call import CallHandler, Route, SimulatedCall, SimulatorState, pause
from assistant_site.simulator.chat import ChatRequest, Provider
from assistant_site.simulator.delivery import WireFormat, serve_chat
from assistant_site.simulator.errors import Rejection, answer_for, scripted
from assistant_site.simulator.faults import HEADER, BadFault, RequestFacts

MAX_BODY = 32 * 1024 * 1024


class ProviderApi(WireFormat, Protocol):
    """One provider's API: its chat format, the other routes, keys and headers. Modules."""

    CHAT_PATH: str
    NOT_JSON: str
    ROUTES: tuple[Route, ...]

    def read(self, body: Mapping[str, Any]) -> ChatRequest:
        """The chat request. Raises ``Rejection`` as the API would."""
        ...

    def check_key(self, request: web.Request) -> None:
        """Raises ``Rejection`` for a request without a key."""
        ...

    def headers(self, request_id: str) -> dict[str, str]:
        """Headers of every answer."""
        ...

    def not_found(self, method: str, path: str, /) -> Rejection:
        """The error of a path that the API does not have."""
        ...


_APIS: dict[Provider, ProviderApi] = {"openai": openai, "anthropic": anthropic}


def build_app(provider: Provider, state: SimulatorState) -> web.Application:
    """The application that speaks as ``provider``."""
    api = _APIS[provider]
    app = web.Application(client_max_size=MAX_BODY)
    control_api.add_routes(app, provider, state)

    def handle(
        kind: str, handler: CallHandler
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            request_id = "req_" + uuid.uuid4().hex
            headers = api.headers(request_id)
            return await _serve(
                SimulatedCall(request, provider, kind, state, request_id, headers), handler
            )

        return serve

    async def chat(call: SimulatedCall) -> web.StreamResponse:
        return await serve_chat(call, api, api.read(call.body))

    async def unknown(call: SimulatedCall) -> web.StreamResponse:
        raise api.not_found(call.request.method, call.request.path)

    for method, path, kind, handler in (("POST", api.CHAT_PATH, "chat", chat), *api.ROUTES):
        app.router.add_route(method, path, handle(kind, handler))
    # Last, because it fits every path.
    app.router.add_route("*", "/{rest:.*}", handle("unknown", unknown))
    return app


async def _serve(call: SimulatedCall, handler: CallHandler) -> web.StreamResponse:
    """``handler`` within all that every call has: a record, a fault, a key, error bodies."""
    # The record comes first: it must hold requests that are dropped or refused, too.
    await _receive(call)
    try:
        response = await _answer(call, handler)
    except (asyncio.CancelledError, ConnectionError):
        call.note(outcome="closed_early")
        raise
    call.note(status=response.status, outcome="complete")
    return response


async def _receive(call: SimulatedCall) -> None:
    """Read the body and record the request."""
    request = call.request
    raw = await request.read()
    try:
        call.body = orjson.loads(raw) if raw else None
    except orjson.JSONDecodeError:
        call.body = None
    if call.kind == "chat" and b"</rules>" in raw:
        # A classification is a chat whose system text carries the rules.
        call.kind = "classify"
    elif call.kind == "chat" and b"<stored-1>" in raw:
        call.kind = "link"
    call.number = call.state.journal.open(
        provider=call.provider,
        method=request.method,
        path=request.path,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=call.body,
        call=call.kind,
        model=call.model,
        connection=_port(request),
    )


def _port(request: web.Request) -> int:
    """The client's; 0 when it has left."""
    address = request.transport.get_extra_info("peername") if request.transport else None
    return int(address[1]) if address else 0


async def _answer(call: SimulatedCall, handler: CallHandler) -> web.StreamResponse:
    try:
        # The fault comes before the key: a broken server does not look at keys.
        _take_fault(call)
        await pause(call.fault.headers_delay_ms)
        if broken := await _instead(call):
            return broken
        _check(call)
        return await handler(call)
    except Rejection as rejection:
        return _error(call, rejection)


def _take_fault(call: SimulatedCall) -> None:
    text = _sent_text(call.body)
    facts = RequestFacts(call.provider, call.request.path, call.kind, call.model, text)
    try:
        call.fault = call.state.faults.take(facts, call.request.headers.get(HEADER))
    except BadFault as exc:
        raise Rejection(400, f"The simulator cannot read this fault: {exc}") from exc
    if effects := call.fault.to_dict():
        call.note(fault=effects)


def _sent_text(body: Any) -> str:
    """The last user message of a chat; the input or prompt of other calls."""
    if not isinstance(body, dict):
        return ""
    messages = body.get("messages")
    for message in reversed(messages if isinstance(messages, list) else []):
        if isinstance(message, dict) and message.get("role") == "user":
            return _flat(message.get("content"))
    return _flat(body.get("prompt") or body.get("input"))


def _flat(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(_flat(item) for item in value)
    if isinstance(value, dict):
        return _flat(value.get("text") or value.get("content"))
    return value if isinstance(value, str) else ""


async def _instead(call: SimulatedCall) -> web.StreamResponse | None:
    """The answer that a fault puts in place of any other, or ``None``."""
    fault = call.fault
    if fault.drop:
        call.note(outcome="dropped")
        await call.abort()
        return web.Response()
    if fault.empty:
        kind = fault.content_type or "application/json"
        return web.Response(headers=call.headers, content_type=kind)
    if fault.content_type:
        page = "<!doctype html><title>Sign in</title><p>This is not the API.</p>"
        return web.Response(text=page, headers=call.headers, content_type=fault.content_type)
    if (fault.status or fault.error) and fault.error_after is None:
        raise scripted(call.provider, fault)
    return None


def _error(call: SimulatedCall, rejection: Rejection) -> web.Response:
    answer = answer_for(
        call.provider,
        rejection,
        request_id=call.request_id,
        model=call.model,
        retry_after=call.fault.retry_after,
    )
    text = answer.body if isinstance(answer.body, str) else orjson.dumps(answer.body).decode()
    headers = {**call.headers, **answer.headers}
    return web.Response(
        status=answer.status, text=text, headers=headers, content_type=answer.content_type
    )


def _check(call: SimulatedCall) -> None:
    """Refuse a request without a key, or with a body that is not a JSON object."""
    api = _APIS[call.provider]
    api.check_key(call.request)
    posted = call.kind != "unknown" and call.request.method == "POST"
    if posted and not isinstance(call.body, dict):
        raise Rejection(400, api.NOT_JSON)
