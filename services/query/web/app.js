// The first page: open incidents and the live mentions. A client of the public API.

import * as api from "/web/api.js";
import {loadChanged} from "/web/background.js";
import {showCosts} from "/web/costs.js";
import {askInDialog, wireDialogs} from "/web/dialogs.js";
import {byId, element} from "/web/dom.js";
import {showIncidents} from "/web/incidents.js";
import {MentionList} from "/web/mentions.js";
import * as session from "/web/session.js";
import {showSources} from "/web/sources.js";
import {follow} from "/web/stream.js";
import {LABELS, speak} from "/web/texts.js";

const INCIDENTS_EVERY_MS = 4000;
const RULES_EVERY_MS = 60_000;
const LOOKED_INTO = 10; // incidents at a time of which everything is loaded
const PAGE = 50;
const LOAD_AGAIN_MS = 5000;

let words = speak(session.language());
let incidents = null;
let asked = new URLSearchParams(location.search).get("incident"); // a page's link leads here
let ended = null; // the asked incident, when it is over
let sources = []; // null when this token or this server shows none
let rules = {items: [], at: 0}; // items null when this token or this server shows none
let connection = null; // how the stream is
let reachable = true; // whether the last request for the incidents was answered
let running = null; // AbortController of everything that goes on while signed in
let streaming = null; // AbortController of the present filter's stream
let again = null; // signal of the stream whose list is loaded anew after a gap
let query = new URLSearchParams(location.search).get("q") ?? "";
const list = new MentionList(words, showPause, correct);

start();

function start() {
  session.takeTokenFromAddress();
  wire();
  showLanguage();
  if (session.token()) enter();
  else askForToken("signInMissing");
}

function wire() {
  for (const button of byId("languages").children) {
    button.addEventListener("click", () => {
      session.keepLanguage(button.dataset.language);
      words = speak(button.dataset.language);
      showLanguage();
      list.speak(words);
      if (incidents) showIncidents(incidents, words, actions, asked);
    });
  }
  byId("sign-in-form").addEventListener("submit", (event) => {
    event.preventDefault();
    session.keepToken(byId("token").value.trim());
    byId("token").value = "";
    enter();
  });
  byId("filter").addEventListener("submit", (event) => {
    event.preventDefault();
    filterBy(byId("query").value);
  });
  byId("query").addEventListener("search", () => filterBy(byId("query").value));
  byId("pause").addEventListener("click", () => {
    list.pause(!list.paused);
    showPause(0);
  });
  wireDialogs();
  addEventListener("hashchange", () => {
    session.takeTokenFromAddress();
    if (session.token()) enter();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && running) loadIncidents();
  });
}

function showLanguage() {
  document.documentElement.lang = words.code;
  for (const node of document.querySelectorAll("[data-text]")) {
    node.textContent = words[node.dataset.text];
  }
  byId("languages").setAttribute("aria-label", words.language);
  for (const button of byId("languages").children) {
    button.setAttribute("aria-pressed", String(button.dataset.language === words.code));
  }
  byId("query").placeholder = words.queryExample;
  byId("shortcuts").setAttribute("aria-label", words.shortcutsLabel);
  byId("sign-in-title").textContent = words.signInTitle;
  const why = byId("sign-in-why").dataset.why;
  if (why) byId("sign-in-why").textContent = words[why];
  showShortcuts();
  showConnection(connection);
  showSources(sources, words);
  showCosts(rules.items, words);
  showPause(0);
  showEmpty();
}

// --- Signing in --------------------------------------------------------------------------------

function askForToken(why) {
  running?.abort();
  running = null;
  byId("page").hidden = true;
  byId("sign-in").hidden = false;
  byId("sign-in-why").dataset.why = why;
  byId("sign-in-why").textContent = words[why];
  showConnection(null);
  byId("token").focus();
}

function enter() {
  running?.abort();
  running = new AbortController();
  sources = [];
  rules = {items: [], at: 0};
  byId("sign-in").hidden = true;
  byId("page").hidden = false;
  byId("query").value = query;
  keepIncidentsFresh(running.signal);
  startStream();
}

/** Shows the sign-in when the error says so, and tells whether it did. */
function signedOut(error) {
  if (error.status !== 401 && error.status !== 403) return false;
  session.forgetToken();
  askForToken("signInWrong");
  return true;
}

// --- Incidents ---------------------------------------------------------------------------------

async function keepIncidentsFresh(signal) {
  while (!signal.aborted) {
    if (!document.hidden || incidents === null) await loadIncidents();
    await new Promise((resolve) => setTimeout(resolve, INCIDENTS_EVERY_MS));
  }
}

async function loadIncidents() {
  const note = byId("incidents-error");
  const first = incidents === null;
  try {
    const open = (await api.openIncidents()).items;
    incidents = [...open, ...(await askedAndEnded(open))];
    note.hidden = true;
  } catch (error) {
    if (signedOut(error)) return;
    note.textContent = words.incidentsFailed(words.failure(error));
    note.hidden = false;
    reachable = false;
    showConnection(connection);
    return;
  }
  reachable = true;
  showConnection(connection);
  showIncidents(incidents, words, actions, asked);
  if (first && asked) byId(`incident-${asked}`)?.scrollIntoView({block: "start"});
  if (await loadChanged(incidents, actions.full, LOOKED_INTO)) {
    showIncidents(incidents, words, actions, asked);
  }
  sources = await ifShown(sources, api.sources);
  showSources(sources, words);
  if (Date.now() - rules.at >= RULES_EVERY_MS) {
    rules = {items: await ifShown(rules.items, api.rules), at: Date.now()};
  }
  showCosts(rules.items, words);
}

/** The newest items; null, and not asked for again, where this token or this server shows none. */
async function ifShown(before, load) {
  if (before === null) return null;
  try {
    return (await load()).items;
  } catch (error) {
    return error.status === 403 || error.status === 404 ? null : before;
  }
}

/** The incident that the link led to, when it is no longer open. */
async function askedAndEnded(open) {
  if (!asked || open.some((incident) => incident.id === asked)) return [];
  try {
    ended ??= await api.incident(asked);
  } catch (error) {
    if (error.status !== 404) throw error;
    asked = null;
    return [];
  }
  return [ended];
}

const actions = {
  full: (id) => api.incident(id).catch(() => null),
  acknowledge: (id) => act(async (name) => api.acknowledge(id, name)),
  stepDone: (id, step) => act(async (name) => api.stepDone(id, step, name)),
  rate: (id, noise) =>
    act(async (name) => {
      const why = noise ? await askInDialog("noise-dialog", "noise-why") : "";
      if (why === null) return;
      await api.rate(id, name, noise, why);
      rules.at = 0;
    }),
  resolve: (id) =>
    act(async (name) => {
      const why = await askInDialog("resolve-dialog", "why");
      if (why) await api.resolve(id, name, why);
    }),
};

async function act(action) {
  const failed = (text) => {
    byId("incidents-error").textContent = text;
    byId("incidents-error").hidden = false;
  };
  if (await done(action, failed)) await loadIncidents();
}

/** Does what a person with a name wants done, and tells whether it was done. */
async function done(action, failed) {
  const name = session.personName() ?? (await askInDialog("name-dialog", "name"));
  if (!name) return false;
  session.keepPersonName(name);
  try {
    await action(name);
  } catch (error) {
    if (!signedOut(error)) failed(words.actionFailed(words.failure(error)));
    return false;
  }
  return true;
}

// --- Mentions ----------------------------------------------------------------------------------

function filterBy(text) {
  const wanted = text.trim();
  byId("query").value = wanted;
  if (wanted === query && streaming && !streaming.signal.aborted) return;
  query = wanted;
  const address = new URL(location.href);
  if (query) address.searchParams.set("q", query);
  else address.searchParams.delete("q");
  history.replaceState(null, "", address);
  showShortcuts();
  startStream();
}

// The stream is opened first and the list is loaded after it, so nothing falls between the two;
// what comes twice has the same id.
function startStream() {
  streaming?.abort();
  const mine = new AbortController();
  streaming = mine;
  running.signal.addEventListener("abort", () => mine.abort(), {once: true});
  byId("query-notes").replaceChildren();
  byId("stream-note").hidden = true;
  showConnection("connecting");
  let behind = true;
  const on = {
    open(resumed) {
      reachable = true;
      showConnection("live");
      byId("mention-list").classList.remove("stale");
      byId("stream-note").hidden = true;
      if (!resumed || behind) loadMentions(mine.signal).then((loaded) => { behind = !loaded; });
    },
    event: (event) => receive(event, mine.signal),
    lost: () => showConnection("lost"),
    refused: (error) => {
      if (!signedOut(error)) showRefusal(error);
    },
  };
  follow((lastId, signal) => api.mentionStream(query, lastId, signal), on, mine.signal);
}

function receive({type, data}, signal) {
  if (type === "mention") {
    list.add(JSON.parse(data));
  } else if (type === "corrected") {
    const {id, matches, mention} = JSON.parse(data);
    if (matches) list.place(mention);
    else list.remove(id);
  } else if (type === "deleted") {
    list.remove(JSON.parse(data).id);
  } else if (type === "gap" || type === "reset") {
    note(words.gap);
    loadAgain(signal);
  }
}

/** What went missing is loaded as soon as the store answers; until then asking once is enough. */
async function loadAgain(signal) {
  if (again === signal) return;
  again = signal;
  while (!signal.aborted && !(await loadMentions(signal))) {
    await new Promise((resolve) => setTimeout(resolve, LOAD_AGAIN_MS));
  }
  if (again === signal) again = null;
}

/** A person says what a mention is; null takes that back. */
async function correct(id, label) {
  const action = async (name) => {
    const shown = label === null ? api.takeLabelBack(id) : api.correctLabel(id, label, name);
    list.update(await shown);
  };
  await done(action, note);
}

async function loadMentions(signal) {
  list.awaitPage();
  try {
    const page = await api.mentions(query, PAGE, signal);
    list.replace(page.items);
    showWarnings(page.warnings);
    showEmpty();
    return true;
  } catch (error) {
    if (!signal.aborted && !signedOut(error)) note(words.streamFailed(words.failure(error)));
    return false;
  }
}

function note(text) {
  byId("stream-note").textContent = text;
  byId("stream-note").hidden = false;
}

function showRefusal(error) {
  showConnection(null);
  streaming.abort();
  byId("mention-list").classList.add("stale");
  const {position, detail} = error.problem;
  if (typeof position !== "number") {
    note(words.streamFailed(error.message));
    return;
  }
  const points = Array.from(query);
  const at = Math.min(position, points.length);
  byId("query-notes").replaceChildren(
    element("p", {class: "query-error"}, detail ?? error.message),
    element(
      "pre",
      {"aria-hidden": "true"},
      points.slice(0, at).join(""),
      element("mark", {}, points[at] ?? " "),
      points.slice(at + 1).join(""),
    ),
  );
}

function showWarnings(warnings) {
  byId("query-notes").replaceChildren(
    ...warnings.map((warning) => element("p", {class: "query-warning"}, warning.detail)),
  );
}

function showShortcuts() {
  const shortcuts = [["", words.all], ...LABELS.map((label) => [`label:${label}`, words.labels[label]])];
  byId("shortcuts").replaceChildren(
    ...shortcuts.map(([text, name]) =>
      element(
        "button",
        {
          type: "button", class: "chip", "data-label": text.slice("label:".length) || null,
          "aria-pressed": String(query === text),
          on: {click: () => filterBy(text)},
        },
        name,
      )),
  );
}

function showConnection(state) {
  connection = state;
  byId("connection").hidden = state === null;
  const shown = state === null || reachable ? state : "lost";
  const text = shown === null ? "" : words[shown];
  byId("connection").dataset.state = shown ?? "";
  if (byId("connection-text").textContent !== text) byId("connection-text").textContent = text;
}

function showPause(waiting) {
  const button = byId("pause");
  button.textContent = list?.paused ? words.resume(waiting) : words.pause;
  button.setAttribute("aria-pressed", String(Boolean(list?.paused)));
}

function showEmpty() {
  byId("mentions-empty").textContent = query ? words.nothingFound : words.nothingYet;
}
