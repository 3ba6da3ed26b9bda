// The open incidents: how bad, since when, who is on it, what to do now.

import {background, failedPages} from "/web/background.js";
import {byId, element} from "/web/dom.js";
import {scale, whyLevel} from "/web/grade.js";
import {checklist} from "/web/steps.js";

const ALERTING = 2; // from this level on people are told

/**
 * Shows the incidents, first those that nobody has taken, and below them what told nobody and is
 * only to be kept in sight. `act` has acknowledge(id), stepDone(id, step), resolve(id),
 * rate(id, noise) and full(id). `asked` is the id that a link led to. A card that has not changed
 * stays as it is, with its focus and what is selected in it.
 */
export function showIncidents(incidents, words, act, asked) {
  const ordered = [...incidents].sort(
    (a, b) => taken(a) - taken(b) || b.rank - a.rank || a.opened_at.localeCompare(b.opened_at),
  );
  const quiet = ordered.filter(isQuiet);
  const loud = ordered.filter((incident) => !isQuiet(incident));
  const hottest = loud.find((incident) => !taken(incident));
  const now = Date.now();
  const cards = (shown) =>
    shown.map((incident) => card(incident, words, act, now, {
      asked: incident.id === asked, hottest: incident === hottest,
    }));
  const focused = document.activeElement?.closest("[data-focus]")?.dataset.focus;
  const drawn = [draw(byId("incident-list"), cards(loud)), draw(byId("watched-list"), cards(quiet))];
  if (drawn.some(Boolean) && focused) {
    document.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
  }
  byId("watched").hidden = !quiet.length;
  byId("incidents-title").hidden = !loud.length;
  summarise(loud.filter((incident) => incident.state !== "resolved"), ordered.length, words);
}

/** Puts the cards into the list, and tells whether anything had to change. */
function draw(list, cards) {
  const before = new Map([...list.children].map((node) => [node.id, node]));
  const shown = cards.map((node) => (before.get(node.id)?.isEqualNode(node) ? before.get(node.id) : node));
  const same = shown.length === list.children.length
    && shown.every((node, i) => node === list.children[i]);
  if (!same) list.replaceChildren(...shown);
  return !same;
}

const taken = (incident) =>
  incident.state === "resolved" ? 2 : incident.state === "acknowledged" ? 1 : 0;

// Too little to page anybody, and nobody was: also not by a hint or a rule, which always page.
const isQuiet = ({state, level, paged}) => state === "open" && level < ALERTING && !paged;

/** `shown`: how many cards there are at all, the quiet ones and one that is over included. */
function summarise(loud, shown, words) {
  const burning = loud.filter((incident) => !taken(incident)).length;
  const state = burning ? "burns" : loud.length ? "held" : shown ? "watched" : "calm";
  const title = burning
    ? words.burnsTitle(burning)
    : loud.length ? words.heldTitle(loud.length) : words.calmTitle;
  byId("summary").dataset.state = state;
  setText(byId("summary-title"), title);
  setText(byId("summary-text"), words[`${state}Text`]);
  document.title = burning ? `(${burning}) Brandmelder` : "Brandmelder";
}

// A live region speaks on every change: an equal text must not count as one.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function card(incident, words, act, now, {asked, hottest}) {
  const quiet = isQuiet(incident);
  const title = element("h3", {id: `title-${incident.id}`}, headline(incident, words));
  return element(
    "article",
    {
      id: `incident-${incident.id}`,
      class: asked ? "card incident asked" : "card incident",
      "data-level": incident.level,
      "data-taken": taken(incident) ? "yes" : "no",
      "data-quiet": quiet ? "yes" : null,
      "aria-labelledby": title.id,
    },
    scale(incident, words),
    title,
    facts(incident, words, now),
    ...failedPages(incident).map(({to, reason}) =>
      element("p", {class: "undelivered"}, words.pageFailed(to.slice(to.indexOf(":") + 1), reason))),
    owner(incident, words, act, quiet),
    rating(incident, words, act),
    whyLevel(incident, words, hottest),
    checklist(incident, words, act, now, !quiet),
    background(incident, words, act),
    taken(incident) === 2 ? null : element(
      "div",
      {class: "card-end"},
      element(
        "button",
        {
          type: "button", class: "quiet", "data-focus": `resolve-${incident.id}`,
          on: {click: () => act.resolve(incident.id)},
        },
        words.resolveOpen,
      ),
    ),
  );
}

function facts(incident, words, now) {
  const opened = new Date(incident.opened_at);
  return element(
    "p",
    {class: "facts"},
    element("span", {class: "watch"}, isOurs(incident) ? words.operations : incident.watch),
    element(
      "time",
      {datetime: incident.opened_at, title: words.fullTime(opened)},
      words.since(words.span(now - opened)),
    ),
    isOurs(incident)
      ? null
      : element("span", {}, words.mentionsCount(words.number(incident.mentions))),
  );
}

// About one of Brandmelder's own sources, not about what people say.
const isOurs = (incident) => incident.watch === "operations";

// Without a headline there is the title, which is kept in the language of the configuration; its
// plan's name is known in both.
function headline({headline: spoken, title, playbook}, words) {
  if (spoken) return words.of(spoken);
  const name = Object.values(playbook?.title ?? {}).find((text) => title.endsWith(text));
  return name ? title.slice(0, -name.length) + words.of(playbook.title) : title;
}

function owner(incident, words, act, quiet) {
  if (taken(incident) === 2) {
    return element("p", {class: "owner"}, words.endedBy(incident.resolved_by));
  }
  if (taken(incident)) {
    return element("p", {class: "owner"}, words.takenBy(incident.acknowledged_by));
  }
  return element(
    "div",
    {class: "claim"},
    quiet ? null : element("p", {class: "owner missing"}, words.unclaimed),
    element(
      "button",
      {
        type: "button", class: quiet ? null : "primary", "data-focus": `ack-${incident.id}`,
        on: {click: () => act.acknowledge(incident.id)},
      },
      words.acknowledge,
    ),
  );
}

/** Whether it was worth the page: asked once somebody has taken it. */
function rating(incident, words, act) {
  if (!taken(incident) || !incident.paged) return null;
  const choice = (noise, text) => element(
    "button",
    {
      type: "button", class: "chip", "data-focus": `rate-${noise}-${incident.id}`,
      "aria-pressed": String(incident.noise === noise),
      on: {click: () => act.rate(incident.id, noise)},
    },
    text,
  );
  return element(
    "div",
    {class: "rating", role: "group", "aria-label": words.rating},
    choice(false, words.wasWorth),
    choice(true, words.wasNoise),
  );
}
