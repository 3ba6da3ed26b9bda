// How the sources are: one quiet line, and behind it a list with each one's reason.

import {byId, element} from "/web/dom.js";

const WELL = new Set(["new", "ok", "unchanged", "empty"]);

/**
 * Shows the sources of the API; null or none hides the line. What was not observed is said to be
 * unknown, never shown as zero.
 */
export function showSources(sources, words) {
  const fold = byId("sources");
  fold.hidden = !sources?.length;
  if (fold.hidden) return;
  const ill = sources.filter(isIll);
  setText(byId("sources-note"), ill.length ? words.sourcesIll(ill.length) : words.sourcesWell);
  fold.dataset.state = ill.length ? "ill" : "well";
  const items = [...ill, ...sources.filter((source) => !isIll(source))].map((s) => item(s, words));
  const list = byId("source-list");
  const same = items.length === list.children.length
    && items.every((node, index) => node.isEqualNode(list.children[index]));
  if (!same) list.replaceChildren(...items);
}

const isIll = (source) => !WELL.has(source.health);

function item(source, words) {
  const since = isIll(source) && source.since ? new Date(source.since) : null;
  return element(
    "li",
    {"data-ill": isIll(source) ? "yes" : "no"},
    element(
      "p",
      {class: "source-head"},
      element("strong", {}, source.id),
      element("span", {class: "source-health"}, words.healths[source.health] ?? source.health),
      since
        ? element("time", {datetime: source.since, title: words.fullTime(since)}, words.sinceTime(words.time(since)))
        : null,
    ),
    source.reason ? element("p", {class: "source-reason"}, source.reason) : null,
    element("p", {class: "source-facts"}, facts(source, words).join(" · ")),
  );
}

function facts({last_success: read, seen_a_day: seen, usual_a_day: usual, coverage}, words) {
  const posts = seen === null || seen === undefined
    ? words.postsUnknown
    : usual === null || usual === undefined
      ? words.postsSeen(words.number(seen))
      : words.postsSeenOfUsual(words.number(seen), words.number(Math.round(usual)));
  const day = coverage?.day;
  return [
    read ? words.lastRead(words.time(new Date(read))) : words.neverRead,
    posts,
    ...(typeof day === "number" && day < 0.99 ? [words.observed(words.share(day))] : []),
  ];
}

// The line is a live region: an equal text must not be read out again.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
