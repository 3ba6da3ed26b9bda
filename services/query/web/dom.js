// Builds elements. Text is always set as text, so nothing a stranger wrote becomes markup.

/**
 * element("p", {class: "note"}, "text", child) → <p class="note">text<child></p>
 * Attributes with the value null, undefined or false are left out; true gives an empty value;
 * `on` is a map of event handlers.
 */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") {
      for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    } else {
      node.setAttribute(key, value === true ? "" : value);
    }
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function byId(id) {
  return document.getElementById(id);
}
