// The service's public API, in the name of the session. Nothing here knows the page.

import { problemOf } from "./problem.js";

/** Path and query of an absolute or relative address: the page never leaves its own origin. */
export function localPath(address) {
  const url = new URL(address, location.href);
  return url.pathname + url.search;
}

export class Api {
  #session;

  constructor(session) {
    this.#session = session;
  }

  /** A response with a good status; raises Problem otherwise. A spent access token is renewed. */
  async request(path, { method = "GET", body, headers = {}, signal } = {}) {
    const send = () =>
      fetch(path, {
        method,
        signal,
        cache: "no-store",
        headers: {
          Authorization: `Bearer ${this.#session.access}`,
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
          ...headers,
        },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
    const { access } = this.#session;
    let response = await send();
    if (response.status === 401 && access) {
      await this.#session.renew(access);
      response = await send();
    }
    if (!response.ok) throw await problemOf(response);
    return response;
  }

  /** The JSON of an answer; null for an empty one. */
  async json(path, options = {}) {
    const headers = { Accept: "application/json", ...options.headers };
    const response = await this.request(path, { ...options, headers });
    return response.status === 204 ? null : response.json();
  }
}
