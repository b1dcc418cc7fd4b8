// One card per message. A card shows what it is told and asks `actions` for everything else.

import { markdown } from "./markdown.js";
import { definitions } from "./page.js";
import { factsOf, problemWords, REASONS, routeWords } from "./words.js";

export function promptCard(content) {
  const element = fromTemplate("prompt-template");
  element.querySelector(".bubble").textContent = content;
  return element;
}

/** The card of an answer. `actions`: loadImage(url), rate(id, opinion), unrate(id), suggest(text). */
export class AnswerCard {
  #actions;
  #text = "";
  #painting = 0;
  #rest = 16;
  #message = null;
  #verdict = null;
  #restart = null;

  constructor(actions) {
    this.#actions = actions;
    this.element = fromTemplate("answer-template");
    this.element.setAttribute("aria-busy", "true");
    for (const button of this.#all(".verdict")) {
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

  decided({ decision, cache }) {
    this.#route(decision, cache);
    const words = decision?.action === "image" ? "Drawing" : "Writing";
    const waiting = this.#one(".waiting-words");
    if (waiting) waiting.textContent = words;
  }

  append(text) {
    this.#text += text;
    // A long answer takes long to show anew: a fifth of the time at most goes into it.
    this.#painting ||= setTimeout(() => this.#paint(), this.#rest);
  }

  reset({ from, to }) {
    this.#text = "";
    this.#paint();
    this.#restart = this.#note(`${from} broke off; ${to} starts over.`);
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
    if (message.status === "stopped") this.#note("Stopped. What was written so far is kept.");
    if (message.decision?.action === "refuse") this.#refused();
    if (message.image) this.#picture(message.image);
    this.#showVerdict(message.feedback?.verdict ?? null);
    this.#one(".after").hidden = message.status === "failed";
  }

  fail(error) {
    this.element.dataset.status = "failed";
    this.#settle();
    const place = this.#one(":scope > .problem");
    place.textContent = problemWords(error);
    place.hidden = false;
  }

  #settle() {
    clearTimeout(this.#painting);
    this.#paint();
    this.element.setAttribute("aria-busy", "false");
  }

  #paint() {
    this.#painting = 0;
    const began = performance.now();
    const bubble = this.#one(".bubble");
    bubble.replaceChildren(markdown(this.#text));
    bubble.hidden = !this.#text;
    this.#rest = Math.max(16, 4 * (performance.now() - began));
  }

  #route(decision, cache) {
    const place = this.#one(".route");
    const words = routeWords(decision, cache);
    place.replaceChildren(
      ...words.map((word) => Object.assign(document.createElement("span"), { textContent: word })),
    );
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
    const caption = Object.assign(document.createElement("figcaption"), { textContent: alt });
    figure.replaceChildren(image, caption);
    figure.hidden = false;
    try {
      image.src = await this.#actions.loadImage(url);
      const save = Object.assign(document.createElement("a"), {
        href: image.src,
        download: "picture",
        textContent: "Save",
      });
      caption.append(" ", save);
    } catch (error) {
      caption.textContent = `The picture could not be loaded. ${problemWords(error)}`;
    }
  }

  #showVerdict(verdict) {
    this.#verdict = verdict;
    for (const button of this.#all(".verdict")) {
      button.setAttribute("aria-pressed", String(button.dataset.verdict === verdict));
    }
  }

  async #pressed(verdict) {
    const opinion = this.#one(".opinion");
    if (verdict === this.#verdict) {
      opinion.hidden = true;
      await this.#send("Taken back.", null, () => this.#actions.unrate(this.#message.id));
      return;
    }
    const sent = await this.#send("Thank you.", verdict, () =>
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
  }

  async #opined(event) {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.target));
    const given = Object.entries(fields).filter(([, value]) => value.trim());
    const opinion = { verdict: this.#verdict, ...Object.fromEntries(given) };
    const send = () => this.#actions.rate(this.#message.id, opinion);
    if (await this.#send("Thank you, noted.", this.#verdict, send)) event.target.hidden = true;
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

function fromTemplate(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}
