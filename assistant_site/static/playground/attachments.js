// Pictures that come with a prompt: chosen, dropped or pasted, made small enough, and shown before they are sent.

import { fill } from "./language.js";

const MOST = 4;
const TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const EDGE = 2048; // pixels; models look at no more
const MOST_CHARS = 600_000; // of a data URL: four of them fit into one request

export class Attachments {
  #tray;
  #pictures = []; // {url} as the API takes it
  #onProblem;

  /** `form` holds the tray, the button and the field; `onProblem(words)` is told of what can not be attached. */
  constructor(form, onProblem) {
    this.#tray = form.querySelector(".tray");
    this.#onProblem = onProblem;
    const file = form.querySelector("input[type=file]");
    form.querySelector("[data-attach]").addEventListener("click", () => file.click());
    file.addEventListener("change", async () => {
      await this.add(file.files);
      file.value = "";
    });
    form.addEventListener("paste", (event) => {
      const files = picturesIn(event.clipboardData);
      if (!files.length) return;
      event.preventDefault();
      this.add(files);
    });
  }

  /** Take pictures that are dropped on `place`. */
  serveDrops(place) {
    const carries = (event) => event.dataTransfer?.types.includes("Files");
    place.addEventListener("dragover", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      place.classList.add("dropping");
    });
    place.addEventListener("dragleave", ({ relatedTarget }) => {
      if (!place.contains(relatedTarget)) place.classList.remove("dropping");
    });
    place.addEventListener("drop", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      place.classList.remove("dropping");
      this.add(event.dataTransfer.files);
    });
  }

  get pictures() {
    return this.#pictures;
  }

  set pictures(pictures) {
    this.#pictures = pictures;
    this.#show();
  }

  /** Attach files, as far as they are pictures and there is room. */
  async add(files) {
    const found = [...files];
    const pictures = found.filter(({ type }) => TYPES.includes(type));
    if (pictures.length < found.length) this.#onProblem(gettext("Only PNG, JPEG, GIF and WebP pictures can be attached."));
    for (const each of pictures) {
      if (this.#pictures.length >= MOST) {
        this.#onProblem(fill(ngettext("At most %(count)s picture can be attached.", "At most %(count)s pictures can be attached.", MOST), { count: MOST }));
        return;
      }
      try {
        this.pictures = [...this.#pictures, { url: await smallEnough(each) }];
      } catch {
        this.#onProblem(gettext("This picture can not be read."));
      }
    }
  }

  #show() {
    this.#tray.hidden = !this.#pictures.length;
    this.#tray.replaceChildren(
      ...this.#pictures.map((picture, at) => {
        const item = document.createElement("li");
        const image = Object.assign(document.createElement("img"), { src: picture.url, alt: fill(gettext("Picture %(number)s"), { number: at + 1 }) });
        const remove = Object.assign(document.createElement("button"), {
          type: "button",
          className: "icon",
          textContent: "✕",
        });
        remove.setAttribute("aria-label", fill(gettext("Remove picture %(number)s"), { number: at + 1 }));
        remove.addEventListener("click", () => {
          this.pictures = this.#pictures.filter((each) => each !== picture);
        });
        item.append(image, remove);
        return item;
      }),
    );
  }
}

function picturesIn(data) {
  return [...(data?.files ?? [])].filter(({ type }) => type.startsWith("image/"));
}

/** A file as a data URL; a large one drawn smaller, as a JPEG of the quality that fits. */
async function smallEnough(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, EDGE / Math.max(bitmap.width, bitmap.height));
  try {
    if (scale === 1 && file.size * 1.37 < MOST_CHARS) return await dataURL(file);
    for (let edge = scale; ; edge *= 0.75) {
      const canvas = new OffscreenCanvas(
        Math.max(1, Math.round(bitmap.width * edge)),
        Math.max(1, Math.round(bitmap.height * edge)),
      );
      const pen = canvas.getContext("2d");
      pen.fillStyle = "white"; // a JPEG has no transparency
      pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      const url = await dataURL(await canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 }));
      if (url.length < MOST_CHARS) return url;
    }
  } finally {
    bitmap.close();
  }
}

function dataURL(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
