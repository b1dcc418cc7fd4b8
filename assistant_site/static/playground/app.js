// The page: who is signed in, which conversation is open, what is being answered.

import { ask, newKey, regenerate, resume } from "./answers.js";
import { Api, localPath } from "./api.js";
import { Attachments } from "./attachments.js";
import { AnswerCard, promptCard } from "./cards.js";
import { serveCodeButtons } from "./code.js";
import { Drafts } from "./drafts.js";
import { Drawer } from "./drawer.js";
import { exportConversation } from "./export.js";
import { fill } from "./language.js";
import {
  $,
  announce,
  choose,
  complain,
  fitPrompt,
  focusPrompt,
  nearEnd,
  say,
  toEnd,
  writePrompt,
} from "./page.js";
import { servePasswordDialog } from "./password.js";
import { Pictures } from "./pictures.js";
import { Problem } from "./problem.js";
import { Session } from "./session.js";
import { ShareDialog } from "./share.js";
import { serveKeys } from "./shortcuts.js";
import { curlOf, modelName, problemWords } from "./words.js";

const session = new Session();
const api = new Api(session);
const drawer = new Drawer(api, { onChosen: open, onError: complain });
const pictures = new Pictures(api);
const drafts = new Drafts();
const attached = new Attachments($("ask"), (words) => say($("ask"), words));
attached.serveDrops(document.querySelector(".talk"));
let conversation = null;
let answering = null; // {controller, message, stopWanted} while an answer is being followed
let earlier = null; // the page of messages before those shown
let loading = null; // that page, while it is on its way
let unsent = null; // {content, conversation, key} of a question the service may not have heard

const actions = {
  loadImage: (url) => pictures.load(url),
  rate: (id, opinion) =>
    api.json(`/api/v1/messages/${id}/feedback/`, { method: "PUT", body: opinion }),
  unrate: (id) => api.json(`/api/v1/messages/${id}/feedback/`, { method: "DELETE" }),
  regenerate: (message) => askAgain(message),
  edit: (prompt, content) => askInstead(prompt, content),
  showVersion: (prompt) => showVersion(prompt),
  curl: async ({ parent, decision }) => {
    const model = decision?.source === "requested" ? decision.model : null;
    return curlOf(location.origin, await contentOf(parent), model);
  },
  suggest(text) {
    writePrompt(text);
    drafts.keep(conversation, text);
    $("prompt").focus();
  },
};

// Signing in and out

const FAILED = "#sign-in-failed"; // where a single sign-on leads to that did not work

// Another tab signed in or out, or the session is over.
session.onChange = () => {
  if (session.username) showDesk();
  else showSignIn(gettext("You were signed out. Please sign in again."));
};

$("sign-in-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  const { username, password } = Object.fromEntries(new FormData(form));
  button.disabled = true;
  try {
    await session.signIn(username, password);
    form.reset();
    await showDesk();
  } catch (error) {
    say(form, error.status === 401 ? gettext("That user name and password do not fit.") : problemWords(error));
  } finally {
    button.disabled = false;
  }
});

$("sign-out").addEventListener("click", async () => {
  drafts.clear();
  const provider = await session.signOut();
  history.replaceState(null, "", location.pathname);
  showSignIn("");
  if (provider) location.assign(provider);
});

function showSignIn(words) {
  leave();
  drawer.clear();
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  $("desk").hidden = true;
  $("sign-in").hidden = false;
  say($("sign-in-form"), words);
  ($("sign-in-form").elements.namedItem("username") ?? document.querySelector(".single-sign-on"))?.focus();
}

async function showDesk() {
  $("sign-in").hidden = true;
  say($("sign-in-form"), "");
  $("desk").hidden = false;
  $("who").textContent = session.username;
  $("password").hidden = !session.hasPassword;
  drafts.of(session.username);
  offerModels();
  api.json("/api/v1/me/").then(({ is_staff: isStaff }) => {
    $("admin-link").hidden = !isStaff;
  }, () => {});
  drawer.refresh().then(head, complain);
  await open(location.hash.slice(1) || null);
}

// Conversations

/** Show a conversation, or an empty one for null, and follow the answer it is waiting for. */
async function open(id, { keepsPlace = false } = {}) {
  const place = $("thread").scrollTop;
  leave();
  conversation = id;
  head();
  writePrompt(drafts.read(id));
  if (!id) {
    focusPrompt();
    return;
  }
  $("send").disabled = true;
  try {
    const page = await api.json(`/api/v1/conversations/${id}/messages/?cursor=last`);
    if (conversation !== id) return;
    const messages = page.results;
    earlier = page.previous;
    $("earlier").hidden = !earlier;
    $("send").disabled = false;
    $("welcome").hidden = messages.length > 0;
    const cards = messages.map(show);
    if (keepsPlace) $("thread").scrollTop = place;
    else toEnd();
    const running = messages.findIndex((message) => message.status === "streaming");
    if (running >= 0) await listen(resume, messages[running].id, cards[running]);
  } catch (error) {
    if (conversation !== id) return;
    $("send").disabled = false;
    if (error.status === 404) open(null);
    complain(error);
  }
}

document.addEventListener("click", ({ target }) => {
  if (!$("more").contains(target)) $("more").open = false;
});
for (const button of document.querySelectorAll("[data-export]")) {
  button.addEventListener("click", async () => {
    $("more").open = false;
    try {
      exportConversation($("title").textContent, await allMessages(conversation), button.dataset.export);
    } catch (error) {
      complain(error);
    }
  });
}

/** Models that one may ask by name, where the rules let people choose. */
async function offerModels() {
  const { data } = await api.json("/v1/models").catch(() => ({ data: [] }));
  // The rules themselves are listed too, and models of vectors, which are able to say nothing.
  const speaks = ({ routes, abilities, max_output_tokens: most }) => !routes && (abilities.length || most);
  const names = data.filter(({ assistant }) => speaks(assistant)).map(({ id }) => id);
  const rules = $("model").options[0];
  $("model").replaceChildren(rules, ...names.map((name) => new Option(modelName(name), name)));
  $("model").hidden = !names.length;
}

/** Show the page of messages before those shown; what was read stays where it is. */
async function showEarlier() {
  const id = conversation;
  const path = earlier;
  if (!path || loading === path) return;
  loading = path;
  try {
    const page = await api.json(localPath(path));
    if (conversation !== id || earlier !== path) return;
    const below = $("thread").scrollHeight - $("thread").scrollTop;
    const first = $("messages").firstElementChild;
    for (const message of page.results) {
      show(message);
      first.before($("messages").lastElementChild);
    }
    earlier = page.previous;
    $("earlier").hidden = !earlier;
    $("thread").scrollTop = $("thread").scrollHeight - below;
  } catch (error) {
    complain(error);
  } finally {
    loading = null;
  }
}

$("earlier").addEventListener("click", showEarlier);
// Whoever scrolls there need not press it.
new IntersectionObserver(
  ([{ isIntersecting }]) => isIntersecting && showEarlier(),
  { root: $("thread"), rootMargin: "200px 0px 0px" },
).observe($("earlier"));

/** The text of a prompt, which may stand on an earlier page. */
async function contentOf(id) {
  const shown = $("messages").querySelector(`[data-message-id="${id}"]`);
  return shown?.dataset.content ?? (await api.json(`/api/v1/messages/${id}/`)).content;
}

async function allMessages(id) {
  const messages = [];
  for (let path = `/api/v1/conversations/${id}/messages/`; path; ) {
    const page = await api.json(localPath(path));
    messages.push(...page.results);
    path = page.next;
  }
  return messages;
}

function show(message) {
  if (message.role === "user") {
    newPrompt(message);
    return null;
  }
  const card = newCard();
  if (message.status === "streaming") return card;
  card.finish(message);
  return card;
}

function newPrompt(message) {
  const element = promptCard(message, actions);
  element.dataset.messageId = message.id ?? "";
  element.dataset.content = message.content;
  $("messages").append(element);
  return element;
}

function newCard() {
  const card = new AnswerCard(actions);
  $("messages").append(card.element);
  return card;
}

/** Stop following and empty the thread. The answer itself goes on at the service. */
function leave() {
  answering?.controller.abort();
  idle();
  complain(null);
  $("messages").replaceChildren();
  $("earlier").hidden = true;
  $("welcome").hidden = false;
  attached.pictures = [];
  pictures.forget();
}

function showAddress() {
  history.replaceState(null, "", conversation ? `#${conversation}` : location.pathname);
}

function head() {
  showAddress();
  const title = conversation ? drawer.title(conversation) || gettext("Untitled") : gettext("New conversation");
  $("title").textContent = title;
  document.title = `${title} · ${gettext("Assistant playground")}`;
  $("more").hidden = !conversation;
  $("more").open = false;
  drawer.mark(conversation);
}

$("new-conversation").addEventListener("click", () => {
  drawer.close();
  open(null);
});
window.addEventListener("hashchange", () => {
  const id = location.hash.slice(1) || null;
  if (session.username && id !== conversation) open(id);
});
$("rename").addEventListener("click", () => {
  $("rename-dialog").querySelector("input").value = drawer.title(conversation);
  choose($("rename-dialog"), async () => {
    await drawer.rename(conversation, $("rename-dialog").querySelector("input").value.trim());
    head();
  });
});
const shareDialog = new ShareDialog(api);
$("share").addEventListener("click", () => {
  $("more").open = false;
  shareDialog.open(conversation);
});
$("delete").addEventListener("click", () => {
  choose($("delete-dialog"), async () => {
    await drawer.remove(conversation);
    await open(null);
  });
});

// Asking

$("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const content = $("prompt").value.trim();
  const attachments = attached.pictures.length ? attached.pictures : undefined;
  if (!(content || attachments) || answering || $("send").disabled) return;
  complain(null);
  writePrompt("");
  attached.pictures = [];
  drafts.keep(conversation, "");
  $("welcome").hidden = true;
  const prompt = newPrompt({ content, attachments });
  const card = newCard();
  toEnd();
  // The same question again after a lost connection keeps its key: it is never asked twice.
  const model = $("model").value || undefined;
  const question = { content, attachments, conversation, model };
  const same = unsent && Object.keys(question).every((name) => isSame(unsent[name], question[name]));
  question.key = same ? unsent.key : newKey();
  unsent = question;
  const start = (client, { signal }) => ask(client, { ...question, signal });
  const outcome = await listen(start, null, card);
  if (outcome.heard) {
    if (unsent === question) unsent = null;
    await refreshPrompt(prompt, outcome.prompt);
    return;
  }
  if (!outcome.error) return;
  prompt.remove();
  card.element.remove();
  writePrompt(content);
  attached.pictures = attachments ?? [];
  drafts.keep(conversation, content);
  complain(outcome.error);
});

function isSame(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** The prompt's card with all that is known once it is stored. */
async function refreshPrompt(element, id) {
  if (!id || !element.isConnected) return;
  const message = await api.json(`/api/v1/messages/${id}/`).catch(() => null);
  if (!message || !element.isConnected) return;
  const fresh = newPrompt(message);
  element.replaceWith(fresh);
}

/** Answer a prompt once more; the earlier answer stays, as another version. */
async function askAgain(message) {
  await branch((client, options) => regenerate(client, { message, key: newKey(), ...options }));
}

/** Ask `content` in the place of a prompt, which stays, as another version. */
async function askInstead({ parent, attachments }, content) {
  const pictures = attachments?.length ? attachments.map(({ url }) => ({ url })) : undefined;
  const place = { conversation, content, attachments: pictures, parent: parent ?? null, key: newKey() };
  await branch((client, options) => ask(client, { ...place, ...options }));
}

/** Begin another branch, and show it as soon as the service has it. */
async function branch(begin) {
  if (answering) return;
  const id = conversation;
  const run = new AbortController();
  busy();
  try {
    const events = begin(api, { signal: run.signal });
    await events.next();
    await events.return();
    if (conversation === id) await open(id);
  } catch (error) {
    idle();
    complain(error);
  }
}

async function showVersion(prompt) {
  if (answering) return;
  try {
    await api.json(`/api/v1/messages/${prompt}/show/`, { method: "POST" });
    await open(conversation, { keepsPlace: true });
  } catch (error) {
    complain(error);
  }
}

/** Follow an answer into its card. Says whether the service took the question, and what failed. */
async function listen(start, message, card) {
  const run = { controller: new AbortController(), message, stopWanted: false };
  const { signal } = run.controller;
  const outcome = { heard: false, error: null, prompt: null };
  answering = run;
  busy();
  try {
    const events = message ? start(api, message, signal) : start(api, { signal });
    for await (const event of events) {
      if (signal.aborted) break;
      outcome.heard = true;
      outcome.prompt ??= event.data.user_message;
      hear(event, run, card);
    }
  } catch (error) {
    if (!signal.aborted) {
      outcome.error = error;
      if (outcome.heard || message) card.fail(error);
    }
  }
  if (answering === run) idle();
  return outcome;
}

function hear({ name, data }, run, card) {
  const near = nearEnd();
  const handlers = {
    start: () => {
      card.started(data);
      started(data, run);
    },
    decision: () => card.decided(data),
    token: () => card.append(data.text),
    reset: () => card.reset(data),
    notice: () => card.notice(data),
    done: () => {
      card.finish(data);
      announce(fill(gettext("Answer: %(text)s"), { text: data.content.slice(0, 600) }));
    },
    error: () => failed(card, run.message, new Problem(data)),
  };
  handlers[name]?.();
  if (near && name !== "token") requestAnimationFrame(toEnd); // a card follows its own text
}

/** Tell of a failure at once, and of how it came about when the message is read. */
function failed(card, message, problem) {
  card.fail(problem);
  api.json(`/api/v1/messages/${message}/`).then((stored) => card.finish(stored), () => {});
}

function started(data, run) {
  run.message = data.message;
  if (run.stopWanted) stop(run);
  if (conversation === data.conversation) return;
  conversation = data.conversation;
  showAddress(); // a page that is reloaded before the list is here finds the answer, too
  drawer.refresh().then(head, complain);
  drawer.whileAnswering();
}

$("stop").addEventListener("click", stopAnswer);

function stopAnswer() {
  if (!answering || answering.stopWanted) return;
  answering.stopWanted = true;
  $("stop").disabled = true;
  if (answering.message) stop(answering);
}

function stop(run) {
  api.json(`/api/v1/messages/${run.message}/stop/`, { method: "POST" }).catch((error) => {
    $("stop").disabled = false;
    complain(error);
  });
}

function busy() {
  $("send").hidden = true;
  $("stop").hidden = $("stop").disabled = false;
  announce(gettext("Answering"));
}

function idle() {
  answering = null;
  $("send").hidden = $("send").disabled = false;
  $("stop").hidden = true;
}

$("prompt").addEventListener("input", () => {
  fitPrompt();
  drafts.keep(conversation, $("prompt").value);
});
$("prompt").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("ask").requestSubmit();
});
for (const chip of $("welcome").querySelectorAll(".chip")) {
  chip.addEventListener("click", () => actions.suggest(chip.textContent));
}

serveKeys({
  stop: stopAnswer,
  begin: () => $("new-conversation").click(),
  recall: () => [...$("messages").querySelectorAll(".mine")].at(-1)?.dataset.content,
});
serveCodeButtons($("messages"));
servePasswordDialog(session);

try {
  await session.restore();
  if (session.username) await showDesk();
  else showSignIn(location.hash === FAILED ? gettext("Signing in did not work. Please try again.") : "");
  if (location.hash === FAILED) history.replaceState(null, "", location.pathname);
} catch (error) {
  showSignIn(problemWords(error));
}
