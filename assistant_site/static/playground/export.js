// A conversation as a file: Markdown for people, JSON for programs. Both are made of what the API tells.

import { fill } from "./language.js";

/** Offer the messages as a download. `kind`: "md" or "json". */
export function exportConversation(title, messages, kind) {
  const text = kind === "md" ? markdownOf(title, messages) : JSON.stringify({ title, messages }, null, 2);
  const type = kind === "md" ? "text/markdown" : "application/json";
  const address = URL.createObjectURL(new Blob([text], { type }));
  const name = title.replaceAll(/[^\p{L}\p{N}]+/gu, "-").replaceAll(/^-|-$/g, "").slice(0, 60) || gettext("conversation");
  Object.assign(document.createElement("a"), { href: address, download: `${name}.${kind}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

function markdownOf(title, messages) {
  const parts = messages.map(({ role, content, decision, image }) => {
    const who = role === "user" ? gettext("You") : `${gettext("Assistant")}${decision?.model ? ` (${decision.model})` : ""}`;
    const picture = image ? `\n\n*${fill(gettext("Picture: %(description)s"), { description: image.alt })}*` : "";
    return `## ${who}\n\n${content}${picture}`;
  });
  return `# ${title}\n\n${parts.join("\n\n")}\n`;
}
