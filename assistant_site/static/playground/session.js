// The session of this browser: an access token in memory, and a cookie that no script can read, which buys
// the next one. All tabs have one session: what one of them does, the others hear.

import { Problem, problemOf } from "./problem.js";

const PATH = "/session/";
const NAME = "assistant.session"; // of the lock and of the channel
const REST_MS = 500;

export class Session {
  #access = null;
  #username = null;
  #hasPassword = false;
  #renewing = null;
  #channel = new BroadcastChannel(NAME);
  /** Called when somebody else is signed in than before, or nobody any more, and this tab did not ask for it. */
  onChange = () => {};

  constructor() {
    this.#channel.addEventListener("message", ({ data }) => this.#take(data));
  }

  get access() {
    return this.#access;
  }

  get username() {
    return this.#username;
  }

  /** Whether there is a password to change: people of a single sign-on have none here. */
  get hasPassword() {
    return this.#hasPassword;
  }

  async signIn(username, password) {
    this.#tell(await this.#changed(PATH, { username, password }));
  }

  /** Go on with the session of this browser, where it has one. */
  async restore() {
    await this.#renew(null).catch((error) => {
      if (!isRefusal(error)) throw error;
    });
  }

  /** Have another access token than `spent`. Raises Problem where the session is over. */
  async renew(spent) {
    const before = this.#username;
    try {
      await this.#renew(spent);
    } catch (error) {
      if (isRefusal(error)) this.#over();
      throw error;
    }
    // What one person asked for is not sent in the name of another.
    if (!this.#access || this.#username !== before) {
      this.onChange();
      throw new Problem({ status: 401, code: "not_authenticated" });
    }
  }

  /** Sign out; the address where a single sign-on has to be ended as well. */
  async signOut() {
    this.#tell(null);
    const response = await inTurn(() => send(PATH, undefined, { method: "DELETE" })).catch(() => null);
    return response?.status === 200 ? (await response.json()).end_session : "";
  }

  /** Change the password; the sessions of other browsers end. */
  async changePassword(current, fresh) {
    const body = { current_password: current, new_password: fresh };
    const headers = { Authorization: `Bearer ${this.#access}` };
    this.#tell(await this.#changed(`${PATH}password/`, body, { headers }));
  }

  #renew(spent) {
    this.#renewing ??= inTurn(() => this.#buy(spent)).finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #buy(spent) {
    // Another tab was first.
    if (this.#access && this.#access !== spent) return;
    const path = `${PATH}refresh/`;
    let response = await send(path);
    if (response.status === 401 && !navigator.locks) {
      // Another tab spent the same cookie a moment ago, and its successor is under way.
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
      response = await send(path);
    }
    if (!response.ok) throw await problemOf(response);
    this.#tell(response.status === 204 ? null : await response.json());
  }

  async #changed(path, body, options) {
    const response = await inTurn(() => send(path, body, options));
    if (!response.ok) throw await problemOf(response);
    return response.json();
  }

  #over() {
    this.#tell(null);
    this.onChange();
  }

  /** Keep a state, and tell the other tabs. */
  #tell(state) {
    this.#keep(state);
    this.#channel.postMessage(state);
  }

  /** Keep what another tab tells. */
  #take(state) {
    const before = this.#username;
    this.#keep(state);
    if (this.#username !== before) this.onChange();
  }

  #keep(state) {
    this.#access = state?.access ?? null;
    this.#username = state?.username ?? null;
    this.#hasPassword = state?.has_password ?? false;
  }
}

/** Whether the service refused the session itself: it will not be better by waiting. */
function isRefusal(error) {
  return error instanceof Problem && error.status < 500 && error.status !== 429;
}

/** Tabs take turns: a refresh token buys once. Locks exist on https and localhost only. */
function inTurn(work) {
  return navigator.locks ? navigator.locks.request(NAME, work) : work();
}

function send(path, body, { method = "POST", headers = {} } = {}) {
  return fetch(path, {
    method,
    // A page that is closed meanwhile must not lose the cookie's successor.
    keepalive: true,
    cache: "no-store",
    headers: { Accept: "application/json", "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body ?? {}),
  });
}
