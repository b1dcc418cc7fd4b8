// The event stream format of the HTML standard, read from a fetch body: fetch can send the
// Authorization header, which EventSource cannot.

/** Yields {id, name, data} for every event of a response body; comments are skipped. */
export async function* readEvents(body) {
  let event = blank();
  for await (const line of lines(body)) {
    if (line === "") {
      if (event.data.length) yield finished(event);
      event = blank();
    } else if (!line.startsWith(":")) {
      take(event, line);
    }
  }
}

function blank() {
  return { id: null, name: "message", data: [] };
}

function finished({ id, name, data }) {
  return { id, name, data: JSON.parse(data.join("\n")) };
}

function take(event, line) {
  const colon = line.indexOf(":");
  const field = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
  if (field === "data") event.data.push(value);
  else if (field === "event") event.name = value;
  else if (field === "id") event.id = value;
}

async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      // A chunk may end between CR and LF: the last character waits for the next chunk.
      const parts = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = parts.pop();
      yield* parts;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
