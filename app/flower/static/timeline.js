// The timeline: a line for each task, a bar for each attempt, the time in the queue hatched.

import { h, keyed, set, write } from "./dom.js";
import { fullRef, isOpen, shownStatus } from "./model.js";
import { span, toneOf, wordOf } from "./words.js";

const MOST = 200;
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 216e5, 432e5, 864e5, 1728e5, 6048e5];

/** The timeline in an element; `onSelect(task)` is called back. */
export class Timeline {
  constructor(place, onSelect) {
    this.onSelect = onSelect;
    this.all = false;
    this.axis = h("div", { class: "p-axis", "aria-hidden": "true" });
    this.rows = h("ol", { class: "p-lines" });
    this.more = h("button", { type: "button", class: "btn btn-sm btn-outline-secondary p-more", onclick: () => this.#showAll() });
    place.replaceChildren(this.axis, this.rows, this.more);
  }

  /** Shows tasks from the beginning of an execution to its end or now. */
  show(tasks, execution, now) {
    this.last = [tasks, execution, now];
    const lines = new Map();
    for (const task of tasks) {
      const ref = fullRef(task);
      if (!lines.has(ref)) lines.set(ref, { ref, attempts: [] });
      lines.get(ref).attempts.push(task);
    }
    const listed = [...lines.values()];
    const shown = this.all ? listed : listed.slice(0, MOST);
    const from = execution.created;
    const ends = tasks.map((task) => task.ended || task.started || task.scheduled);
    const to = Math.max(from + 1, execution.ended || now, ...(execution.ended ? ends : []));
    this.#drawAxis(to - from);
    keyed(this.rows, shown, (line) => line.ref, (line) => this.#make(line), (element, line) => this.#update(element, line, from, to, now));
    this.more.hidden = shown.length === listed.length;
    write(this.more, `Show all ${listed.length} tasks`);
  }

  /** Marks the line of a task. */
  choose(ref) {
    for (const line of this.rows.children) set(line, "data-chosen", line.dataset.key === ref ? "" : null);
  }

  #showAll() {
    this.all = true;
    this.show(...this.last);
  }

  #drawAxis(length) {
    const most = Math.max(2, Math.floor(this.axis.clientWidth / 84));
    const step = STEPS.find((one) => length / one <= most) || STEPS.at(-1);
    const ticks = [];
    for (let time = 0; time <= length; time += step) ticks.push(time);
    keyed(this.axis, ticks, (time) => time, (time) => h("span", {}, time ? span(time) : "0"), (element, time) => {
      element.style.left = `${(100 * time) / length}%`;
    });
  }

  #make(line) {
    const button = h("button", { type: "button", class: "p-line-name", onclick: () => this.onSelect(line.attempts.at(-1)) }, line.ref);
    return h("li", { class: "p-line" }, button, h("div", { class: "p-track" }));
  }

  #update(element, line, from, to, now) {
    const bars = line.attempts.flatMap((task) => barsOf(task, now));
    const latest = line.attempts.at(-1);
    const status = shownStatus(latest, now);
    const end = latest.ended || now;
    const label = `${line.ref}, ${wordOf(status)}, ${span(end - line.attempts[0].scheduled)}${line.attempts.length > 1 ? `, ${line.attempts.length} attempts` : ""}`;
    set(element.firstElementChild, "aria-label", label);
    set(element.firstElementChild, "title", label);
    set(element, "data-tone", toneOf(status));
    keyed(element.lastElementChild, bars, (bar) => bar.key, () => h("span", { class: "p-time" }), (drawn, bar) => {
      set(drawn, "data-kind", bar.kind);
      set(drawn, "data-tone", bar.tone);
      set(drawn, "data-growing", bar.growing ? "" : null);
      set(drawn, "title", bar.title);
      drawn.style.left = `${(100 * (bar.from - from)) / (to - from)}%`;
      drawn.style.width = `${(100 * Math.max(0, bar.to - bar.from)) / (to - from)}%`;
    });
  }
}

function barsOf(task, now) {
  const status = shownStatus(task, now);
  const number = task.attempt + 1;
  const begun = task.started === null ? task.ended || now : task.started;
  const bars = [];
  if (begun > task.scheduled) {
    bars.push({ key: `${task.id} queue`, kind: "queue", tone: "queued", from: task.scheduled, to: begun, growing: !task.started && isOpen(status), title: `attempt ${number}: queued ${span(begun - task.scheduled)}` });
  }
  if (task.started !== null) {
    const end = task.ended || now;
    bars.push({ key: `${task.id} run`, kind: "run", tone: toneOf(status), from: task.started, to: end, growing: !task.ended, title: `attempt ${number}: ${wordOf(status)}, ${span(end - task.started)}` });
  }
  return bars;
}
