// The open incidents: how bad, since when, who is on it, what to do now.

import {background, failedPages} from "/web/background.js";
import {byId, element} from "/web/dom.js";

const OPENED = new Set(); // what a person opened or closed by hand, by key
const CLOSED = new Set();

/**
 * Shows the incidents, first those that nobody has taken. `act` has acknowledge(id),
 * stepDone(id, step), resolve(id) and full(id). `asked` is the id that a link led to.
 * A card that has not changed stays as it is, with its focus and what is selected in it.
 */
export function showIncidents(incidents, words, act, asked) {
  const ordered = [...incidents].sort(
    (a, b) => taken(a) - taken(b) || b.level - a.level || a.opened_at.localeCompare(b.opened_at),
  );
  const focused = document.activeElement?.closest("[data-focus]")?.dataset.focus;
  const list = byId("incident-list");
  const now = Date.now();
  const before = new Map([...list.children].map((node) => [node.id, node]));
  const cards = ordered.length
    ? ordered.map((incident) => card(incident, words, act, now, incident.id === asked))
    : [element("p", {class: "empty calm"}, words.noIncidents)];
  const shown = cards.map((node) => (before.get(node.id)?.isEqualNode(node) ? before.get(node.id) : node));
  if (shown.length !== list.children.length || shown.some((node, i) => node !== list.children[i])) {
    list.replaceChildren(...shown);
    if (focused) document.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
  }
  summarise(ordered.filter((incident) => incident.state !== "resolved"), words);
}

const taken = (incident) =>
  incident.state === "resolved" ? 2 : incident.state === "acknowledged" ? 1 : 0;

function summarise(incidents, words) {
  const burning = incidents.filter((incident) => !taken(incident)).length;
  const state = burning ? "burns" : incidents.length ? "held" : "calm";
  const title = burning
    ? words.burnsTitle(burning)
    : incidents.length ? words.heldTitle(incidents.length) : words.calmTitle;
  byId("summary").dataset.state = state;
  setText(byId("summary-title"), title);
  setText(byId("summary-text"), words[`${state}Text`]);
  document.title = burning ? `(${burning}) Brandmelder` : "Brandmelder";
}

// A live region speaks on every change: an equal text must not count as one.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function card(incident, words, act, now, asked) {
  const opened = new Date(incident.opened_at);
  const title = element("h3", {id: `title-${incident.id}`}, headline(incident, words));
  return element(
    "article",
    {
      id: `incident-${incident.id}`,
      class: asked ? "card incident asked" : "card incident",
      "data-level": incident.level,
      "data-taken": taken(incident) ? "yes" : "no",
      "aria-labelledby": title.id,
    },
    scale(incident, words),
    title,
    element(
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
    ),
    ...failedPages(incident).map(({to, reason}) =>
      element("p", {class: "undelivered"}, words.pageFailed(to.slice(to.indexOf(":") + 1), reason))),
    owner(incident, words, act),
    checklist(incident, words, act, now),
    background(incident, words, act, folding(`background-${incident.id}`, false)),
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

// About one of Brandmelder's own sources, not about what people say.
const isOurs = (incident) => incident.watch === "operations";

// A title is kept in the language of the configuration; its plan's name is known in both.
function headline({title, playbook}, words) {
  const name = Object.values(playbook?.title ?? {}).find((text) => title.endsWith(text));
  return name ? title.slice(0, -name.length) + words.of(playbook.title) : title;
}

function scale(incident, words) {
  const bars = Array.from({length: 6}, (_, index) =>
    element("span", {class: index < incident.level ? "on" : "off"}));
  return element(
    "p",
    {class: "level"},
    element("span", {class: "bars", "aria-hidden": "true"}, ...bars),
    element("strong", {}, words.of(incident.level_name)),
    element("span", {class: "level-number"}, words.level(incident.level)),
  );
}

function owner(incident, words, act) {
  if (taken(incident) === 2) {
    return element("p", {class: "owner"}, words.endedBy(incident.resolved_by));
  }
  if (taken(incident)) {
    return element("p", {class: "owner"}, words.takenBy(incident.acknowledged_by));
  }
  return element(
    "div",
    {class: "claim"},
    element("p", {class: "owner missing"}, words.unclaimed),
    element(
      "button",
      {
        type: "button", class: "primary", "data-focus": `ack-${incident.id}`,
        on: {click: () => act.acknowledge(incident.id)},
      },
      words.acknowledge,
    ),
  );
}

function checklist(incident, words, act, now) {
  const steps = incident.steps ?? [];
  if (!steps.length) return null;
  const done = steps.filter((step) => step.done_by).length;
  const next = steps.find((step) => !step.done_by);
  const fold = folding(`steps-${incident.id}`, next !== undefined);
  return element(
    "details",
    {class: "fold", open: fold.open, on: {toggle: fold.remember}},
    element(
      "summary",
      {"data-focus": `steps-${incident.id}`},
      element("span", {class: "what-to-do"}, words.whatToDo),
      element("span", {class: "progress"}, words.stepsDone(done, steps.length)),
    ),
    element("p", {class: "playbook"}, words.of(incident.playbook?.title)),
    element(
      "ol",
      {},
      ...steps.map((step) => stepItem(incident, step, step === next, words, act, now)),
    ),
  );
}

/** Whether a fold is open, and what remembers that a person opened or closed it. */
function folding(key, usually) {
  return {
    open: OPENED.has(key) || (usually && !CLOSED.has(key)),
    remember({currentTarget: {open}}) {
      (open ? OPENED : CLOSED).add(key);
      (open ? CLOSED : OPENED).delete(key);
    },
  };
}

function stepItem(incident, step, isNext, words, act, now) {
  const text = words.of(step.text);
  const isDone = Boolean(step.done_by);
  return element(
    "li",
    {class: `step${isDone ? " done" : ""}${isNext ? " next" : ""}`},
    element(
      "button",
      {
        type: "button", class: "check", "data-focus": `step-${incident.id}-${step.id}`,
        disabled: isDone || taken(incident) === 2, "aria-label": isDone ? text : words.markDone(text),
        "aria-pressed": String(isDone),
        on: {click: () => act.stepDone(incident.id, step.id)},
      },
    ),
    element(
      "div",
      {},
      element("p", {class: "step-text"}, text),
      element(
        "p",
        {class: "step-facts"},
        element("span", {class: "step-owner"}, words.of(step.owner)),
        clock(step, words, now),
      ),
    ),
  );
}

function clock(step, words, now) {
  if (step.done_by) {
    const at = step.done_at ? words.time(new Date(step.done_at)) : "";
    return element("span", {class: "clock"}, words.doneBy(step.done_by, at));
  }
  if (!step.due_at) {
    return step.within ? element("span", {class: "clock"}, words.within(step.within)) : null;
  }
  const left = new Date(step.due_at) - now;
  const late = left < 0;
  return element(
    "time",
    {
      class: `clock${late ? " late" : left < 120_000 ? " soon" : ""}`,
      datetime: step.due_at, title: words.fullTime(new Date(step.due_at)),
    },
    late ? words.overdue(words.span(-left)) : words.dueIn(words.span(left)),
  );
}
