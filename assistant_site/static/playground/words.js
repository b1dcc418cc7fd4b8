// What the service's codes are called on the page.

import { fill, numberOf } from "./language.js";

const SOURCES = {
  cache: gettext("an earlier answer"),
  classifier: gettext("the rules"),
  "classifier-fallback": gettext("the rules, by the second classifier"),
  default: gettext("the default rule, as no classifier answered"),
  requested: gettext("you, by its name"),
  vector: gettext("the rules, as for questions like it before"),
};
const CACHE = {
  exact: gettext("answered before: same question"),
  semantic: gettext("answered before: similar question"),
  miss: gettext("new answer"),
  bypass: gettext("new answer, none looked up"),
};
const PROBLEMS = {
  conversation_busy: gettext("Another answer is still being written in this conversation."),
  budget_exhausted: gettext("Today's budget is used up."),
  rate_limited: gettext("That was a little fast for this service."),
  prompt_too_long: gettext("This message is too long."),
  not_found: gettext("This conversation does not exist any more."),
  token_not_valid: gettext("You were signed out. Please sign in again."),
  not_authenticated: gettext("You were signed out. Please sign in again."),
};
export const REASONS = {
  good: { correct: gettext("Correct"), clear: gettext("Clear and helpful"), fast: gettext("Fast") },
  bad: { wrong: gettext("Wrong"), outdated: gettext("Out of date"), unhelpful: gettext("Not helpful"), unsafe: gettext("Unsafe"), other: gettext("Something else") },
};

/** Why an answer by a stand-in is none of the model itself. */
export const SIMULATED = gettext("A stand-in wrote this in the model's place: no provider's key is set.");

/** A model's name for people, without the prefix that a simulated one has. */
export const modelName = (name) => name?.replace(/^simulated\//, "");

/** One line of short facts about who answers; the first is the most important. */
export function routeWords(decision, cache) {
  if (!decision) return [];
  if (decision.action === "refuse") return [gettext("Declined"), ruleWords(decision)].filter(Boolean);
  return [
    modelName(decision.model),
    ruleWords(decision),
    decision.source === "requested" && gettext("model of your choice"),
    decision.source === "default" && SOURCES.default,
    decision.fallback && gettext("the first model did not answer"),
    cache && ["exact", "semantic"].includes(cache.outcome) && CACHE[cache.outcome],
  ].filter(Boolean);
}

function cacheWords(cache) {
  if (!cache) return "";
  const words = CACHE[cache.outcome] ?? cache.outcome;
  return cache.similarity === null || cache.similarity === undefined
    ? words
    : fill(gettext("%(words)s, %(share)s alike"), { words, share: numberOf(cache.similarity, { style: "percent" }) });
}

/** The call that asks this again, for a shell. */
export function curlOf(origin, content, model) {
  const body = JSON.stringify(model ? { content, model } : { content });
  const quoted = body.replaceAll("'", String.raw`'\''`);
  return [
    `curl -N ${origin}/api/v1/messages/`,
    `-H "Authorization: Bearer $ASSISTANT_API_KEY"`,
    "-H 'Content-Type: application/json'",
    `-d '${quoted}'`,
  ].join(" \\\n  ");
}

/** Everything that is known about an answer, as pairs of term and value; empty ones left out. */
export function factsOf(message) {
  const { decision, cache, usage, timings } = message;
  const pairs = [
    [gettext("Model"), modelName(decision?.model)],
    [gettext("Simulated"), decision?.simulated ? SIMULATED : null],
    [gettext("Provider"), decision?.provider],
    [gettext("Chosen by"), decision && (SOURCES[decision.source] ?? decision.source)],
    [gettext("Rule"), decision?.rule],
    [gettext("Reason"), decision?.reason],
    [gettext("Rules version"), decision?.ruleset],
    [gettext("First model"), decision?.fallback ? gettext("did not answer; another one stepped in") : null],
    [gettext("Earlier answers"), cacheWords(cache)],
    [gettext("First token"), milliseconds(timings?.first_token_ms)],
    [gettext("Whole answer"), milliseconds(timings?.total_ms)],
    [gettext("Tokens"), usage && tokenWords(usage)],
    [gettext("Cost"), usage?.cost_usd && dollars(usage.cost_usd)],
    [gettext("Ended by"), message.finish_reason],
    [gettext("Trace"), message.trace_id],
    [gettext("Message"), message.id],
  ];
  return pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
}

function milliseconds(value) {
  if (value === null || value === undefined) return null;
  if (value < 1000) return `${numberOf(value)} ms`;
  return `${numberOf(value / 1000, { minimumFractionDigits: 1, maximumFractionDigits: 1 })} s`;
}

function ruleWords({ rule }) {
  return rule && fill(gettext("rule %(name)s"), { name: rule });
}

function tokenWords({ input_tokens: input, output_tokens: output }) {
  return fill(gettext("%(input)s in, %(output)s out"), { input: numberOf(input), output: numberOf(output) });
}

function dollars(amount) {
  return numberOf(amount, { style: "currency", currency: "USD", maximumFractionDigits: 10 });
}

/** A failure in words for the person, whatever failed. */
export function problemWords(error) {
  if (error instanceof TypeError) return gettext("The service could not be reached. Check your connection and try again.");
  const said = error.message || error.detail || gettext("This answer failed.");
  const kind = PROBLEMS[error.code];
  const parts = [kind, ...(error.errors?.map((fault) => fault.detail) ?? [])].filter(Boolean);
  if (!parts.length) parts.push(said);
  if (error.retryAfter) parts.push(fill(gettext("Please try again in %(seconds)s s."), { seconds: error.retryAfter }));
  return parts.join(" ");
}
