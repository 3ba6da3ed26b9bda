// What stands behind an incident: the posts that set it off, and how to talk about it.

import {element} from "/web/dom.js";

const FRESH_MS = 30_000;
const known = new Map(); // by incident: {at, version, full}

/** A fold that loads the rest of the incident when it is opened. */
export function background(incident, words, act, fold) {
  const body = element("div", {class: "background"});
  fill(body, known.get(incident.id)?.full, words);
  const load = async () => {
    const last = known.get(incident.id);
    const current = last?.version === incident.updated_at && Date.now() - last.at < FRESH_MS;
    if (current) return;
    const full = await act.full(incident.id);
    if (!full) return;
    known.set(incident.id, {at: Date.now(), version: incident.updated_at, full});
    fill(body, full, words);
  };
  if (fold.open) load();
  const toggled = (event) => {
    fold.remember(event);
    if (event.currentTarget.open) load();
  };
  return element(
    "details",
    {class: "fold", open: fold.open, on: {toggle: toggled}},
    element(
      "summary",
      {"data-focus": `background-${incident.id}`},
      element("span", {class: "what-to-do"}, words.background),
    ),
    body,
  );
}

function fill(body, full, words) {
  if (!full) {
    body.replaceChildren(element("p", {class: "playbook"}, words.loading));
    return;
  }
  body.replaceChildren(
    ...section(words.evidence, (full.evidence ?? []).map((post) => quote(post, words))),
    ...section(words.doThis, lines(full.do, words)),
    ...section(words.avoidThis, lines(full.dont, words)),
    ...section(words.wording, holding(full.holding_statement, words)),
  );
}

function section(title, items) {
  return items.length ? [element("h4", {}, title), element("ul", {}, ...items)] : [];
}

const lines = (texts, words) => (texts ?? []).map((text) => element("li", {}, words.of(text)));

function holding(statement, words) {
  const text = words.of(statement);
  return text ? [element("li", {class: "wording"}, text)] : [];
}

function quote({text, url, platform, published_at: at}, words) {
  const linked = /^https?:\/\//i.test(url ?? "");
  return element(
    "li",
    {},
    element("blockquote", {}, text),
    element(
      "p",
      {class: "mention-foot"},
      element("span", {}, platform ?? ""),
      at ? element("time", {datetime: at}, words.time(new Date(at))) : null,
      linked
        ? element("a", {href: url, target: "_blank", rel: "noopener noreferrer nofollow"}, words.open)
        : null,
    ),
  );
}
