// The language of the page: messages with values, dates and numbers. Its catalog (gettext, ngettext, interpolate) is
// loaded before all other scripts.

export const LANGUAGE = document.documentElement.lang;
// A reader of German in Austria writes dates and numbers as there.
const LOCALE = navigator.languages.find((each) => each.split("-")[0] === LANGUAGE) ?? LANGUAGE;

/** A translated message with its values, each for its `%(name)s`. */
export const fill = (message, values) => interpolate(message, values, true);
export const numberOf = (value, options) => new Intl.NumberFormat(LOCALE, options).format(value);
export const dateOf = (moment, options) => new Intl.DateTimeFormat(LOCALE, options).format(new Date(moment));

for (const choice of document.querySelectorAll("select.language")) {
  choice.addEventListener("change", () => {
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `django_language=${choice.value}; path=/; max-age=31536000; samesite=lax${secure}`;
    location.reload();
  });
}
