// Drafts: what was written and not sent, kept for each conversation in this browser.

const KEY = "assistant.draft.";
const MOST = 50;

export class Drafts {
  #owner = "";

  /** Whose drafts they are; those of others stay unseen. */
  of(owner) {
    this.#owner = owner;
  }

  read(conversation) {
    return localStorage.getItem(this.#key(conversation)) ?? "";
  }

  keep(conversation, text) {
    if (!text) localStorage.removeItem(this.#key(conversation));
    else this.#store(this.#key(conversation), text);
  }

  /** Take all drafts of the owner away: at the end of a sign-in nothing of anybody stays behind. */
  clear() {
    for (const key of this.#all(this.#key(null).slice(0, -3))) localStorage.removeItem(key);
  }

  #store(key, text) {
    const kept = this.#all(KEY).filter((each) => each !== key);
    for (const each of kept.slice(0, Math.max(0, kept.length - MOST + 1))) localStorage.removeItem(each);
    try {
      localStorage.setItem(key, text);
    } catch {
      // The browser's room is full: a draft is a convenience.
    }
  }

  #key(conversation) {
    return `${KEY}${this.#owner}.${conversation ?? "new"}`;
  }

  #all(start) {
    return Object.keys(localStorage).filter((key) => key.startsWith(start));
  }
}
