// The page: who is signed in, which conversation is open, what is being answered.

import { ask, newKey, resume } from "./answers.js";
import { Api, localPath, Problem } from "./api.js";
import { AnswerCard, promptCard } from "./cards.js";
import { Drawer } from "./drawer.js";
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
import { Pictures } from "./pictures.js";
import { problemWords } from "./words.js";

const api = new Api();
const drawer = new Drawer(api, { onChosen: open, onError: complain });
const pictures = new Pictures(api);
let conversation = null;
let answering = null; // {controller, message, stopWanted} while an answer is being followed
let unsent = null; // {content, conversation, key} of a question the service may not have heard

const actions = {
  loadImage: (url) => pictures.load(url),
  rate: (id, opinion) =>
    api.json(`/api/v1/messages/${id}/feedback/`, { method: "PUT", body: opinion }),
  unrate: (id) => api.json(`/api/v1/messages/${id}/feedback/`, { method: "DELETE" }),
  suggest(text) {
    writePrompt(text);
    $("prompt").focus();
  },
};

// Signing in and out

api.onSignedOut = () => showSignIn("You were signed out. Please sign in again.");

$("sign-in-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  const { username, password } = Object.fromEntries(new FormData(form));
  button.disabled = true;
  try {
    await api.signIn(username, password);
    form.reset();
    await showDesk();
  } catch (error) {
    say(form, error.status === 401 ? "That user name and password do not fit." : problemWords(error));
  } finally {
    button.disabled = false;
  }
});

$("sign-out").addEventListener("click", async () => {
  await api.signOut();
  history.replaceState(null, "", location.pathname);
  showSignIn("");
});

function showSignIn(words) {
  leave();
  drawer.clear();
  $("desk").hidden = true;
  $("sign-in").hidden = false;
  say($("sign-in-form"), words);
  $("sign-in-form").elements.namedItem("username").focus();
}

async function showDesk() {
  $("sign-in").hidden = true;
  say($("sign-in-form"), "");
  $("desk").hidden = false;
  $("who").textContent = api.username;
  drawer.refresh().then(head, complain);
  await open(location.hash.slice(1) || null);
}

// Conversations

/** Show a conversation, or an empty one for null, and follow the answer it is waiting for. */
async function open(id) {
  leave();
  conversation = id;
  head();
  if (!id) {
    focusPrompt();
    return;
  }
  $("send").disabled = true;
  try {
    const messages = await allMessages(id);
    if (conversation !== id) return;
    $("send").disabled = false;
    $("welcome").hidden = messages.length > 0;
    const cards = messages.map(show);
    toEnd();
    const running = messages.findIndex((message) => message.status === "streaming");
    if (running >= 0) await listen(resume, messages[running].id, cards[running]);
  } catch (error) {
    if (conversation !== id) return;
    $("send").disabled = false;
    if (error.status === 404) open(null);
    complain(error);
  }
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
    $("messages").append(promptCard(message.content));
    return null;
  }
  const card = newCard();
  if (message.status === "streaming") return card;
  card.finish(message);
  if (message.status === "failed") card.fail(new Problem({ detail: "This answer failed." }));
  return card;
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
  $("welcome").hidden = false;
  pictures.forget();
}

function head() {
  history.replaceState(null, "", conversation ? `#${conversation}` : location.pathname);
  const title = conversation ? drawer.title(conversation) || "Untitled" : "New conversation";
  $("title").textContent = title;
  document.title = `${title} · Assistant playground`;
  $("rename").hidden = $("delete").hidden = !conversation;
  drawer.mark(conversation);
}

$("new-conversation").addEventListener("click", () => {
  drawer.close();
  open(null);
});
window.addEventListener("hashchange", () => {
  const id = location.hash.slice(1) || null;
  if (api.username && id !== conversation) open(id);
});
$("rename").addEventListener("click", () => {
  $("rename-dialog").querySelector("input").value = drawer.title(conversation);
  choose($("rename-dialog"), async () => {
    await drawer.rename(conversation, $("rename-dialog").querySelector("input").value.trim());
    head();
  });
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
  if (!content || answering || $("send").disabled) return;
  complain(null);
  writePrompt("");
  $("welcome").hidden = true;
  const prompt = promptCard(content);
  $("messages").append(prompt);
  const card = newCard();
  toEnd();
  // The same question again after a lost connection keeps its key: it is never asked twice.
  const same = unsent?.content === content && unsent.conversation === conversation;
  unsent = same ? unsent : { content, conversation, key: newKey() };
  const question = unsent;
  const start = (client, { signal }) => ask(client, { ...question, signal });
  const outcome = await listen(start, null, card);
  if (outcome.heard) {
    if (unsent === question) unsent = null;
    return;
  }
  if (!outcome.error) return;
  prompt.remove();
  card.element.remove();
  writePrompt(content);
  complain(outcome.error);
});

/** Follow an answer into its card. Says whether the service took the question, and what failed. */
async function listen(start, message, card) {
  const run = { controller: new AbortController(), message, stopWanted: false };
  const { signal } = run.controller;
  const outcome = { heard: false, error: null };
  answering = run;
  busy();
  try {
    const events = message ? start(api, message, signal) : start(api, { signal });
    for await (const event of events) {
      if (signal.aborted) break;
      outcome.heard = true;
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
    start: () => started(data, run),
    decision: () => card.decided(data),
    token: () => card.append(data.text),
    reset: () => card.reset(data),
    notice: () => card.notice(data),
    done: () => {
      card.finish(data);
      announce(`Answer: ${data.content.slice(0, 600)}`);
    },
    error: () => card.fail(new Problem(data)),
  };
  handlers[name]?.();
  if (near) requestAnimationFrame(toEnd);
}

function started(data, run) {
  run.message = data.message;
  if (run.stopWanted) stop(run);
  if (conversation === data.conversation) return;
  conversation = data.conversation;
  drawer.refresh().then(head, complain);
}

$("stop").addEventListener("click", () => {
  if (!answering) return;
  answering.stopWanted = true;
  $("stop").disabled = true;
  if (answering.message) stop(answering);
});

function stop(run) {
  api.json(`/api/v1/messages/${run.message}/stop/`, { method: "POST" }).catch((error) => {
    $("stop").disabled = false;
    complain(error);
  });
}

function busy() {
  $("send").hidden = true;
  $("stop").hidden = $("stop").disabled = false;
  announce("Answering");
}

function idle() {
  answering = null;
  $("send").hidden = $("send").disabled = false;
  $("stop").hidden = true;
}

$("prompt").addEventListener("input", fitPrompt);
$("prompt").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("ask").requestSubmit();
});
for (const chip of $("welcome").querySelectorAll(".chip")) {
  chip.addEventListener("click", () => actions.suggest(chip.textContent));
}

if (api.username) showDesk();
else showSignIn("");
