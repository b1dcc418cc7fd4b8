// The page of API keys: make, list, rotate and revoke one's own.

import { Api, localPath } from "./api.js";
import { dateOf, fill } from "./language.js";
import { $, announce, choose, definitions, say } from "./page.js";
import { Session } from "./session.js";
import { problemWords } from "./words.js";

const KEYS = "/api/v1/keys/";
const SCOPES = {
  chat: gettext("Chats"),
  images: gettext("Pictures"),
  embeddings: gettext("Embeddings"),
  conversations: gettext("Conversations"),
  feedback: gettext("Feedback"),
  usage: gettext("Usage"),
  keys: gettext("Keys"),
};
const USUAL = new Set(["chat", "images", "embeddings"]);

const session = new Session();
const api = new Api(session);
const playground = () => location.replace("/");
session.onChange = playground;

// The list

async function load() {
  const keys = [];
  for (let path = KEYS; path; ) {
    const page = await api.json(localPath(path));
    keys.push(...page.results);
    path = page.next;
  }
  $("keys").replaceChildren(...keys.map(row));
  $("none").hidden = keys.length > 0;
}

function row(key) {
  const element = $("key-template").content.firstElementChild.cloneNode(true);
  element.querySelector("h3").textContent = key.name;
  element.querySelector("code").textContent = key.hint;
  element.querySelector("dl").append(...definitions(factsOf(key)));
  for (const button of element.querySelectorAll("button")) {
    // Of many equal buttons, people who listen must hear whose this is.
    button.setAttribute("aria-label", `${button.textContent} ${key.name}`);
    button.hidden = Boolean(key.revoked_at);
    button.addEventListener("click", () => acts[button.dataset.act](key));
  }
  element.toggleAttribute("data-revoked", Boolean(key.revoked_at));
  return element;
}

function factsOf(key) {
  return [
    [gettext("For"), key.scopes.map((scope) => SCOPES[scope] ?? scope).join(", ")],
    [gettext("Models"), key.models ? key.models.join(", ") : gettext("all")],
    [gettext("Valid until"), key.expires_at ? when(key.expires_at) : gettext("it is revoked")],
    [gettext("Last used"), key.last_used_at ? when(key.last_used_at) : gettext("never")],
    [gettext("Revoked"), key.revoked_at && when(key.revoked_at)],
  ].filter(([, value]) => value);
}

function when(time) {
  return dateOf(time, { dateStyle: "medium", timeStyle: "short" });
}

// Rotating and revoking

const acts = {
  rotate(key) {
    change($("rotate-dialog"), async () => {
      const form = $("rotate-dialog").querySelector("form");
      const hours = Number(form.elements.namedItem("hours").value);
      const body = { overlap_hours: hours };
      const made = await api.json(`${KEYS}${key.id}/rotate/`, { method: "POST", body });
      show(made, hours ? fill(gettext("The old secret works for %(hours)s h more."), { hours }) : gettext("The old secret is refused."));
    });
  },
  revoke(key) {
    change($("revoke-dialog"), async () => {
      await api.json(`${KEYS}${key.id}/`, { method: "DELETE" });
      announce(fill(gettext("%(name)s is revoked."), { name: key.name }));
      $("list-heading").scrollIntoView();
    });
  },
};

/** Change a key once its dialog was confirmed, and show the list as it is then. */
function change(dialog, act) {
  choose(dialog, () =>
    tried($("list-problem"), async () => {
      await act();
      await load();
    }),
  );
}

/** Do something, and tell of its failure in `place`. */
async function tried(place, act) {
  place.hidden = true;
  try {
    await act();
  } catch (error) {
    place.textContent = problemWords(error);
    place.hidden = false;
  }
}

// The secret

function show(made, note) {
  $("secret-key").value = made.key;
  $("secret-note").textContent = note;
  $("copied").textContent = "";
  $("secret").hidden = false;
  $("secret").focus();
}

$("copy").addEventListener("click", async () => {
  $("secret-key").select();
  try {
    await navigator.clipboard.writeText($("secret-key").value);
    $("copied").textContent = gettext("Copied.");
  } catch {
    // Without TLS a page may not write to the clipboard.
    $("copied").textContent = gettext("Press Ctrl or ⌘ and C to copy it.");
  }
});
$("secret-done").addEventListener("click", () => {
  $("secret-key").value = "";
  $("secret").hidden = true;
  $("make").elements.namedItem("name").focus();
});

// Making

$("make").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  button.disabled = true;
  say(form, "");
  await tried(form.querySelector(".problem"), async () => {
    const made = await api.json(KEYS, { method: "POST", body: wanted(form) });
    form.reset();
    show(made, "");
    await load();
  });
  button.disabled = false;
});

/** The fields of the key. What was left as it is stays out: the person's groups say what it is then. */
function wanted(form) {
  const fields = new FormData(form);
  const models = fields.getAll("models");
  const expires = fields.get("expires");
  const body = { name: fields.get("name").trim() };
  const scopes = [...$("scopes").querySelectorAll("input")];
  if (scopes.some((box) => box.checked !== box.defaultChecked)) body.scopes = fields.getAll("scopes");
  if (models.length) body.models = models;
  if (expires) body.expires_at = new Date(`${expires}T23:59:59`).toISOString();
  return body;
}

function boxes(place, name, labels, chosen = new Set()) {
  for (const [value, text] of labels) {
    const box = Object.assign(document.createElement("input"), { type: "checkbox", name, value });
    box.defaultChecked = chosen.has(value);
    const label = Object.assign(document.createElement("label"), { className: "box" });
    label.append(box, text);
    place.append(label);
  }
}

async function begin() {
  $("keys-page").hidden = false;
  $("base-url").textContent = `${location.origin}/v1`;
  boxes($("scopes"), "scopes", Object.entries(SCOPES), USUAL);
  await tried($("list-problem"), async () => {
    const models = (await api.json("/v1/models")).data;
    boxes($("models"), "models", models.map(({ id }) => [id, id]));
    await load();
  });
}

await session.restore().catch(() => {});
if (session.username) begin();
else playground();
