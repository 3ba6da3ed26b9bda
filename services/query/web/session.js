// What this browser remembers: the token, the person's name and the language.

const TOKEN = "brandmelder.token";
const NAME = "brandmelder.name";
const LANGUAGE = "brandmelder.language";

/** Moves a token from the address (`#token=…`) into the browser's storage. */
export function takeTokenFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given === null) return;
  history.replaceState(null, "", location.pathname + location.search);
  if (given) localStorage.setItem(TOKEN, given);
}

export const token = () => localStorage.getItem(TOKEN);
export const keepToken = (value) => localStorage.setItem(TOKEN, value);
export const forgetToken = () => localStorage.removeItem(TOKEN);

export const personName = () => localStorage.getItem(NAME);
export const keepPersonName = (value) => localStorage.setItem(NAME, value);

/** "de" or "en": what was chosen here, else what the browser prefers. */
export function language() {
  const chosen = localStorage.getItem(LANGUAGE);
  if (chosen === "de" || chosen === "en") return chosen;
  const preferred = navigator.languages.map((tag) => tag.slice(0, 2));
  return preferred.find((code) => code === "de" || code === "en") ?? "en";
}
export const keepLanguage = (value) => localStorage.setItem(LANGUAGE, value);
