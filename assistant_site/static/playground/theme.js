// Light or dark: as the system says, or as the person chose in this browser. Loaded before the page is painted.

const KEY = "assistant.theme";
const NEXT = { "": "light", light: "dark", dark: "" };
const WORDS = { "": gettext("Colours: as the system"), light: gettext("Colours: light"), dark: gettext("Colours: dark") };

function show(theme) {
  document.documentElement.dataset.theme = theme;
  const button = document.getElementById("theme");
  if (!button) return;
  button.setAttribute("aria-label", WORDS[theme]);
  button.title = WORDS[theme];
}

show(localStorage.getItem(KEY) ?? "");
document.addEventListener("DOMContentLoaded", () => {
  show(document.documentElement.dataset.theme);
  document.getElementById("theme")?.addEventListener("click", () => {
    const theme = NEXT[document.documentElement.dataset.theme];
    localStorage.setItem(KEY, theme);
    show(theme);
  });
});
