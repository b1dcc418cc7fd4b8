// The keys of the page; the dialog that lists them is in the template.

import { $, writePrompt } from "./page.js";

/** Serve the keys. `stop()`, `begin()` a conversation, `recall()` the last question. */
export function serveKeys({ stop, begin, recall }) {
  $("prompt").addEventListener("keydown", (event) => {
    if (event.key !== "ArrowUp" || $("prompt").value || event.isComposing) return;
    const last = recall();
    if (!last) return;
    event.preventDefault();
    writePrompt(last);
  });
  document.addEventListener("keydown", (event) => {
    if ($("desk").hidden || document.querySelector("dialog[open]")) return;
    const writes = event.target.matches("input, textarea, select");
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === "Escape") stop();
    // By its place: on a Mac, Alt changes the letter.
    else if (event.altKey && event.code === "KeyN") begin();
    else if (plain && !writes && event.key === "/") $("prompt").focus();
    else if (plain && event.key === "?" && (!writes || isEmptyPrompt(event.target))) {
      $("keys-dialog").showModal();
    } else return;
    event.preventDefault();
  });
}

function isEmptyPrompt(element) {
  return element === $("prompt") && !element.value;
}
