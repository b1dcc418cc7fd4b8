// Pictures open with the bearer token only, which <img> cannot send: they are fetched, then shown.

import { localPath } from "./api.js";

export class Pictures {
  #api;
  #addresses = new Set();

  constructor(api) {
    this.#api = api;
  }

  /** An address that an image element can show until the pictures are forgotten. */
  async load(url) {
    const response = await this.#api.request(localPath(url));
    const address = URL.createObjectURL(await response.blob());
    this.#addresses.add(address);
    return address;
  }

  forget() {
    for (const address of this.#addresses) URL.revokeObjectURL(address);
    this.#addresses.clear();
  }
}
