// Markdown to clean DOM nodes: markdown-it parses, DOMPurify removes all but a fixed list of elements.
//
// Markup in a text stays text, pictures become links (a loaded picture would tell its host who reads),
// and only http, https and mailto are linked. Nothing has a style attribute: the page's policy forbids it.

import DOMPurify from "../vendor/dompurify/purify.js";
import MarkdownIt from "../vendor/markdown-it/markdown-it.js";
import withoutSpaces from "../vendor/markdown-it-cjk-friendly/index.js";
import { addMath } from "./math.js";

const CLEAN = {
  ALLOWED_TAGS: [
    ..."p br hr h3 h4 h5 h6 strong em s sub sup kbd code pre a ul ol li input blockquote".split(" "),
    ..."table thead tbody tr th td div span button #text".split(" "),
  ],
  ALLOWED_ATTR: "href title rel target class start type disabled checked tabindex role aria-label".split(" "),
  RETURN_DOM_FRAGMENT: true,
};
const INLINE_HTML = /^<(?:(br)\s*\/?|\/?(?:sub|sup|kbd))>/i;
const FIRST_LEVEL = 3; // beneath the page's title and the heading of each message

const answers = answerParser();
const prompts = new MarkdownIt("zero").enable(["fence"]);
prompts.renderer.rules.fence = fence;

/** The parser of answers; a question keeps its line breaks, only its fenced code is set apart. */
export const PARSERS = { answer: answers, prompt: prompts };

/** The parsed blocks of `text`: each with its HTML and the line on which it begins.
 *
 * `env` keeps link definitions between calls. `outline` has the levels of the open headings, and is
 * changed: headings of an answer never skip a level of the page, whatever they begin with.
 */
export function blocksOf(parser, text, env, outline) {
  return groups(parser.parse(text, env)).map((tokens) => {
    tokens.filter(({ tag }) => /^h[1-6]$/.test(tag)).forEach((token) => setLevel(token, outline));
    const html = parser.renderer.render(tokens, parser.options, env);
    return { html, line: tokens[0].map?.[0] ?? 0, outline: [...outline] };
  });
}

/** A fragment that shows `html`, without what is not on the list. */
export function clean(html) {
  return DOMPurify.sanitize(html, CLEAN);
}

function answerParser() {
  const parser = new MarkdownIt({ linkify: true, breaks: true, maxNesting: 20 });
  parser.validateLink = (url) => /^(?:https?:\/\/|mailto:)/i.test(url);
  parser.linkify.set({ fuzzyLink: false });
  parser.inline.ruler.before("html_inline", "some_html", inlineHtml);
  parser.core.ruler.after("inline", "task_list", markTasks);
  parser.use(withoutSpaces); // **「 」** beside a word: Chinese and Japanese write no spaces there
  addMath(parser);
  Object.assign(parser.renderer.rules, {
    fence,
    code_block: fence,
    html_inline: (tokens, at) => tokens[at].content,
    image: pictureLink,
    link_open: linkOpen,
    table_open: () => `<div class="table" role="group" aria-label="${gettext("Table")}" tabindex="0"><table>`,
    table_close: () => "</table></div>",
    td_open: cellOpen,
    th_open: cellOpen,
  });
  return parser;
}

/** Tokens of each block of the top level. */
function groups(tokens) {
  const found = [];
  for (const token of tokens) {
    if (token.level === 0 && token.nesting >= 0) found.push([]);
    found.at(-1).push(token);
  }
  return found;
}

function setLevel(token, outline) {
  if (token.nesting > 0) {
    const written = Number(token.tag[1]);
    while (outline.at(-1) >= written) outline.pop();
    outline.push(written);
    token.attrSet("class", token.tag);
  }
  token.tag = `h${Math.min(6, FIRST_LEVEL + outline.length - 1)}`;
}

function fence(tokens, at, options, env, renderer) {
  const { content, info } = tokens[at];
  const language = info.trim().split(/\s/, 1)[0].slice(0, 40);
  const escape = answers.utils.escapeHtml;
  const draw = language === "mermaid" ? `<button type="button" data-draw>${gettext("Show the diagram")}</button>` : "";
  return (
    `<div class="code" data-language="${escape(language)}"><div class="code-head">` +
    `<span>${escape(language) || gettext("text")}</span>${draw}<button type="button" data-copy>${gettext("Copy")}</button></div>` +
    // Long lines scroll sideways: the keyboard must reach them too.
    `<pre tabindex="0"><code>${escape(content)}</code></pre></div>`
  );
}

function pictureLink(tokens, at, options, env, renderer) {
  const escape = answers.utils.escapeHtml;
  const words = renderer.renderInlineAsText(tokens[at].children, options, env) || gettext("Picture");
  return `<a href="${escape(tokens[at].attrGet("src"))}" rel="noopener noreferrer nofollow" target="_blank">${escape(words)}</a>`;
}

function linkOpen(tokens, at, options, env, renderer) {
  tokens[at].attrSet("rel", "noopener noreferrer nofollow");
  tokens[at].attrSet("target", "_blank");
  return renderer.renderToken(tokens, at, options);
}

function cellOpen(tokens, at, options, env, renderer) {
  const side = /right|center/.exec(tokens[at].attrGet("style") ?? "");
  tokens[at].attrs = side ? [["class", side[0]]] : null;
  return renderer.renderToken(tokens, at, options);
}

/** Models write line breaks into cells of tables, and formulas of chemistry, by these elements. */
function inlineHtml(state, silent) {
  if (state.src[state.pos] !== "<") return false;
  const match = INLINE_HTML.exec(state.src.slice(state.pos, state.pos + 8));
  if (!match) return false;
  if (!silent) {
    if (match[1]) state.push("hardbreak", "br", 0);
    else state.push("html_inline", "", 0).content = match[0].toLowerCase();
  }
  state.pos += match[0].length;
  return true;
}

/** `[ ]` and `[x]` at the beginning of an item become boxes that nobody can press. */
function markTasks({ tokens, Token }) {
  tokens.forEach((token, at) => {
    if (token.type !== "inline" || tokens[at - 2]?.type !== "list_item_open") return;
    const first = token.children[0];
    const mark = first?.type === "text" && /^\[([ xX])\]\s/.exec(first.content);
    if (!mark) return;
    first.content = first.content.slice(mark[0].length);
    const box = new Token("html_inline", "", 0);
    const [attribute, words] = mark[1] === " " ? ["", gettext("to do")] : [" checked", gettext("done")];
    box.content = `<input type="checkbox" disabled${attribute} aria-label="${words}"> `;
    token.children.unshift(box);
    tokens[at - 2].attrJoin("class", "task");
  });
}
