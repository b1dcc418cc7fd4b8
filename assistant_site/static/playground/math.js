// Formulas: where they are in a text, and how KaTeX shows them. KaTeX is loaded with the first formula.

const VENDOR = new URL("../vendor/katex/", import.meta.url);
const INLINE = [
  { open: "$$", close: "$$", display: true },
  { open: "$", close: "$", display: false },
  { open: "\\[", close: "\\]", display: true },
  { open: "\\(", close: "\\)", display: false },
];
const BLOCK = INLINE.filter(({ display }) => display);
const DELIMITERS = /^(?:\$\$?|\\[[(])|(?:\$\$?|\\[\])])$/g;
const MOST_CHARACTERS = 2000;
const MOST_LINES = 100;
const MOST_KEPT = 300;
const OPTIONS = { throwOnError: true, trust: false, strict: "ignore", maxSize: 20, maxExpand: 500 };

const shown = new Map(); // TeX to the nodes that show it: a streamed block is shown many times
let loading = null;

/** Teach a markdown-it parser the delimiters `$…$`, `$$…$$`, `\(…\)` and `\[…\]`. */
export function addMath(parser) {
  parser.inline.ruler.before("escape", "math_inline", inlineMath);
  const alt = ["paragraph", "reference", "blockquote", "list"];
  parser.block.ruler.before("fence", "math_block", blockMath, { alt });
  const escape = parser.utils.escapeHtml;
  const isDisplay = (token) => BLOCK.some(({ open }) => open === token.markup);
  parser.renderer.rules.math_inline = (tokens, at) =>
    `<span class="math${isDisplay(tokens[at]) ? " display" : ""}">${escape(tokens[at].content)}</span>`;
  parser.renderer.rules.math_block = (tokens, at) =>
    `<div class="math display" tabindex="0">${escape(tokens[at].content)}</div>`;
}

/** Show the formulas of `root`, now or when KaTeX has come. One that KaTeX refuses stays as written. */
export function showMath(root) {
  const formulas = [...root.querySelectorAll(".math:not([data-shown])")];
  if (root.matches?.(".math:not([data-shown])")) formulas.push(root);
  if (!formulas.length) return;
  if (globalThis.katex) for (const formula of formulas) show(formula);
  else load().then(() => showMath(document.body), () => {}); // formulas stay as they are written
}

function show(formula) {
  const display = formula.classList.contains("display");
  const key = `${display}${formula.textContent}`;
  if (!shown.has(key)) shown.set(key, made(formula.textContent, display));
  if (shown.size > MOST_KEPT) shown.delete(shown.keys().next().value);
  formula.dataset.shown = "true";
  const nodes = shown.get(key);
  if (nodes) formula.replaceChildren(nodes.cloneNode(true));
}

/** The nodes of a formula; null for one that KaTeX refuses. KaTeX sets styles by script, never as markup. */
function made(tex, displayMode) {
  const place = document.createElement("span");
  try {
    globalThis.katex.render(tex.replace(DELIMITERS, ""), place, { ...OPTIONS, displayMode });
    return place;
  } catch {
    return null; // an error of the writer's, or nested too deep
  }
}

function load() {
  loading ??= loadSheet().then(() => import(new URL("katex.js", VENDOR).href));
  return loading;
}

// Before the script: a root's picture is 400 em wide without its style.
function loadSheet() {
  return new Promise((resolve, reject) => {
    const link = { rel: "stylesheet", href: new URL("katex.css", VENDOR).href };
    document.head.append(
      Object.assign(document.createElement("link"), { ...link, onload: resolve, onerror: reject }),
    );
  });
}

function inlineMath(state, silent) {
  const { src, pos } = state;
  const kind = INLINE.find(({ open }) => src.startsWith(open, pos));
  if (!kind) return false;
  const rest = src.slice(pos + kind.open.length, pos + MOST_CHARACTERS);
  const end = closing(rest, kind);
  if (end < 1 || !rest.slice(0, end).trim()) return false;
  const after = pos + kind.open.length + end + kind.close.length;
  if (!silent) {
    const token = state.push("math_inline", "", 0);
    token.markup = kind.open;
    token.content = src.slice(pos, after);
  }
  state.pos = after;
  return true;
}

/** Where the formula ends. Of one dollar sign Pandoc's rule holds: `$5 or $10` is money. */
function closing(rest, { close }) {
  if (close !== "$") return rest.indexOf(close);
  let at = rest.indexOf("$");
  while (at > 0 && rest[at - 1] === "\\") at = rest.indexOf("$", at + 1);
  const isMoney = /^\s/.test(rest) || /\s/.test(rest[at - 1] ?? "") || /\d/.test(rest[at + 1] ?? "");
  return isMoney ? -1 : at;
}

/** A formula on lines of its own; TeX allows no empty line in it. */
function blockMath(state, first, last, silent) {
  const lineAt = (line) => state.src.slice(state.bMarks[line] + state.tShift[line], state.eMarks[line]).trimEnd();
  const kind = BLOCK.find(({ open }) => lineAt(first).startsWith(open));
  if (!kind || state.sCount[first] - state.blkIndent >= 4) return false;
  const lines = [lineAt(first).slice(kind.open.length)];
  let line = first;
  while (!lines.at(-1).endsWith(kind.close)) {
    line += 1;
    if (line >= last || lines.length > MOST_LINES || state.sCount[line] < state.blkIndent) return false;
    if (!lineAt(line)) return false;
    lines.push(lineAt(line));
  }
  if (silent) return true;
  const token = state.push("math_block", "", 0);
  token.content = kind.open + lines.join("\n");
  token.map = [first, line + 1];
  state.line = line + 1;
  return true;
}
