// The list of conversations and what can be done with them.

import { localPath } from "./api.js";
import { dateOf } from "./language.js";

const LIST = "/api/v1/conversations/";
const SEARCH_REST_MS = 250;
const RUNNING_REST_MS = 4000;

export class Drawer {
  #api;
  #next = null;
  #shown = new Map();
  #list = document.getElementById("conversations");
  #more = document.getElementById("more-conversations");
  #drawer = document.getElementById("drawer");
  #veil = document.getElementById("veil");
  #opener = document.getElementById("drawer-open");
  #search = document.getElementById("search");
  #current = null;
  #timer = 0;

  /** `onChosen(id)` is called when a conversation is picked. */
  constructor(api, { onChosen, onError }) {
    this.#api = api;
    this.#list.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      this.close();
      onChosen(button.dataset.id);
    });
    this.#more.addEventListener("click", () => this.#load(this.#next).catch(onError));
    const again = (rest) => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.refresh().catch(onError), rest);
    };
    this.#search.addEventListener("input", () => again(SEARCH_REST_MS));
    this.whileAnswering = () => again(RUNNING_REST_MS);
    this.#opener.addEventListener("click", () => this.#open());
    document.getElementById("drawer-close").addEventListener("click", () => this.close());
    this.#veil.addEventListener("click", () => this.close());
    this.#drawer.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  async refresh() {
    const words = this.#search.value.trim();
    await this.#load(words ? `${LIST}?search=${encodeURIComponent(words)}` : LIST, true);
  }

  clear() {
    this.#shown.clear();
    this.#list.replaceChildren();
    this.#more.hidden = true;
  }

  title(id) {
    return this.#shown.get(id)?.title || "";
  }

  mark(id) {
    this.#current = id;
    for (const button of this.#list.querySelectorAll("button")) {
      if (button.dataset.id === id) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  async rename(id, title) {
    await this.#api.json(`${LIST}${id}/`, { method: "PATCH", body: { title } });
    await this.refresh();
  }

  async remove(id) {
    await this.#api.json(`${LIST}${id}/`, { method: "DELETE" });
    await this.refresh();
  }

  close() {
    const wasOpen = this.#drawer.classList.contains("open");
    this.#drawer.classList.remove("open");
    this.#veil.hidden = true;
    this.#opener.setAttribute("aria-expanded", "false");
    if (wasOpen) this.#opener.focus();
  }

  #open() {
    this.#drawer.classList.add("open");
    this.#veil.hidden = false;
    this.#opener.setAttribute("aria-expanded", "true");
    document.getElementById("drawer-close").focus();
  }

  async #load(path, fresh = false) {
    const page = await this.#api.json(localPath(path));
    if (fresh) this.clear();
    for (const conversation of page.results) this.#add(conversation);
    this.mark(this.#current);
    document.getElementById("nothing-found").hidden = !(fresh && !page.results.length && this.#search.value);
    // Another tab may write it, or another device: its end comes with the list.
    if (page.results.some(({ answering }) => answering)) this.whileAnswering();
    this.#next = page.next;
    this.#more.hidden = !page.next;
  }

  #add(conversation) {
    this.#shown.set(conversation.id, conversation);
    const button = Object.assign(document.createElement("button"), {
      type: "button",
      textContent: conversation.title || gettext("Untitled"),
    });
    button.dataset.id = conversation.id;
    button.title = button.textContent;
    if (conversation.answering) {
      const mark = Object.assign(document.createElement("span"), { className: "answering", role: "img" });
      mark.setAttribute("aria-label", gettext("Answer being written"));
      button.append(mark);
    }
    const item = document.createElement("li");
    item.append(button);
    this.#listOf(dayOf(conversation.created_at)).append(item);
  }

  /** The list of a day, beneath its heading. */
  #listOf(day) {
    const last = this.#list.lastElementChild;
    if (last?.dataset.day === day) return last;
    const heading = Object.assign(document.createElement("h2"), { className: "day", textContent: day });
    const list = document.createElement("ul");
    list.dataset.day = day;
    this.#list.append(heading, list);
    return list;
  }
}

/** gettext("Today"), gettext("Yesterday"), or the day in the reader's way of writing. */
function dayOf(moment) {
  const day = new Date(moment);
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(day).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days < 2) return days < 1 ? gettext("Today") : gettext("Yesterday");
  const year = day.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return dateOf(day, { day: "numeric", month: "long", year });
}
