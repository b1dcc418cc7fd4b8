// What the service's codes are called on the page.

const SOURCES = {
  cache: "from an earlier answer",
  classifier: "chosen by the rules",
  "classifier-fallback": "chosen by the second classifier",
  default: "default rule, no classifier answered",
  requested: "asked for by name",
};
const CACHE = { exact: "same question", semantic: "similar question", miss: "new answer", bypass: "cache not used" };
const PROBLEMS = {
  conversation_busy: "Another answer is still being written in this conversation.",
  budget_exhausted: "Today's budget is used up.",
  rate_limited: "That was a little fast for this service.",
  prompt_too_long: "This message is too long.",
  not_found: "This conversation does not exist any more.",
  token_not_valid: "You were signed out. Please sign in again.",
  not_authenticated: "You were signed out. Please sign in again.",
};
export const REASONS = {
  good: { correct: "Correct", clear: "Clear and helpful", fast: "Fast" },
  bad: { wrong: "Wrong", outdated: "Out of date", unhelpful: "Not helpful", unsafe: "Unsafe", other: "Something else" },
};

/** One line of short facts about who answers. */
export function routeWords(decision, cache) {
  if (!decision) return [];
  return [
    decision.model,
    SOURCES[decision.source] ?? decision.source,
    decision.rule && `rule ${decision.rule}`,
    cacheWords(cache),
    decision.fallback && "stand-in model",
  ].filter(Boolean);
}

export function cacheWords(cache) {
  if (!cache) return "";
  const words = CACHE[cache.outcome] ?? cache.outcome;
  return cache.similarity === null || cache.similarity === undefined
    ? words
    : `${words} (similarity ${cache.similarity.toFixed(3)})`;
}

/** Everything that is known about an answer, as pairs of term and value; empty ones left out. */
export function factsOf(message) {
  const { decision, cache, usage, timings } = message;
  const pairs = [
    ["Model", decision?.model],
    ["Provider", decision?.provider],
    ["Decided", decision && (SOURCES[decision.source] ?? decision.source)],
    ["Rule", decision?.rule],
    ["Reason", decision?.reason],
    ["Rules version", decision?.ruleset],
    ["Stand-in model", decision?.fallback ? "yes" : null],
    ["Cache", cacheWords(cache)],
    ["First token", milliseconds(timings?.first_token_ms)],
    ["Whole answer", milliseconds(timings?.total_ms)],
    ["Tokens", usage && `${usage.input_tokens} in, ${usage.output_tokens} out`],
    ["Cost", usage?.cost_usd && `$${usage.cost_usd}`],
    ["Ended by", message.finish_reason],
    ["Trace", message.trace_id],
    ["Message", message.id],
  ];
  return pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
}

function milliseconds(value) {
  if (value === null || value === undefined) return null;
  return value < 1000 ? `${value} ms` : `${(value / 1000).toFixed(1)} s`;
}

/** A failure in words for the person, whatever failed. */
export function problemWords(error) {
  if (error instanceof TypeError) return "The service could not be reached. Check your connection and try again.";
  const said = error.message || "Something went wrong.";
  const kind = PROBLEMS[error.code];
  const parts = [kind, ...(error.errors?.map((fault) => fault.detail) ?? [])].filter(Boolean);
  if (!parts.length) parts.push(said);
  if (error.retryAfter) parts.push(`Please try again in ${error.retryAfter} s.`);
  return parts.join(" ");
}
