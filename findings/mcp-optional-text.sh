#!/usr/bin/env bash
# An MCP server reads JSON out of an argument that is text, where the argument may also be left out.
#
# A tool of the MCP Python SDK with `text: str | None` is called with text. The text `null` arrives as None, and the
# texts `[1, 2]` and `{"a": 1}` are refused ("Input should be a valid string"), because every argument whose type is
# not exactly `str` is read as JSON first. With `text: str` the same texts arrive as they are. So notes, code and
# search terms can't be passed to an optional argument when they happen to be JSON.
#
# Seen with mcp 2.3.0, Python 3.11. Installs it into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mcp==2.3.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import asyncio
import sys

from mcp.server.mcpserver import MCPServer

server = MCPServer("notes")


@server.tool()
def required(text: str) -> str:
    return repr(text)


@server.tool()
def optional(text: str | None = None) -> str:
    return repr(text)


async def told(tool: str, text: str) -> str:
    try:
        result = await server.call_tool(tool, {"text": text})
    except Exception as exc:
        assert "Input should be a valid string" in str(exc), exc
        return "refused"
    return result.content[0].text


async def main() -> dict[str, list[str]]:
    texts = ("hello", "12", "null", "[1, 2]", '{"a": 1}')
    return {tool: [await told(tool, text) for text in texts] for tool in ("required", "optional")}


seen = asyncio.run(main())
for tool, found in seen.items():
    print(f"{tool:9} {found}")
expected = {
    "required": ["'hello'", "'12'", "'null'", "'[1, 2]'", "'{\"a\": 1}'"],
    "optional": ["'hello'", "'12'", "None", "refused", "refused"],
}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
