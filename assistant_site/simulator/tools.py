"""Tools that a request offers: which one the simulated model calls, the same each time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

JSON_TOOL = "json_tool_call"
"""The tool by which clients ask older models of Anthropic for an answer in JSON."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model may call; ``schema`` is that of its arguments, ``None`` of a tool that takes text."""

    name: str
    schema: Mapping[str, Any] | None


def called_tool(
    tools: Sequence[Tool],
    mode: Literal["auto", "any", "none"],
    called: Collection[str],
    *,
    answered: bool,
) -> Tool | None:
    """The tool to call. ``called`` are the names of earlier calls; ``answered``: the request ends in a
    result. A model that may choose calls the first tool and then speaks; one that must call goes on to
    the next tool, so that agents come to an end."""
    own = [tool for tool in tools if tool.name != JSON_TOOL]
    in_json = next((tool for tool in tools if tool.name == JSON_TOOL), None)
    if mode == "none":
        return None
    if mode == "any" and tools:
        if in_json and answered:
            return in_json
        ordered = [*own, in_json] if in_json else own
        return next((tool for tool in ordered if tool.name not in called), ordered[-1])
    return own[0] if own and not answered else in_json
