// The stream of mentions: newest first, with its tag and what in the text decided it.

import {byId, element} from "/web/dom.js";
import {pieces} from "/web/highlight.js";
import {LABELS} from "/web/texts.js";

const SHOWN = 150;
const LONGEST_TEXT = 600;

/** The list on the page. Holds what it shows, so that a change of language can show it again. */
export class MentionList {
  #words;
  #mentions = new Map(); // by id, newest last
  #waiting = new Map();
  #nodes = new Map();
  #arrived = null; // by id, while a page is being loaded
  #scheduled = false;
  #paused = false;
  #onWaiting;
  #onLabel;

  /** onWaiting(count): so many wait while paused; onLabel(id, label): a person labels a mention. */
  constructor(words, onWaiting, onLabel) {
    this.#words = words;
    this.#onWaiting = onWaiting;
    this.#onLabel = onLabel;
  }

  get size() {
    return this.#mentions.size;
  }

  get paused() {
    return this.#paused;
  }

  speak(words) {
    this.#words = words;
    this.#nodes.clear();
    byId("mention-list").replaceChildren();
    this.#draw();
  }

  /** A page of mentions is being loaded: what arrives until then may not be stored yet. */
  awaitPage() {
    this.#arrived = new Map();
  }

  /** Replaces everything by one page of mentions, newest first, and what arrived meanwhile. */
  replace(mentions) {
    this.#mentions.clear();
    this.#waiting.clear();
    this.#nodes.clear();
    byId("mention-list").replaceChildren();
    for (const mention of mentions.toReversed()) this.#mentions.set(mention.id, mention);
    for (const mention of this.#arrived?.values() ?? []) this.#put(mention);
    this.#arrived = null;
    this.#draw();
    this.#onWaiting(0);
  }

  /** A new mention, or a new version of one shown. */
  add(mention) {
    this.#arrived?.set(mention.id, mention);
    const shown = this.#mentions.has(mention.id);
    if (this.#paused && !shown) {
      this.#waiting.delete(mention.id);
      this.#waiting.set(mention.id, mention);
      trim(this.#waiting);
      this.#onWaiting(this.#waiting.size);
      return;
    }
    this.#put(mention);
    this.#schedule();
  }

  /** A known mention is shown otherwise; one that is not on the page stays away. */
  update(mention) {
    for (const known of [this.#arrived, this.#waiting]) {
      if (known?.has(mention.id)) known.set(mention.id, mention);
    }
    if (!this.#mentions.has(mention.id)) return;
    const had = this.#nodes.get(mention.id)?.contains(document.activeElement);
    this.#put(mention);
    this.#draw();
    if (had) this.#nodes.get(mention.id).querySelector("summary").focus();
  }

  /** A known mention fits the filter as it is shown now: where it is new, it takes its place. */
  place(mention) {
    if (this.#mentions.has(mention.id)) {
      this.update(mention);
      return;
    }
    this.#arrived?.set(mention.id, mention);
    const time = Date.parse(mention.published_at);
    const shown = [...this.#mentions.values()];
    const later = shown.findIndex((other) => Date.parse(other.published_at) > time);
    shown.splice(later < 0 ? shown.length : later, 0, mention);
    this.#mentions = new Map(shown.map((each) => [each.id, each]));
    trim(this.#mentions);
    this.#waiting.delete(mention.id);
    this.#onWaiting(this.#waiting.size);
    this.#schedule();
  }

  remove(id) {
    this.#arrived?.delete(id);
    this.#mentions.delete(id);
    this.#waiting.delete(id);
    this.#schedule();
  }

  pause(paused) {
    this.#paused = paused;
    if (paused) return;
    for (const mention of this.#waiting.values()) this.#put(mention);
    this.#waiting.clear();
    this.#onWaiting(0);
    this.#schedule();
  }

  #put(mention) {
    // An edited mention keeps its place; its node is made anew.
    this.#nodes.get(mention.id)?.remove();
    this.#nodes.delete(mention.id);
    this.#mentions.set(mention.id, mention);
    trim(this.#mentions);
  }

  // However many arrive, the page is drawn once per frame.
  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#draw();
    });
  }

  #draw() {
    const list = byId("mention-list");
    for (const [id, node] of this.#nodes) {
      if (!this.#mentions.has(id)) {
        node.remove();
        this.#nodes.delete(id);
      }
    }
    let below = null;
    for (const mention of this.#mentions.values()) {
      let node = this.#nodes.get(mention.id);
      if (!node) {
        node = item(mention, this.#words, this.#onLabel);
        this.#nodes.set(mention.id, node);
        list.insertBefore(node, below ?? null);
      }
      below = node;
    }
    byId("mentions-empty").hidden = this.#mentions.size > 0;
  }
}

function trim(mentions) {
  for (const id of mentions.keys()) {
    if (mentions.size <= SHOWN) return;
    mentions.delete(id);
  }
}

function item(mention, words, onLabel) {
  const {classification, corrected} = mention;
  const {label, severity: grave} = corrected ?? classification;
  const published = new Date(mention.published_at);
  const author = mention.author?.name ?? mention.author?.handle;
  return element(
    "li",
    {class: "mention", "data-label": label, "data-id": mention.id},
    element(
      "p",
      {class: "mention-head"},
      element("span", {class: "tag", "data-label": label}, words.labels[label]),
      classification.uncertain && !corrected
        ? element("span", {class: "unsure", title: words.whyUnsure}, words.unsure)
        : null,
      severity(grave, words),
      corrected ? element("span", {class: "corrected"}, saidBy(mention, words)) : null,
      element(
        "time",
        {datetime: mention.published_at, title: words.fullTime(published)},
        words.time(published),
      ),
    ),
    mention.title ? element("h3", {}, ...marked(mention, "title")) : null,
    element("p", {class: "mention-text", lang: mention.lang ?? classification.lang},
      ...marked(mention, "text")),
    element(
      "p",
      {class: "mention-foot"},
      author ? element("span", {}, author) : null,
      element("span", {}, words.place(mention)),
      mention.rating
        ? element("span", {}, `★ ${words.fraction(mention.rating.value)}/${words.fraction(mention.rating.best)}`)
        : null,
      link(mention.url, words),
    ),
    correction(mention, label, words, onLabel),
  );
}

function saidBy({classification, corrected}, words) {
  return corrected.label === classification.label
    ? words.agreedBy(corrected.by)
    : words.correctedBy(corrected.by, words.labels[classification.label]);
}

// The labels to choose from, behind a quiet word.
function correction({id, corrected}, label, words, onLabel) {
  const choice = (name) => {
    const pressed = Boolean(corrected) && name === label;
    return element(
      "button",
      {
        type: "button", class: "chip", "data-label": name, "aria-pressed": String(pressed),
        on: {click: () => pressed || onLabel(id, name)},
      },
      words.labels[name],
    );
  };
  return element(
    "details",
    {class: "correction"},
    element("summary", {}, words.correct),
    element(
      "div",
      {class: "choices", role: "group", "aria-label": words.whatIsIt},
      ...LABELS.map(choice),
      corrected
        ? element("button", {type: "button", class: "quiet", on: {click: () => onLabel(id, null)}},
          words.takeBack)
        : null,
    ),
  );
}

// A severity of next to nothing is no news.
function severity(value, words) {
  if (value < 0.3) return null;
  const level = value >= 0.7 ? "high" : value >= 0.4 ? "middle" : "low";
  return element("span", {class: "severity", "data-level": level},
    words.severity(words.number(Math.round(value * 100))));
}

function marked(mention, field) {
  const reasons = (mention.classification.reasons ?? []).filter((r) => r.field === field);
  const cut = shorten(mention[field], reasons);
  return pieces(cut, reasons).map(({text, label}) =>
    label === null ? text : element("mark", {"data-label": label}, text));
}

// A long text is cut after its last reason, so that the page never hides what decided.
function shorten(text, reasons) {
  const points = Array.from(text);
  const last = reasons.reduce((end, reason) => Math.max(end, reason.end ?? 0), 0);
  const length = Math.max(LONGEST_TEXT, last + 40);
  return points.length <= length ? text : `${points.slice(0, length).join("")} …`;
}

function link(url, words) {
  if (!url || !/^https?:\/\//i.test(url)) return null;
  return element("a", {href: url, target: "_blank", rel: "noopener noreferrer nofollow"},
    words.open);
}
