// A text that grows, shown block by block: only the blocks that changed are made anew.

import { blocksOf, clean, PARSERS } from "./markdown.js";
import { showMath } from "./math.js";
import { highlight } from "./code.js";

const NEWLINE = /\r\n?|\n/g;
// A new item may join the list before it, so the last two blocks can still change.
const OPEN_BLOCKS = 2;

export class LiveText {
  #element;
  #parser;
  #blocks = []; // {html, node, outline, ended} of each block shown
  #settled = 0; // blocks that more text cannot change
  #offset = 0; // characters of the settled blocks
  #env = {};

  /** `kind`: "answer" or "prompt". */
  constructor(element, kind) {
    this.#element = element;
    this.#parser = PARSERS[kind];
  }

  /** Empty the text, for another one. */
  clear() {
    this.#blocks = [];
    this.#settled = this.#offset = 0;
    this.#env = {};
    this.#element.replaceChildren();
  }

  /** Show a text that begins with the one shown before. `ended`: nothing will follow. */
  show(text, { ended = false } = {}) {
    // At the end all is read once more: a link may be defined far below its use.
    if (ended) {
      this.#settled = this.#offset = 0;
      this.#env = {};
    }
    if (!this.#blocks.length) this.#element.replaceChildren();
    const rest = text.slice(this.#offset);
    const outline = [...(this.#blocks[this.#settled - 1]?.outline ?? [])];
    const blocks = blocksOf(this.#parser, rest, this.#env, outline);
    blocks.forEach((block, at) => {
      const isLast = at === blocks.length - 1;
      this.#put(this.#settled + at, block, ended || !isLast);
    });
    for (const { node } of this.#blocks.splice(this.#settled + blocks.length)) node.remove();
    this.#settle(rest, blocks);
  }

  #settle(rest, blocks) {
    const settled = blocks.length - OPEN_BLOCKS;
    if (settled <= 0) return;
    this.#offset += offsetOf(rest, blocks[settled].line);
    this.#settled += settled;
  }

  #put(at, { html, outline }, ended) {
    const old = this.#blocks[at];
    let node = old?.node;
    if (old?.html !== html) {
      node = clean(html).firstElementChild ?? document.createElement("p");
      showMath(node);
      if (!old) this.#element.append(node);
      else if (old.ended) old.node.replaceWith(node);
      else node = updated(old.node, node);
    }
    const finish = ended && !(old?.ended && old.html === html);
    if (finish) highlight(node);
    this.#blocks[at] = { html, node, outline, ended };
  }
}

function offsetOf(text, line) {
  NEWLINE.lastIndex = 0;
  for (let left = line; left > 0 && NEWLINE.test(text); ) left -= 1;
  return line ? NEWLINE.lastIndex : 0;
}

/** `old` made equal to `fresh` with as few changes as possible, so that a selection and a scrolled
 * place survive; the node that is shown now. */
function updated(old, fresh) {
  if (old.isEqualNode(fresh)) return old;
  if (old.nodeType === Node.TEXT_NODE && fresh.nodeType === Node.TEXT_NODE) {
    if (fresh.data.startsWith(old.data)) old.appendData(fresh.data.slice(old.data.length));
    else old.data = fresh.data;
    return old;
  }
  if (!old.cloneNode(false).isEqualNode(fresh.cloneNode(false)) || old.matches?.(".math")) {
    old.replaceWith(fresh);
    return fresh;
  }
  const children = [...fresh.childNodes];
  while (old.childNodes.length > children.length) old.lastChild.remove();
  children.forEach((child, at) => {
    if (at < old.childNodes.length) updated(old.childNodes[at], child);
    else old.append(child);
  });
  return old;
}
