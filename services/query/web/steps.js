// What to do now: the steps of an incident's plan, each with its owner and its clock.

import {element} from "/web/dom.js";
import {foldOf, folding} from "/web/folds.js";

const SOON_MS = 120_000;

/** The checklist, open while something is to be done and `urgent`; null where there is no plan. */
export function checklist(incident, words, act, now, urgent) {
  const steps = incident.steps ?? [];
  if (!steps.length) return null;
  const done = steps.filter((step) => step.done_by).length;
  const next = steps.find((step) => !step.done_by);
  return foldOf(
    folding(`steps-${incident.id}`, urgent && next !== undefined),
    [
      element("span", {class: "what-to-do"}, words.whatToDo),
      element("span", {class: "progress"}, words.stepsDone(done, steps.length)),
    ],
    [
      element("p", {class: "playbook"}, words.of(incident.playbook?.title)),
      element(
        "ol",
        {},
        ...steps.map((step) => stepItem(incident, step, step === next, words, act, now)),
      ),
    ],
  );
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
        disabled: isDone || incident.state === "resolved",
        "aria-label": isDone ? text : words.markDone(text), "aria-pressed": String(isDone),
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
      class: `clock${late ? " late" : left < SOON_MS ? " soon" : ""}`,
      datetime: step.due_at, title: words.fullTime(new Date(step.due_at)),
    },
    late ? words.overdue(words.span(-left)) : words.dueIn(words.span(left)),
  );
}
