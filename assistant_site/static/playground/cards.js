// One card per message. A card shows what it is told and asks `actions` for everything else.

import { copy } from "./code.js";
import { fill } from "./language.js";
import { LiveText } from "./live_text.js";
import { definitions, nearEnd, toEnd } from "./page.js";
import { factsOf, problemWords, REASONS, routeWords, SIMULATED } from "./words.js";

/** The card of a prompt; `message` has its content, and all else once it is stored. */
export function promptCard(message, actions) {
  const element = fromTemplate("prompt-template");
  const one = (selector) => element.querySelector(selector);
  new LiveText(one(".bubble"), "prompt").show(message.content, { ended: true });
  one(".bubble").hidden = !message.content;
  showAttached(one(".attached"), message.attachments ?? [], actions);
  const place = message.versions?.indexOf(message.id) ?? -1;
  const choose = (step) => () => actions.showVersion(message.versions[place + step]);
  one(".versions").hidden = !(message.versions?.length > 1);
  one(".version").textContent = fill(gettext("%(place)s of %(count)s"), { place: place + 1, count: message.versions?.length });
  one("[data-earlier]").disabled = place <= 0;
  one("[data-later-version]").disabled = place + 1 >= (message.versions?.length ?? 0);
  one("[data-earlier]").addEventListener("click", choose(-1));
  one("[data-later-version]").addEventListener("click", choose(1));
  one("[data-edit]").hidden = !message.id;
  one("[data-edit]").addEventListener("click", () => edit(element, message, actions));
  return element;
}

/** Show the pictures of a prompt; their places are there at once, of the size that they will have. */
function showAttached(place, attachments, actions) {
  place.hidden = !attachments.length;
  for (const [at, { url, width, height }] of attachments.entries()) {
    const image = Object.assign(document.createElement("img"), { alt: fill(gettext("Picture %(number)s"), { number: at + 1 }) });
    if (width) Object.assign(image, { width, height });
    place.append(image);
    if (url.startsWith("data:")) image.src = url;
    else actions.loadImage(url).then((address) => (image.src = address), () => (image.alt = gettext("The picture could not be loaded.")));
  }
}

function edit(element, message, actions) {
  const form = element.querySelector("form");
  const field = form.querySelector("textarea");
  field.value = message.content;
  form.hidden = false;
  element.querySelector(".bubble").hidden = true;
  field.focus();
  const close = () => {
    form.hidden = true;
    element.querySelector(".bubble").hidden = !message.content;
    element.querySelector("[data-edit]").focus();
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    const content = field.value.trim();
    if (content) actions.edit(message, content);
  };
  form.onkeydown = (event) => {
    if (event.key === "Escape") close();
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
    event.stopPropagation();
  };
  form.querySelector("[data-cancel]").onclick = close;
}

/** The card of an answer. `actions`: loadImage(url), rate(id, opinion), unrate(id), suggest(text),
 * regenerate(message), curl(message). */
export class AnswerCard {
  #actions;
  #text = "";
  #live;
  #painting = 0;
  #rest = 16;
  #message = null;
  #verdict = null;
  #restart = null;

  constructor(actions) {
    this.#actions = actions;
    this.element = fromTemplate("answer-template");
    this.element.setAttribute("aria-busy", "true");
    this.#live = new LiveText(this.#one(".bubble"), "answer");
    this.#one("[data-copy-answer]").addEventListener("click", ({ currentTarget }) => {
      copy(this.#text, currentTarget);
    });
    for (const again of this.#all("[data-again]")) {
      again.addEventListener("click", () => actions.regenerate(this.element.dataset.messageId));
    }
    this.#one("[data-curl]").addEventListener("click", ({ currentTarget }) => {
      copy(actions.curl(this.#message), currentTarget);
    });
    for (const button of this.#all("[data-verdict]")) {
      button.addEventListener("click", () => this.#pressed(button.dataset.verdict));
    }
    const opinion = this.#one(".opinion");
    opinion.addEventListener("submit", (event) => this.#opined(event));
    opinion.querySelector("[data-later]").addEventListener("click", () => {
      opinion.hidden = true;
    });
  }

  get text() {
    return this.#text;
  }

  started({ message }) {
    this.element.dataset.messageId = message;
  }

  decided({ decision, cache }) {
    this.#route(decision, cache);
    const words = decision?.action === "image" ? gettext("Drawing") : gettext("Writing");
    const waiting = this.#one(".waiting-words");
    if (waiting) waiting.textContent = words;
  }

  append(text) {
    this.#text += text;
    // A long list takes long to show anew: a fifth of the time at most goes into it.
    this.#painting ||= setTimeout(() => this.#paint(), this.#rest);
  }

  reset({ from, to }) {
    this.#text = "";
    this.#live.clear();
    this.#paint();
    this.#restart = this.#note(fill(gettext("%(from)s broke off; %(to)s starts over."), { from, to }));
  }

  /** A notice of the failover says the same as the restart before it, and takes its place. */
  notice({ code, detail }) {
    if (code === "provider_failover") this.#restart?.remove();
    this.#restart = null;
    this.#note(detail);
  }

  #note(words) {
    const list = this.#one(".notices");
    const line = Object.assign(document.createElement("li"), { textContent: words });
    list.hidden = false;
    list.append(line);
    return line;
  }

  /** The stored message object: the last word on everything shown so far. */
  finish(message) {
    this.#message = message;
    this.#text = message.content;
    this.element.dataset.status = message.status;
    this.element.dataset.messageId = message.id;
    this.#settle();
    this.#route(message.decision, message.cache);
    this.#facts(message);
    if (message.status === "stopped") this.#note(gettext("Stopped. What was written so far is kept."));
    if (message.decision?.action === "refuse") this.#refused();
    if (message.image) this.#picture(message.image);
    this.#showVerdict(message.feedback?.verdict ?? null);
    this.#one(".after").hidden = false;
    if (message.status === "failed") this.fail(message.error ?? {});
  }

  fail(error) {
    this.element.dataset.status = "failed";
    this.#settle();
    this.#one(".problem-words").textContent = problemWords(error);
    this.#one(":scope > .problem").hidden = false;
    // Without an id the service has not heard the question: the page gives it back.
    this.#one(".problem [data-again]").hidden = !this.element.dataset.messageId;
    this.#one(".actions").hidden = true;
  }

  #settle() {
    clearTimeout(this.#painting);
    this.#paint({ ended: true });
    this.element.setAttribute("aria-busy", "false");
  }

  #paint({ ended = false } = {}) {
    this.#painting = 0;
    const began = performance.now();
    const near = nearEnd();
    this.#live.show(this.#text, { ended });
    this.#one(".bubble").hidden = !this.#text;
    if (near) toEnd();
    this.#rest = Math.max(16, 4 * (performance.now() - began));
  }

  #route(decision, cache) {
    const place = this.#one(".route");
    const words = routeWords(decision, cache);
    const labels = words.map((word) => label(word));
    if (decision?.simulated) labels.splice(1, 0, label(gettext("simulated"), { className: "badge", title: SIMULATED }));
    place.replaceChildren(...labels);
    place.dataset.source = decision?.source ?? "";
    place.hidden = !words.length;
  }

  #facts(message) {
    const list = this.#one(".facts dl");
    list.replaceChildren(...definitions(factsOf(message)));
  }

  // A refusal's text ends with a list of better wordings: those become buttons.
  #refused() {
    this.element.dataset.refused = "true";
    const items = [...this.#all(".bubble li")];
    if (!items.length) return;
    const list = items.at(-1).parentElement;
    const place = this.#one(".suggestions");
    place.querySelector(".chips").replaceChildren(
      ...[...list.children].map((item) => {
        const chip = Object.assign(document.createElement("button"), {
          type: "button",
          className: "chip",
          textContent: item.textContent,
        });
        chip.addEventListener("click", () => this.#actions.suggest(item.textContent));
        return chip;
      }),
    );
    list.remove();
    place.hidden = false;
  }

  async #picture({ url, alt, width, height }) {
    const figure = this.#one(".picture");
    const image = Object.assign(document.createElement("img"), { alt, width, height });
    const caption = document.createElement("figcaption");
    // Once is enough: the text of the answer mostly is what was drawn.
    if (alt.trim() !== this.#text.trim()) caption.textContent = alt;
    figure.replaceChildren(image, caption);
    figure.hidden = false;
    try {
      image.src = await this.#actions.loadImage(url);
      const save = Object.assign(document.createElement("a"), {
        href: image.src,
        download: "picture",
        textContent: gettext("Save"),
      });
      caption.append(" ", save);
    } catch (error) {
      caption.textContent = `${gettext("The picture could not be loaded.")} ${problemWords(error)}`;
    }
  }

  #showVerdict(verdict) {
    this.#verdict = verdict;
    for (const button of this.#all("[data-verdict]")) {
      button.setAttribute("aria-pressed", String(button.dataset.verdict === verdict));
    }
  }

  async #pressed(verdict) {
    const opinion = this.#one(".opinion");
    if (verdict === this.#verdict) {
      opinion.hidden = true;
      await this.#send(gettext("Taken back."), null, () => this.#actions.unrate(this.#message.id));
      return;
    }
    const sent = await this.#send(gettext("Your verdict is stored. A reason helps."), verdict, () =>
      this.#actions.rate(this.#message.id, { verdict }),
    );
    if (sent) this.#askWhy(verdict);
  }

  #askWhy(verdict) {
    const opinion = this.#one(".opinion");
    const options = Object.entries(REASONS[verdict]).map(([value, words]) => new Option(words, value));
    const reason = opinion.elements.namedItem("reason");
    reason.replaceChildren(reason.options[0], ...options);
    opinion.querySelector(".correction").hidden = verdict === "good";
    opinion.hidden = false;
    opinion.scrollIntoView({ block: "nearest" });
    reason.focus({ preventScroll: true });
  }

  async #opined(event) {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.target));
    const given = Object.entries(fields).filter(([, value]) => value.trim());
    const opinion = { verdict: this.#verdict, ...Object.fromEntries(given) };
    const send = () => this.#actions.rate(this.#message.id, opinion);
    if (await this.#send(gettext("Thank you, noted."), this.#verdict, send)) event.target.hidden = true;
  }

  async #send(words, verdict, send) {
    const state = this.#one(".verdict-state");
    try {
      await send();
      this.#showVerdict(verdict);
      state.textContent = words;
      return true;
    } catch (error) {
      state.textContent = problemWords(error);
      return false;
    }
  }

  #one(selector) {
    return this.element.querySelector(selector);
  }

  #all(selector) {
    return this.element.querySelectorAll(selector);
  }
}

function label(textContent, rest = {}) {
  return Object.assign(document.createElement("span"), { textContent, ...rest });
}

function fromTemplate(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}
