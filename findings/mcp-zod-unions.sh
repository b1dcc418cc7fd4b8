#!/usr/bin/env bash
# A tool of a server with the SDK for MCP whose input is a union, an intersection, a record, optional, preprocessed or
# transformed is listed without arguments, yet refuses a call without them; the AI SDK then forbids the model to send any.
#
# `registerTool` takes a zod schema for `inputSchema`. Guessed before: what has no object for a JSON schema is refused
# when the tool is registered. Seen: `tools/list` says {"type": "object", "properties": {}} for each schema that is
# not an object itself, `z.object({…}).transform(…)` too, without a warning; calls are checked with the whole schema. A
# model cannot guess the arguments. The MCP client of the AI SDK writes `additionalProperties: false` over what a server
# says, so that a model that keeps to the schema cannot send them, nor those that a looseObject takes beside its own.
# The flag of a pattern is lost as well: /^de$/i is told as ^de$.
#
# Seen with @modelcontextprotocol/sdk 1.32.2, zod 4.6.7, @ai-sdk/mcp 2.0.99 (Node 20). Installs them into a temporary
# folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @modelcontextprotocol/sdk@1.32.2 zod@4.6.7 @ai-sdk/mcp@2.0.99 >/dev/null
cat >ask.mjs <<'JS'
import { createMCPClient } from "@ai-sdk/mcp";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { z } from "zod";

const city = z.object({ city: z.string() });
const shapes = {
  object: city,
  refined: city.refine(({ city }) => city !== ""),
  pattern: z.object({ city: z.string().regex(/^de$/i) }),
  loose: z.looseObject({ city: z.string() }),
  union: z.discriminatedUnion("by", [city.extend({ by: z.literal("city") }), z.object({ by: z.literal("id"), id: z.number() })]),
  intersection: city.and(z.object({ days: z.number() })),
  record: z.record(z.string(), z.string()),
  optional: city.optional(),
  preprocess: z.preprocess((value) => value, city),
  transform: city.transform(({ city }) => ({ city, days: 1 })),
};
const server = new McpServer({ name: "s", version: "1" });
for (const [name, inputSchema] of Object.entries(shapes)) {
  server.registerTool(name, { inputSchema }, async () => ({ content: [{ type: "text", text: "done" }] }));
}
const [here, there] = InMemoryTransport.createLinkedPair();
await server.connect(here);
const client = await createMCPClient({ transport: there });
const told = ({ properties, additionalProperties }) =>
  `${JSON.stringify(properties)}, more ${additionalProperties === undefined ? "unsaid" : JSON.stringify(additionalProperties)}`;
const tools = await client.tools();
for (const { name, inputSchema } of (await client.listTools()).tools) {
  const { isError } = await tools[name].execute({}, { toolCallId: "1", messages: [] });
  console.log(`${name}: listed ${told(inputSchema)}; empty call ${isError ? "refused" : "taken"}; AI SDK ${told(tools[name].inputSchema.jsonSchema)}`);
}
process.exit();
JS
node ask.mjs | tee seen
cat >expected <<'END'
object: listed {"city":{"type":"string"}}, more unsaid; empty call refused; AI SDK {"city":{"type":"string"}}, more false
refined: listed {"city":{"type":"string"}}, more unsaid; empty call refused; AI SDK {"city":{"type":"string"}}, more false
pattern: listed {"city":{"type":"string","pattern":"^de$"}}, more unsaid; empty call refused; AI SDK {"city":{"type":"string","pattern":"^de$"}}, more false
loose: listed {"city":{"type":"string"}}, more {}; empty call refused; AI SDK {"city":{"type":"string"}}, more false
union: listed {}, more unsaid; empty call refused; AI SDK {}, more false
intersection: listed {}, more unsaid; empty call refused; AI SDK {}, more false
record: listed {}, more unsaid; empty call taken; AI SDK {}, more false
optional: listed {}, more unsaid; empty call refused; AI SDK {}, more false
preprocess: listed {}, more unsaid; empty call refused; AI SDK {}, more false
transform: listed {}, more unsaid; empty call refused; AI SDK {}, more false
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
