// Small things of the page itself: its elements, the prompt's field, the thread's end, words shown.

import { problemWords } from "./words.js";

export const $ = (id) => document.getElementById(id);

/** Put `text` into the prompt's field, ready to be changed and sent. */
export function writePrompt(text) {
  $("prompt").value = text;
  fitPrompt();
}

export function focusPrompt() {
  // On a touch screen the focus would throw the keyboard over the page.
  if (matchMedia("(pointer: fine)").matches) $("prompt").focus();
}

export function fitPrompt() {
  $("prompt").style.height = "auto";
  $("prompt").style.height = `${$("prompt").scrollHeight + 2}px`;
}

export function nearEnd() {
  const { scrollHeight, scrollTop, clientHeight } = $("thread");
  return scrollHeight - scrollTop - clientHeight < 120;
}

export function toEnd() {
  $("thread").scrollTop = $("thread").scrollHeight;
}

/** Tell people who listen instead of looking. */
export function announce(words) {
  $("announcer").textContent = words;
}

/** Show a failure over the prompt; null takes it away. */
export function complain(error) {
  say($("ask"), error ? problemWords(error) : "");
}

export function say(form, words) {
  const place = form.querySelector(".problem");
  place.textContent = words;
  place.hidden = !words;
}

/** Ask by a dialog; `act` is called when its positive button was pressed. */
export function choose(dialog, act) {
  dialog.returnValue = "";
  dialog.onclose = () => {
    if (dialog.returnValue) act().catch(complain);
  };
  dialog.showModal();
}

/** Terms with their values, for a list of definitions. */
export function definitions(facts) {
  return facts.flatMap(([term, value]) => [
    Object.assign(document.createElement("dt"), { textContent: term }),
    Object.assign(document.createElement("dd"), { textContent: value }),
  ]);
}
