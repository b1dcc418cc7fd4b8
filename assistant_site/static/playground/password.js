// The dialog that changes one's password.

import { $, announce, say } from "./page.js";
import { problemWords } from "./words.js";

export function servePasswordDialog(session) {
  const dialog = $("password-dialog");
  const form = dialog.querySelector("form");
  const button = form.querySelector("[type=submit]");
  $("password").addEventListener("click", () => {
    form.reset();
    say(form, "");
    dialog.showModal();
  });
  form.querySelector("[data-cancel]").addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { current, fresh } = Object.fromEntries(new FormData(form));
    button.disabled = true;
    say(form, "");
    try {
      await session.changePassword(current, fresh);
      dialog.close();
      announce(gettext("Your password is changed."));
    } catch (error) {
      say(form, problemWords(error));
    } finally {
      button.disabled = false;
    }
  });
}
