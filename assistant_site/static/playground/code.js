// Code in a text: its colours, the button that copies it, and diagrams, drawn on demand.

import hljs from "../vendor/highlight/highlight.js";
import { announce } from "./page.js";

const MOST_CHARACTERS = 30_000; // a longer one would hold up the page
const COPIED_MS = 1500;

/** Colour the code in `root` whose language is known. highlight.js escapes all that it is given. */
export function highlight(root) {
  const places = root.matches(".code") ? [root] : root.querySelectorAll(".code");
  for (const place of places) {
    const code = place.querySelector("code");
    const { language } = place.dataset;
    if (!hljs.getLanguage(language) || code.textContent.length > MOST_CHARACTERS) continue;
    code.innerHTML = hljs.highlight(code.textContent, { language, ignoreIllegals: true }).value;
  }
}

/** Serve the buttons of all code in `root`, also of code that comes later. */
export function serveCodeButtons(root) {
  root.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-copy], [data-draw]");
    if (!button) return;
    const text = button.closest(".code").querySelector("code").textContent;
    if ("copy" in button.dataset) copy(text, button);
    else draw(text, button);
  });
}

/** Put `text`, or what a promise of it becomes, into the clipboard, and say so on the button. */
export async function copy(text, button) {
  const words = button.textContent;
  const copied = await Promise.resolve(text).then(intoClipboard).catch(() => false);
  button.textContent = copied ? gettext("Copied") : gettext("Not copied");
  announce(button.textContent);
  setTimeout(() => {
    button.textContent = words;
  }, COPIED_MS);
}

async function intoClipboard(text) {
  // The clipboard's interface exists on https and localhost only.
  if (navigator.clipboard) return navigator.clipboard.writeText(text).then(() => true);
  const field = Object.assign(document.createElement("textarea"), { value: text });
  field.className = "unseen";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}

/** Draw a diagram in a frame without any right: the library is large, and its input a stranger's. */
function draw(text, button) {
  const frame = document.createElement("iframe");
  frame.className = "diagram";
  frame.title = gettext("Diagram");
  frame.setAttribute("sandbox", "allow-scripts");
  frame.src = "/diagram/";
  const chosen = document.documentElement.dataset.theme;
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  window.addEventListener("message", ({ source, data }) => {
    if (source !== frame.contentWindow) return;
    if (data.ready) source.postMessage({ text, dark }, "*");
    if (data.height) frame.style.height = `${Math.min(data.height, 4000)}px`;
  });
  button.closest(".code").append(frame);
  button.remove();
}
