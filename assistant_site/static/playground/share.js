// The dialog that shares a conversation by a read-only link, and lists and revokes all links.

import { copy } from "./code.js";
import { dateOf, fill } from "./language.js";
import { $, say } from "./page.js";
import { problemWords } from "./words.js";

const path = (conversation) => `/api/v1/conversations/${conversation}/share/`;

export class ShareDialog {
  #api;
  #dialog = $("share-dialog");
  #conversation = null;

  constructor(api) {
    this.#api = api;
    const link = $("share-link");
    $("share-make").addEventListener("click", () =>
      this.#try(async () => {
        const made = await api.json(path(this.#conversation), { method: "POST" });
        link.value = made.url;
        $("share-made").hidden = false;
        link.select();
        await this.#list();
      }),
    );
    $("share-copy").addEventListener("click", ({ currentTarget }) => copy(link.value, currentTarget));
    $("share-close").addEventListener("click", () => this.#dialog.close());
  }

  async open(conversation) {
    this.#conversation = conversation;
    $("share-link").value = "";
    $("share-made").hidden = true;
    $("shares").replaceChildren();
    this.#dialog.showModal();
    await this.#try(() => this.#list());
  }

  async #list() {
    const { results } = await this.#api.json("/api/v1/shares/");
    const isShared = results.some(({ conversation }) => conversation === this.#conversation);
    $("share-make").textContent = isShared ? gettext("Make another link") : gettext("Make a link");
    $("share-again").hidden = !isShared;
    $("shares-part").hidden = !results.length;
    $("shares").replaceChildren(...results.map((share) => this.#row(share)));
  }

  #row({ conversation, title, created_at: at }) {
    const item = document.createElement("li");
    const words = title || gettext("Untitled");
    const text = document.createElement("span");
    text.textContent = `${words} (${dateOf(at)})`;
    const button = Object.assign(document.createElement("button"), {
      type: "button",
      className: "link",
      textContent: gettext("Revoke"),
    });
    button.setAttribute("aria-label", fill(gettext("Revoke the link of %(title)s"), { title: words }));
    button.addEventListener("click", () =>
      this.#try(async () => {
        await this.#api.json(path(conversation), { method: "DELETE" });
        if (conversation === this.#conversation) $("share-made").hidden = true;
        await this.#list();
      }),
    );
    item.append(text, button);
    return item;
  }

  async #try(act) {
    say(this.#dialog, "");
    try {
      await act();
    } catch (error) {
      say(this.#dialog, problemWords(error));
    }
  }
}
