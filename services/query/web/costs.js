// What the pages cost: rule by rule, against its budget, and what people said they were worth.

import {byId, element} from "/web/dom.js";

/** Shows the rules of the API that paged anybody; null or none hides the fold. */
export function showCosts(rules, words) {
  const paging = (rules ?? []).filter(({weeks}) => weeks.some((pages) => pages > 0));
  byId("costs").hidden = !paging.length;
  if (!paging.length) return;
  const over = paging.filter((rule) => rule.over_budget).length;
  byId("costs-over").textContent = over ? words.rulesOver(over) : "";
  const shown = [
    element("p", {}, words.costsText(paging[0].weeks.length)),
    table(paging, words),
    ...proposals(paging, words),
  ];
  const body = byId("costs-body");
  const same = shown.length === body.children.length
    && shown.every((node, index) => node.isEqualNode(body.children[index]));
  if (!same) body.replaceChildren(...shown);
}

function table(rules, words) {
  const head = [words.rule, words.thisWeek, words.ratedNoise].map((text) =>
    element("th", {scope: "col"}, text));
  return element(
    "table",
    {},
    element("caption", {class: "unseen"}, words.costs),
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...rules.map((rule) => row(rule, words))),
  );
}

function row({rule, weeks, budget, over_budget: over, noise, useful}, words) {
  const rated = noise + useful;
  return element(
    "tr",
    {"data-over": over ? "yes" : null},
    element("th", {scope: "row"}, words.ruleName(rule)),
    element(
      "td",
      {},
      words.ofBudget(words.number(weeks[0]), words.number(budget)),
      over ? element("span", {class: "over"}, words.overBudget) : null,
    ),
    element("td", {}, rated ? words.countOf(words.number(noise), words.number(rated)) : words.unrated),
  );
}

function proposals(rules, words) {
  const items = rules.filter(({proposal}) => proposal).map(({rule, proposal}) =>
    element(
      "li",
      {},
      words.proposal({
        ...proposal,
        rule: words.ruleName(rule),
        measure: words.measures[proposal.measure] ?? proposal.measure,
        at_least: words.fraction(proposal.at_least),
      }),
    ));
  return items.length ? [element("h3", {}, words.proposals), element("ul", {}, ...items)] : [];
}
