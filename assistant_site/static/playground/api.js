// The service's public API, with sign-in. Nothing here knows the page.

const STORE = "assistant.session";
const AUTH = "/api/v1/auth/token/";

/** An error answer of the service: RFC 9457's fields, and the seconds to wait where it said so. */
export class Problem extends Error {
  constructor(body, status = body.status, retryAfter = null) {
    super(body.detail || body.title || `The service answered ${status}.`);
    this.status = status;
    this.code = body.code || "";
    this.requestId = body.request_id || "";
    this.errors = body.errors || [];
    this.retryAfter = retryAfter;
  }
}

async function problemOf(response) {
  const wait = Number.parseInt(response.headers.get("Retry-After"), 10);
  const body = await response.json().catch(() => ({}));
  return new Problem(body, response.status, Number.isNaN(wait) ? null : wait);
}

/** Path and query of an absolute or relative address: the page never leaves its own origin. */
export function localPath(address) {
  const url = new URL(address, location.href);
  return url.pathname + url.search;
}

export class Api {
  #session = JSON.parse(sessionStorage.getItem(STORE) || "null");
  #refreshing = null;
  /** Called when the sign-in is over and cannot be renewed. */
  onSignedOut = () => {};

  get username() {
    return this.#session?.username ?? null;
  }

  async signIn(username, password) {
    const tokens = await this.#tokens(AUTH, { username, password });
    this.#keep({ ...tokens, username });
  }

  async signOut() {
    const refresh = this.#session?.refresh;
    this.#keep(null);
    if (refresh) await this.#post(`${AUTH}blacklist/`, { refresh }).catch(() => {});
  }

  /** A response with a good status; raises Problem otherwise. A spent access token is renewed. */
  async request(path, { method = "GET", body, headers = {}, signal } = {}) {
    const send = () =>
      fetch(path, {
        method,
        signal,
        cache: "no-store",
        headers: {
          Authorization: `Bearer ${this.#session?.access}`,
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
          ...headers,
        },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
    let response = await send();
    if (response.status === 401 && this.#session) {
      await this.#refresh();
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

  // Refresh tokens rotate: two renewals at once would spend the same token twice.
  #refresh() {
    this.#refreshing ??= this.#renew().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #renew() {
    try {
      const tokens = await this.#tokens(`${AUTH}refresh/`, { refresh: this.#session.refresh });
      this.#keep({ ...this.#session, ...tokens });
    } catch (error) {
      if (!(error instanceof Problem) || error.status >= 500 || error.status === 429) throw error;
      this.#keep(null);
      this.onSignedOut();
      throw error;
    }
  }

  async #tokens(path, body) {
    const response = await this.#post(path, body);
    if (!response.ok) throw await problemOf(response);
    return response.json();
  }

  #post(path, body) {
    return fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(body),
    });
  }

  #keep(session) {
    this.#session = session;
    if (session) sessionStorage.setItem(STORE, JSON.stringify(session));
    else sessionStorage.removeItem(STORE);
  }
}
