// Light Markdown to DOM nodes. Only text nodes and a fixed list of elements are ever made, so
// nothing a model writes can become markup, script or a loaded resource.

const FENCE = /^ {0,3}(```+|~~~+)\s*([\w+#.-]*)/;
const HEADING = /^ {0,3}#{1,6}\s+(.*)$/;
const BULLET = /^\s{0,3}[-*+]\s+(.*)$/;
const NUMBER = /^\s{0,3}(\d{1,9})[.)]\s+(.*)$/;
const QUOTE = /^ {0,3}>\s?(.*)$/;
const RULE = /^ {0,3}([-*_])(\s*\1){2,}\s*$/;
// Spans are bounded: what is never closed must not be looked for to the end from each place anew.
const INLINE =
  /(?<!`)(`{1,9})(?!`)([^`](?:.{0,2000}?[^`])?)\1(?!`)|\*\*(\S(?:.{0,1000}?\S)?)\*\*|(?<!\w)\*(\S(?:[^*]{0,1000}?\S)?)\*(?!\w)|\[([^[\]]{1,1000})\]\((https?:\/\/[^\s)]{1,2000})\)/s;

/** A fragment that shows `text`. */
export function markdown(text) {
  const fragment = document.createDocumentFragment();
  const lines = text.split("\n");
  let at = 0;
  while (at < lines.length) at = block(fragment, lines, at);
  return fragment;
}

function block(parent, lines, at) {
  const line = lines[at];
  if (!line.trim()) return at + 1;
  if (FENCE.test(line)) return fence(parent, lines, at);
  if (RULE.test(line)) return put(parent, make("hr"), at + 1);
  const heading = line.match(HEADING);
  if (heading) return put(parent, inline(make("h4"), closed(heading[1])), at + 1);
  if (BULLET.test(line)) return list(parent, "ul", BULLET, lines, at);
  if (NUMBER.test(line)) return list(parent, "ol", NUMBER, lines, at);
  if (QUOTE.test(line)) return quote(parent, lines, at);
  return paragraph(parent, lines, at);
}

/** A heading's text without the signs that close it. */
function closed(text) {
  let end = text.trimEnd().length;
  while (end && text[end - 1] === "#") end -= 1;
  return text.slice(0, end).trimEnd();
}

function fence(parent, lines, at) {
  const [, mark, language] = lines[at].match(FENCE);
  let end = at + 1;
  while (end < lines.length && !lines[end].trim().startsWith(mark)) end += 1;
  const code = make("code");
  code.textContent = lines.slice(at + 1, end).join("\n");
  const pre = make("pre");
  // Long lines scroll sideways: the keyboard must reach them too.
  pre.tabIndex = 0;
  if (language) pre.dataset.language = language;
  pre.append(code);
  return put(parent, pre, end + 1);
}

function list(parent, tag, item, lines, at) {
  const element = make(tag);
  const first = lines[at].match(item);
  if (tag === "ol" && first[1] !== "1") element.start = Number(first[1]);
  let end = at;
  for (; end < lines.length; end += 1) {
    const match = lines[end].match(item);
    if (match) element.append(inline(make("li"), match.at(-1)));
    else if (/^\s{2,}\S/.test(lines[end])) inline(element.lastChild, ` ${lines[end].trim()}`);
    else break;
  }
  return put(parent, element, end);
}

function quote(parent, lines, at) {
  let end = at;
  while (end < lines.length && QUOTE.test(lines[end])) end += 1;
  const inner = lines.slice(at, end).map((line) => line.match(QUOTE)[1]);
  const element = make("blockquote");
  inline(element, inner.join("\n"));
  return put(parent, element, end);
}

function paragraph(parent, lines, at) {
  const starts = [FENCE, HEADING, BULLET, NUMBER, QUOTE, RULE];
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && !starts.some((re) => re.test(lines[end]))) {
    end += 1;
  }
  return put(parent, inline(make("p"), lines.slice(at, end).join("\n")), end);
}

function inline(element, text) {
  let rest = text;
  for (let match = rest.match(INLINE); match; match = rest.match(INLINE)) {
    element.append(rest.slice(0, match.index), span(match));
    rest = rest.slice(match.index + match[0].length);
  }
  element.append(rest);
  return element;
}

function span([, , code, strong, emphasis, label, address]) {
  if (code !== undefined) return filled("code", code);
  if (strong !== undefined) return inline(make("strong"), strong);
  if (emphasis !== undefined) return inline(make("em"), emphasis);
  const link = filled("a", label);
  link.href = address;
  link.rel = "noopener noreferrer nofollow";
  link.target = "_blank";
  return link;
}

function filled(tag, text) {
  const element = make(tag);
  element.textContent = text;
  return element;
}

function make(tag) {
  return document.createElement(tag);
}

function put(parent, element, next) {
  parent.append(element);
  return next;
}
