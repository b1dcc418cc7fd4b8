"""Calls of ``/v1/``: opened by the caller's token, read, made a turn of, and told of in headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from django.http import HttpRequest
from django.utils import timezone

from conversations.api.authentication import authenticate
from conversations.api.openai.errors import ParameterFault
from conversations.api.requests import end_user_of, joining_key, json_body, named_user, origin_of
from conversations.bootstrap import Container, container
from conversations.domain.api_keys import Caller, Scope
from conversations.domain.errors import Draining
from conversations.engine.types import CallerChat, Notes, Turn
from conversations.models import new_id
from conversations.runs.joining import RequestKey
from routing.domain.errors import PromptRejected, PromptTooLong
from routing.domain.release import Release
from routing.domain.rules import Decision
from routing.guard.validation import validate_prompt

CHAT_HEADER, MAX_SESSION = "X-OpenWebUI-Chat-Id", 200
_log = structlog.get_logger("assistant.request")
_ODD = re.compile(r"[^\x21-\x7e]")


@dataclass(frozen=True, slots=True)
class OpenedCall:
    """A request whose caller is known, and whose body is read."""

    request: HttpRequest
    parts: Container
    caller: Caller
    body: bytes

    @property
    def json(self) -> Any:
        """The body. Raises ``MalformedJSON``."""
        return json_body(self.body)

    @property
    def lenient(self) -> bool:
        """Whether parameters that can't be honoured are dropped."""
        return bool(self.caller.grant and self.caller.grant.lenient)

    @property
    def key(self) -> RequestKey:
        """The name by which a retry joins. Raises ``BadRequest``."""
        return joining_key(self.request, self.caller, self.body)

    def end_user(self, *named: str | None) -> str:
        """As ``end_user_of``."""
        return end_user_of(self.request, self.caller, *named)

    def noted(self, metadata: Mapping[str, str] | None, *named: str | None) -> tuple[str, Notes]:
        """The client's own name of the chat, else Open WebUI's, and its notes on the request, which are
        logged: its metadata and, where its key is not trusted to tell its users apart, the name of one."""
        session = (metadata or {}).get("session_id") or self.request.headers.get(CHAT_HEADER, "")
        notes = tuple((f"metadata.{name}", text) for name, text in (metadata or {}).items())
        name = named_user(self.request, *named)
        if name and not self.end_user(*named):
            notes += (("user", name),)
        if notes:
            _log.info("notes of the client", notes=dict(notes))
        return _ODD.sub("_", session[:MAX_SESSION]), notes

    def turn(
        self,
        prompt: str,
        release: Release,
        *,
        model: str = "",
        chat: CallerChat | None = None,
        noted: tuple[str, Notes] = ("", ()),
        end_user: str = "",
    ) -> Turn:
        """A turn that no conversation keeps. Without a ``chat`` its call has no messages. ``noted`` is as of
        the method."""
        origin, message = origin_of(self.request), new_id()
        return Turn(
            user=self.caller.user,
            conversation=message,
            message=message,
            user_message=message,
            prompt=prompt,
            first=True,
            trace_id=origin.trace_id,
            requested_model=model or None,
            origin=origin.site,
            request_id=origin.request_id,
            release=release,
            begun=timezone.now(),
            chat=chat or CallerChat((), {}, plain=False),
            session=noted[0],
            notes=noted[1],
            key=self.caller.key,
            end_user=end_user or (chat.end_user if chat else ""),
        )


async def open_call(request: HttpRequest, scope: Scope) -> OpenedCall:
    """Authenticate the caller and read the body. Raises ``Draining``, and as ``authenticate`` does."""
    parts, caller = container(), await authenticate(request, scope)
    if parts.runs.draining:
        raise Draining
    # Not ``request.body``, whose limit is that of forms; the server's own has let this one in.
    return OpenedCall(request, parts, caller, request.read())


def checked_prompt(prompt: str, path: str, *, max_chars: int) -> str:
    """The prompt as it is asked. Raises ``ParameterFault`` at ``path``."""
    try:
        return validate_prompt(prompt, max_chars=max_chars)
    except PromptTooLong as error:
        raise ParameterFault(path, str(error), "context_length_exceeded") from error
    except PromptRejected as error:
        raise ParameterFault(path, str(error)) from error


def decision_headers(decision: Decision, cache: str) -> dict[str, str]:
    """The decision, in headers."""
    facts = (decision.action, decision.source, decision.rule, decision.ruleset)
    return route_headers(decision.model, *facts) | {"X-Assistant-Cache": cache}


def route_headers(
    model: str | None, action: str, source: str, rule: str | None, ruleset: int | None
) -> dict[str, str]:
    """The route of a call, in headers."""
    number = "" if ruleset is None else ruleset
    return {
        "X-Assistant-Decision": f"action={action};source={source};rule={rule or ''};ruleset={number}",
        "X-Assistant-Model": model or "",
        "X-Assistant-Cache": "bypass",
    }
