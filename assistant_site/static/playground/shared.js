// The page of a shared conversation. Its token stands behind `#` and goes to the service as a header alone.

import { serveCodeButtons } from "./code.js";
import { dateOf, fill, LANGUAGE } from "./language.js";
import { LiveText } from "./live_text.js";
import { $ } from "./page.js";
import { problemOf } from "./problem.js";
import { problemWords } from "./words.js";

const PATH = "/api/v1/shared/";

async function read(path) {
  const response = await fetch(path, {
    headers: { "X-Share-Token": location.hash.slice(1), "Accept-Language": LANGUAGE },
    cache: "no-store",
    credentials: "omit",
    referrerPolicy: "no-referrer",
  });
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function open() {
  $("messages").replaceChildren();
  $("problem").hidden = true;
  try {
    const { title, created_at: at, messages } = await (await read(PATH)).json();
    const words = title || gettext("Shared conversation");
    $("title").textContent = document.title = words;
    $("since").textContent = fill(gettext("As it was on %(moment)s."), {
      moment: dateOf(at, { dateStyle: "long", timeStyle: "short" }),
    });
    $("since").hidden = false;
    $("messages").append(...messages.map(card));
  } catch (error) {
    $("problem").textContent =
      error.status === 404
        ? gettext("This link shows nothing: it was revoked, or the conversation is gone.")
        : problemWords(error);
    $("problem").hidden = false;
  }
}

function card({ role, content, image, attachments }) {
  const element = $("message-template").content.firstElementChild.cloneNode(true);
  const one = (selector) => element.querySelector(selector);
  const mine = role === "user";
  element.classList.add(mine ? "mine" : "theirs");
  one("h2").textContent = mine ? gettext("Question") : gettext("Answer");
  new LiveText(one(".bubble"), mine ? "prompt" : "answer").show(content, { ended: true });
  one(".bubble").hidden = !content;
  one(".attached").hidden = !attachments.length;
  one(".attached").append(...attachments.map((each, at) => picture({ ...each, alt: fill(gettext("Picture %(number)s"), { number: at + 1 }) })));
  one(".picture").hidden = !image;
  if (image) one(".picture").append(picture(image));
  return element;
}

function picture({ url, alt, width, height }) {
  const element = Object.assign(document.createElement("img"), { alt, width, height });
  read(url)
    .then((response) => response.blob())
    .then((blob) => {
      element.src = URL.createObjectURL(blob);
    })
    .catch(() => {
      element.alt = gettext("The picture could not be loaded.");
    });
  return element;
}

serveCodeButtons($("messages"));
addEventListener("hashchange", open);
open();
