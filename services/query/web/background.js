// What stands behind an incident: the posts that tell it, those that set it off, and how to talk
// about it.

import {element} from "/web/dom.js";
import {foldOf, folding} from "/web/folds.js";

const FRESH_MS = 30_000;
const FEW = 5;
const looked = new Map(); // by incident: {at, version, full}
const unfolded = new Set(); // incidents of which a person wanted to see all posts

/** Loads what the incident's list entry leaves out, when it changed; for `limit` incidents. */
export async function loadChanged(incidents, full, limit) {
  const changed = incidents.filter(({id, updated_at: at}) => looked.get(id)?.version !== at);
  await Promise.all(changed.slice(0, limit).map((incident) => look(incident, full)));
  return changed.length > 0;
}

async function look(incident, full) {
  const found = await full(incident.id);
  if (found) looked.set(incident.id, {at: Date.now(), version: incident.updated_at, full: found});
  return found;
}

/** All that was loaded about an incident; undefined until then. */
export const known = (id) => looked.get(id)?.full;

/** The pages that did not arrive, unless a later one to the same recipient did. */
export function failedPages(incident) {
  const last = new Map();
  for (const page of known(incident.id)?.pages ?? []) {
    if (page.state !== "pending") last.set(`${page.to} ${page.channel}`, page);
  }
  return [...last.values()].filter((page) => page.state === "failed");
}

/** A fold that loads the rest of the incident when it is opened. */
export function background(incident, words, act) {
  const fold = folding(`background-${incident.id}`, false);
  const body = element("div", {class: "background"});
  fill(body, known(incident.id), words);
  const load = async () => {
    const last = looked.get(incident.id);
    const current = last?.version === incident.updated_at && Date.now() - last.at < FRESH_MS;
    if (current) return;
    const full = await look(incident, act.full);
    if (full) fill(body, full, words);
  };
  if (fold.open) load();
  const toggled = (event) => {
    fold.remember(event);
    if (event.currentTarget.open) load();
  };
  return foldOf(fold, [element("span", {class: "what-to-do"}, words.background)], [body], toggled);
}

function fill(body, full, words) {
  if (!full) {
    body.replaceChildren(element("p", {class: "playbook"}, words.loading));
    return;
  }
  const story = full.story ?? [];
  const told = new Set(story.map(({id}) => id));
  const posts = (full.evidence ?? []).filter(({id}) => !told.has(id));
  const shown = unfolded.has(full.id) ? posts : posts.slice(0, FEW);
  body.replaceChildren(
    ...section(words.story, story.map((post) => quote(post, words))),
    ...section(words.wording, holding(full.holding_statement, words)),
    ...section(words.doThis, lines(full.do, words)),
    ...section(words.avoidThis, lines(full.dont, words)),
    ...section(story.length ? words.furtherEvidence : words.evidence, shown.map((post) => quote(post, words))),
    ...(shown.length < posts.length ? [showAll(body, full, words, posts.length)] : []),
  );
}

function showAll(body, full, words, count) {
  const show = () => {
    unfolded.add(full.id);
    fill(body, full, words);
  };
  return element(
    "button",
    {type: "button", class: "quiet", "data-focus": `evidence-${full.id}`, on: {click: show}},
    words.showAll(words.number(count)),
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

function quote({text, url, platform, source, published_at: at, edited_at: edited}, words) {
  const linked = /^https?:\/\//i.test(url ?? "");
  return element(
    "li",
    {},
    element("blockquote", {}, text ?? words.deletedPost),
    element(
      "p",
      {class: "mention-foot"},
      element("span", {}, words.place({platform, source})),
      at ? element("time", {datetime: at}, words.time(new Date(at))) : null,
      edited && text ? element("span", {}, words.editedOn(words.time(new Date(edited)))) : null,
      linked
        ? element("a", {href: url, target: "_blank", rel: "noopener noreferrer nofollow"}, words.open)
        : null,
    ),
  );
}
