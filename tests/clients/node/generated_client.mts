// The types that openapi-typescript makes of the document of the running server, with openapi-fetch.
// Checked by tsc --strict first, then run: Node leaves the types out.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated.d.ts";

type Message = components["schemas"]["Message"];
// Objects and problems alone: it leaves the streams out of the types.
type JSONTypes = `application/${string}json`;

const { ASSISTANT_URL: baseUrl, ASSISTANT_NAME, ASSISTANT_PASSWORD } = process.env as Record<string, string>;
const QUESTION = "What are rivers made of?";

async function signedIn(accept = "application/json") {
  const client = createClient<paths, JSONTypes>({ baseUrl });
  const { data } = await client.POST("/api/v1/auth/token/", {
    body: { username: ASSISTANT_NAME!, password: ASSISTANT_PASSWORD! },
  });
  assert.ok(data);
  const headers = { Authorization: `Bearer ${data.access}`, Accept: accept };
  return createClient<paths, JSONTypes>({ baseUrl, headers });
}

async function answered(): Promise<Message> {
  const { data } = await (await signedIn()).POST("/api/v1/messages/", { body: { content: QUESTION } });
  assert.ok(data);
  const message: Message = data;
  return message;
}

export async function askAsJSON() {
  const message = await answered();
  assert.equal(message.role, "assistant");
  assert.ok(message.content);
  assert.ok(message.decision?.model);
}

export async function stream() {
  const client = await signedIn("text/event-stream");
  const { data } = await client.POST("/api/v1/messages/", { body: { content: QUESTION }, parseAs: "stream" });
  assert.ok(data);
  let text = "";
  for await (const chunk of data.pipeThrough(new TextDecoderStream())) text += chunk;
  assert.match(text, /^id: 1\nevent: start\n/);
  assert.match(text, /event: done\n/);
}

export async function lists() {
  const client = await signedIn();
  const made = await client.POST("/api/v1/conversations/", { body: { title: "Rivers" } });
  assert.ok(made.data);
  const page = await client.GET("/api/v1/conversations/");
  assert.equal(page.data?.results[0]?.id, made.data.id);
  const params = { path: { conversation: made.data.id } };
  const messages = await client.GET("/api/v1/conversations/{conversation}/messages/", { params });
  assert.deepEqual(messages.data?.results, []);
}

export async function feedback() {
  const client = await signedIn();
  const params = { path: { message: (await answered()).id } };
  const rated = await client.PUT("/api/v1/messages/{message}/feedback/", { params, body: { verdict: "good" } });
  assert.equal(rated.data?.verdict, "good");
}

export async function errors() {
  const client = await signedIn();
  const asked = await client.POST("/api/v1/messages/", { body: { content: "Hello", parent: "0198c2f4-0000-7000-8000-000000000000" } });
  assert.ok(asked.error);
  // Each status has its codes: one that the document does not know would not compile.
  if (asked.error.code === "conversation_busy") assert.fail("no answer is being written");
  assert.equal(asked.error.status, asked.response.status);
  const params = { path: { conversation: "0198c2f4-0000-7000-8000-000000000000" } };
  const absent = await client.GET("/api/v1/conversations/{conversation}/", { params });
  assert.equal(absent.error?.code, "not_found");
  const body = { verdict: "so-so" } as unknown as { verdict: "good" };
  const wrong = await client.PUT("/api/v1/messages/{message}/feedback/", { params: { path: { message: (await answered()).id } }, body });
  assert.equal(wrong.error?.errors?.[0]?.field, "verdict");
}
