#!/usr/bin/env bash
# The tools on the second page of an MCP server do not exist for LlamaIndex and smolagents.
#
# A server may tell its tools in pages: a result with `nextCursor` has more to come, and clients "SHOULD support both
# paginated and non-paginated flows" (Model Context Protocol, Pagination). Guessed before: a framework that makes
# tools of all that a server has reads all pages, as OpenAI's agents do. Seen: these two call the SDK's
# `list_tools()` once, which gives the first page, and drop the cursor without a warning. The agent has fewer tools
# than the server and says that it cannot do what is asked; which tools are missing depends on the server's page size.
# Haystack (mcp-haystack 2.1.1), AutoGen (autogen-ext 0.7.5) and Semantic Kernel 1.45.0 did the same with the server
# below; they are left out here for their size.
#
# Seen with llama-index-tools-mcp 0.4.8, smolagents 1.26.0 with mcpadapt 0.1.19, openai-agents 0.24.0, mcp 1.30.0,
# Python 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile mcp==1.30.0 llama-index-tools-mcp==0.4.8 smolagents==1.26.0 \
  mcpadapt==0.1.19 openai-agents==0.24.0
cd "$folder"
cat >server.py <<'PY'
import asyncio

from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.types import ListToolsRequest, ListToolsResult, Tool

PAGES = {None: (["find", "read"], "2"), "2": (["write"], None)}
server = Server("paged")


@server.list_tools()
async def tools(request: ListToolsRequest) -> ListToolsResult:
    names, more = PAGES[request.params.cursor if request.params else None]
    listed = [Tool(name=name, description=name, inputSchema={"type": "object", "properties": {}}) for name in names]
    return ListToolsResult(tools=listed, nextCursor=more)


async def main():
    async with stdio_server() as (reader, writer):
        await server.run(reader, writer, server.create_initialization_options())


asyncio.run(main())
PY
cat >list.py <<'PY'
import asyncio
import logging
import sys

COMMAND, ARGUMENTS = sys.executable, ["server.py"]
logging.disable(logging.CRITICAL)


async def openai_agents():
    from agents.mcp import MCPServerStdio

    async with MCPServerStdio({"command": COMMAND, "args": ARGUMENTS}) as server:
        return [tool.name for tool in await server.list_tools()]


async def llama_index():
    from llama_index.tools.mcp import BasicMCPClient, McpToolSpec

    tools = await McpToolSpec(BasicMCPClient(COMMAND, args=ARGUMENTS)).to_tool_list_async()
    return [tool.metadata.name for tool in tools]


def smolagents():
    from mcp import StdioServerParameters
    from smolagents import ToolCollection

    server = StdioServerParameters(command=COMMAND, args=ARGUMENTS)
    with ToolCollection.from_mcp(server, trust_remote_code=True) as collection:
        return [tool.name for tool in collection.tools]


seen = {}
for client in (openai_agents, llama_index, smolagents):
    tools = client()
    seen[client.__name__] = asyncio.run(tools) if asyncio.iscoroutine(tools) else tools
    print(f"{client.__name__}: {seen[client.__name__]}")
expected = dict.fromkeys(seen, ["find", "read"]) | {"openai_agents": ["find", "read", "write"]}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
venv/bin/python -W ignore list.py
