// The list of conversations and what can be done with them.

import { localPath } from "./api.js";

const LIST = "/api/v1/conversations/";

export class Drawer {
  #api;
  #next = null;
  #shown = new Map();
  #list = document.getElementById("conversations");
  #more = document.getElementById("more-conversations");
  #drawer = document.getElementById("drawer");
  #veil = document.getElementById("veil");
  #opener = document.getElementById("drawer-open");

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
    this.#opener.addEventListener("click", () => this.#open());
    document.getElementById("drawer-close").addEventListener("click", () => this.close());
    this.#veil.addEventListener("click", () => this.close());
    this.#drawer.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  async refresh() {
    await this.#load(LIST, true);
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
    this.#next = page.next;
    this.#more.hidden = !page.next;
  }

  #add(conversation) {
    this.#shown.set(conversation.id, conversation);
    const button = Object.assign(document.createElement("button"), {
      type: "button",
      textContent: conversation.title || "Untitled",
    });
    button.dataset.id = conversation.id;
    const item = document.createElement("li");
    item.append(button);
    this.#list.append(item);
  }
}
