// The page's dialogs: one field each, asked for when it is needed.

import {byId} from "/web/dom.js";

/** Lets the buttons that say so close their dialog without an answer. */
export function wireDialogs() {
  for (const button of document.querySelectorAll("[data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close(""));
  }
}

/** What was typed into the dialog's field; null when it was cancelled. */
export function askInDialog(dialogId, fieldId) {
  const dialog = byId(dialogId);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        const value = byId(fieldId).value.trim();
        byId(fieldId).value = "";
        resolve(dialog.returnValue === "ok" && value ? value : null);
      },
      {once: true},
    );
  });
}
