// How bad it is: the level as bars and a name, and what speaks for it.

import {known} from "/web/background.js";
import {element} from "/web/dom.js";
import {foldOf, folding} from "/web/folds.js";

export function scale(incident, words) {
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

/**
 * Why it has this level, and as its last line what is missing to the next. Null where nothing was
 * measured, and until the whole incident is loaded.
 */
export function whyLevel(incident, words, open) {
  const evidence = known(incident.id)?.level_evidence;
  if (!evidence?.holds?.length) return null;
  const almost = words.of(evidence.almost);
  return foldOf(
    folding(`why-${incident.id}`, open),
    [element("span", {class: "what-to-do"}, words.whyLevel(incident.level))],
    [
      element(
        "ul",
        {class: "why-level"},
        ...evidence.holds.map((line) => element("li", {}, words.of(line))),
        almost ? element("li", {class: "almost"}, almost) : null,
      ),
    ],
  );
}
