"""The HTTP application of one side: routes, keys, faults that come before any answer."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web

from assistant_site.simulator import admin, anthropic_routes, openai_routes
from assistant_site.simulator.call import Call, CallHandler, World, pause
from assistant_site.simulator.chat import Provider
from assistant_site.simulator.errors import Rejection, answer_for, scripted
from assistant_site.simulator.faults import HEADER, BadFault, Facts

MAX_BODY = 32 * 1024 * 1024
_NOT_JSON = {
    "openai": "We could not parse the JSON body of your request. (HINT: This likely means you "
    "aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what "
    "was sent was not valid JSON.)",
    "anthropic": "The request body is not valid JSON: expected an object",
}


def build_app(provider: Provider, world: World) -> web.Application:
    """The application that speaks as ``provider``."""
    side = openai_routes if provider == "openai" else anthropic_routes
    app = web.Application(client_max_size=MAX_BODY)
    admin.add_routes(app, provider, world)

    def handle(
        kind: str, handler: CallHandler
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            request_id = "req_" + uuid.uuid4().hex
            headers = side.headers(request_id)
            return await _serve(Call(request, provider, kind, world, request_id, headers), handler)

        return serve

    for method, path, kind, handler in side.ROUTES:
        app.router.add_route(method, path, handle(kind, handler))
    app.router.add_route("*", "/{rest:.*}", handle("unknown", _nowhere))
    return app


async def _serve(call: Call, handler: CallHandler) -> web.StreamResponse:
    """``handler`` within all that every call has: a record, a fault, a key, error bodies."""
    await _receive(call)
    try:
        response = await _answer(call, handler)
    except (asyncio.CancelledError, ConnectionError):
        call.note(outcome="closed_early")
        raise
    call.note(status=response.status, outcome="complete")
    return response


async def _receive(call: Call) -> None:
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
    call.number = call.world.journal.open(
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


async def _answer(call: Call, handler: CallHandler) -> web.StreamResponse:
    try:
        _take_fault(call)
        await pause(call.fault.headers_delay_ms)
        if broken := await _instead(call):
            return broken
        _check(call)
        return await handler(call)
    except Rejection as rejection:
        return _error(call, rejection)


def _take_fault(call: Call) -> None:
    text = _sent_text(call.body)
    facts = Facts(call.provider, call.request.path, call.kind, call.model, text)
    try:
        call.fault = call.world.faults.take(facts, call.request.headers.get(HEADER))
    except BadFault as exc:
        raise Rejection(400, f"The simulator cannot read this fault: {exc}") from exc
    if told := call.fault.to_dict():
        call.note(fault=told)


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


async def _instead(call: Call) -> web.StreamResponse | None:
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


def _error(call: Call, rejection: Rejection) -> web.Response:
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


def _check(call: Call) -> None:
    """Refuse what has no key, and a body that is not a JSON object."""
    if call.provider == "openai":
        openai_routes.check_key(call.request)
    else:
        anthropic_routes.check_key(call.request)
    posted = call.kind != "unknown" and call.request.method == "POST"
    if posted and not isinstance(call.body, dict):
        raise Rejection(400, _NOT_JSON[call.provider])


async def _nowhere(call: Call) -> web.StreamResponse:
    if call.provider == "anthropic":
        raise Rejection(404, "Not found", error="not_found_error")
    raise Rejection(404, f"Invalid URL ({call.request.method} {call.request.path})")
