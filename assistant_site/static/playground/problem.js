// Error answers of the service (RFC 9457).

import { fill } from "./language.js";

/** An error answer: its fields, and the seconds to wait where it said so. */
export class Problem extends Error {
  constructor(body, status = body.status, retryAfter = null) {
    super(body.detail || body.title || fill(gettext("The service answered %(status)s."), { status }));
    this.status = status;
    this.code = body.code || "";
    this.requestId = body.request_id || "";
    this.errors = body.errors || [];
    this.retryAfter = retryAfter;
  }
}

/** The problem that a response tells of. */
export async function problemOf(response) {
  const wait = Number.parseInt(response.headers.get("Retry-After"), 10);
  const body = await response.json().catch(() => ({}));
  return new Problem(body, response.status, Number.isNaN(wait) ? null : wait);
}
