// Folds that stay as a person left them, however often the page is drawn again.

import {element} from "/web/dom.js";

const OPENED = new Set(); // by key: what a person opened or closed by hand
const CLOSED = new Set();

/** Whether a fold is open, and what remembers that a person opened or closed it. */
export function folding(key, usually) {
  return {
    key,
    open: OPENED.has(key) || (usually && !CLOSED.has(key)),
    remember({currentTarget: {open}}) {
      if (open === this.open) return; // the page was drawn like this
      this.open = open;
      (open ? OPENED : CLOSED).add(key);
      (open ? CLOSED : OPENED).delete(key);
    },
  };
}

/** A fold on a card. `toggled` is told of every opening and closing. */
export function foldOf(fold, heading, content, toggled = (event) => fold.remember(event)) {
  return element(
    "details",
    {class: "fold", open: fold.open, on: {toggle: toggled}},
    element("summary", {"data-focus": fold.key}, ...heading),
    ...content,
  );
}
