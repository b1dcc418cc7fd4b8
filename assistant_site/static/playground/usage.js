// The page of one's own usage: what is left of the limits, and sums by model and day.

import { Api } from "./api.js";
import { dateOf, fill, numberOf } from "./language.js";
import { $, announce } from "./page.js";
import { Session } from "./session.js";
import { problemWords } from "./words.js";

const COLUMNS = [gettext("Requests"), gettext("Tokens in"), gettext("Tokens out"), gettext("Cost")];
const LEFT = {
  usd: gettext("%(left)s of %(amount)s %(each)s left"),
  tokens: gettext("%(left)s of %(amount)s tokens %(each)s left"),
  requests: gettext("%(left)s of %(amount)s requests %(each)s left"),
  concurrent: gettext("%(left)s of %(amount)s requests at once left"),
};
const EACH = {
  minute: gettext("a minute"),
  hour: gettext("an hour"),
  day: gettext("a day"),
  month: gettext("a month"),
  total: gettext("in all"),
};
const MOMENT = { dateStyle: "medium", timeStyle: "short" };
const DAY_MS = 86_400_000;

const session = new Session();
const api = new Api(session);
const playground = () => location.replace("/");
session.onChange = playground;

async function load() {
  const place = $("usage-problem");
  place.hidden = true;
  try {
    const first = new Date(Date.now() - ($("period").value - 1) * DAY_MS).toISOString().slice(0, 10);
    const read = (by) => api.json(`/api/v1/usage/?user=me&group_by=${by}&from=${first}`);
    const [models, days] = await Promise.all([read("model"), read("day")]);
    showLimits(models.limits);
    $("by-model").replaceChildren(table(gettext("By model"), gettext("Model"), models.rows, ({ model }) => model || gettext("none")));
    $("by-day").replaceChildren(table(gettext("By day"), gettext("Day"), days.rows.reverse(), ({ day }) => day));
    $("total").textContent = totalWords(days.total);
    announce($("total").textContent);
  } catch (error) {
    place.textContent = problemWords(error);
    place.hidden = false;
  }
}

function showLimits(limits) {
  $("no-limits").hidden = limits.length > 0;
  $("limits").replaceChildren(...limits.map(limitRow));
}

function limitRow(limit) {
  const show = limit.unit === "usd" ? dollars : count;
  const amounts = { left: show(limit.remaining), amount: show(limit.amount), each: EACH[limit.window] ?? "" };
  const words = fill(LEFT[limit.unit], amounts);
  const meter = Object.assign(document.createElement("meter"), { max: Number(limit.amount) || 1 });
  meter.value = Number(limit.remaining);
  meter.setAttribute("aria-label", words);
  const item = Object.assign(document.createElement("li"), { className: "limit" });
  const notes = [
    limit.models && fill(gettext("Of %(models)s."), { models: limit.models.join(", ") }),
    limit.at_limit === "downgrade" && gettext("Afterwards a cheaper model answers."),
    limit.resets_at && fill(gettext("Begins anew %(time)s."), { time: dateOf(limit.resets_at, MOMENT) }),
  ].filter(Boolean);
  item.append(paragraph(words), meter, ...(notes.length ? [paragraph(notes.join(" "), "quiet")] : []));
  return item;
}

function paragraph(textContent, className = "") {
  return Object.assign(document.createElement("p"), { textContent, className });
}

function table(title, name, rows, nameOf) {
  const made = document.createElement("table");
  made.createCaption().textContent = title;
  const head = made.createTHead().insertRow();
  head.append(...[name, ...COLUMNS].map((words) => heading(words, "col")));
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    line.append(heading(nameOf(row), "row"));
    for (const words of cells(row)) line.insertCell().textContent = words;
  }
  if (!rows.length) {
    const cell = body.insertRow().insertCell();
    cell.colSpan = COLUMNS.length + 1;
    cell.textContent = gettext("Nothing yet.");
  }
  return made;
}

function heading(textContent, scope) {
  return Object.assign(document.createElement("th"), { textContent, scope });
}

function cells(row) {
  return [count(row.requests), count(row.input_tokens), count(row.output_tokens), dollars(row.cost_usd)];
}

function totalWords(total) {
  const [requests, input, output, cost] = cells(total);
  const sums = fill(gettext("%(requests)s requests, %(input)s tokens in, %(output)s tokens out, %(cost)s."), {
    requests,
    input,
    output,
    cost,
  });
  if (!total.unpriced) return sums;
  const unknown = ngettext(
    "%(count)s call has no known price.",
    "%(count)s calls have no known price.",
    total.unpriced,
  );
  return `${sums} ${fill(unknown, { count: count(total.unpriced) })}`;
}

function count(number) {
  return numberOf(Number(number));
}

function dollars(amount) {
  return numberOf(Number(amount), { style: "currency", currency: "USD", maximumFractionDigits: 6 });
}

$("period").addEventListener("change", load);
await session.restore().catch(() => {});
if (session.username) {
  $("usage-page").hidden = false;
  await load();
} else playground();
