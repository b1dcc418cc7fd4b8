// Asking, and following an answer to its end over broken connections.

import { localPath } from "./api.js";
import { Problem } from "./problem.js";
import { readEvents } from "./sse.js";

const ATTEMPTS = 6;
const STREAM = { Accept: "text/event-stream" };

/** Ask in a conversation, or in a new one; after the answer `parent`, with `attachments` and a `model` of one's
 * choice, where those are given. Yields the events of the contract. */
export async function* ask(api, { conversation, content, attachments, parent, model, key, signal }) {
  const path = conversation
    ? `/api/v1/conversations/${conversation}/messages/`
    : "/api/v1/messages/";
  yield* begin(api, path, { body: { content, attachments, parent, model }, key, signal });
}

/** Have a message's prompt answered once more. */
export async function* regenerate(api, { message, key, signal }) {
  yield* begin(api, `/api/v1/messages/${message}/regenerate/`, { body: {}, key, signal });
}

async function* begin(api, path, { body, key, signal }) {
  const response = await api.request(path, {
    method: "POST",
    body,
    headers: { ...STREAM, "Idempotency-Key": key },
    signal,
  });
  yield* follow(api, response, localPath(response.headers.get("Location")), signal);
}

/** Everything of an answer that is being written, from its first event on. */
export async function* resume(api, message, signal) {
  const path = `/api/v1/messages/${message}/stream/`;
  const response = await api.request(path, { headers: STREAM, signal });
  yield* follow(api, response, path, signal);
}

async function* follow(api, opened, path, signal) {
  let response = opened;
  let last = 0;
  let failures = 0;
  for (;;) {
    try {
      for await (const event of readEvents(response.body)) {
        if (Number(event.id) <= last) continue;
        last = Number(event.id);
        failures = 0;
        yield event;
        if (event.name === "done" || event.name === "error") return;
      }
    } catch (error) {
      if (signal?.aborted) throw error;
    }
    failures += 1;
    response = await reopen(api, path, last, failures, signal);
  }
}

/** The rest of a stream whose connection broke: nothing is asked twice, nothing is lost. */
async function reopen(api, path, last, failures, signal) {
  for (let attempt = failures; attempt <= ATTEMPTS; attempt += 1) {
    await pause(250 * 2 ** (attempt - 1), signal);
    try {
      return await api.request(path, {
        headers: { ...STREAM, "Last-Event-ID": String(last) },
        signal,
      });
    } catch (error) {
      if (signal?.aborted || (error instanceof Problem && error.status < 500)) throw error;
    }
  }
  throw new Problem({
    code: "connection_lost",
    detail: gettext("The connection was lost. The answer goes on; reload the page to see it."),
  });
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/** A fresh Idempotency-Key. crypto.randomUUID exists on https and localhost only. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
