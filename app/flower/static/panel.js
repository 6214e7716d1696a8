// The panel of a task: its state, its attempts, what went in and came out, its log, and what can be done.

import { get, url } from "./api.js";
import { h } from "./dom.js";
import { jsonBlock } from "./json.js";
import { fullRef, isOpen, shownStatus } from "./model.js";
import { badge, moment, plainly, span } from "./words.js";

/** Branches that are listed of a wide fork. */
const STACKED = 300;

/** The panel in an element; `actionsOf({ref, task, executionId, detail})` gives the buttons of a task. */
export class Panel {
  constructor(place, actionsOf) {
    this.place = place;
    this.actionsOf = actionsOf;
    this.shown = null;
    this.empty();
  }

  /** Says what to do while nothing is chosen. */
  empty() {
    this.shown = null;
    this.place.replaceChildren(h("p", { class: "p-empty" }, "Choose a task in the diagram or the timeline to see its input, output, attempts and log."));
  }

  /** Shows a node: the latest of its attempts, or the chosen one. `executionId` is whose it is. */
  show(node, executionId, attempts, execution, now) {
    delete this.place.dataset.stack;
    const chosen = this.shown && this.shown.key === node.id ? this.shown.attempt : null;
    const task = attempts.find((one) => one.attempt === chosen) || attempts.at(-1);
    const seen = JSON.stringify([node.id, task, attempts.length, execution.status]);
    if (this.shown && this.shown.seen === seen) {
      this.#times(task, now);
      return;
    }
    this.shown = { key: node.id, attempt: task === attempts.at(-1) ? null : task.attempt, seen };
    if (!task) {
      const ref = [node.label, ...node.state.path].join("__");
      const actions = node.state.status === "NOT_TAKEN" ? [] : this.actionsOf({ ref, task: null, executionId, detail: () => null });
      this.place.replaceChildren(this.#head(node.label, node, null), h("div", { class: "p-panel-actions" }, actions), h("p", { class: "p-empty" }, node.state.status === "NOT_TAKEN" ? "The execution went another way." : "It has not been reached."));
      return;
    }
    const again = () => this.show(node, executionId, attempts, execution, now);
    this.body = this.bodyOf === task.id + task.updated ? this.body : h("div", { class: "p-panel-body" }, h("p", { class: "p-faint" }, "Loading …"));
    this.facts = h("dl", { class: "p-panel-facts" });
    this.place.replaceChildren(
      this.#head(fullRef(task), node, task, now),
      attempts.length > 1 ? this.#attempts(attempts, task, again, now) : "",
      this.facts,
      task.reason ? h("div", { class: "p-error", "data-tone": isOpen(task.status) ? "waiting" : task.status === "CANCELED" ? "muted" : "bad" }, plainly(task.reason)) : "",
      h("div", { class: "p-panel-actions" }, this.actionsOf({ ref: fullRef(task), task, executionId, detail: () => (this.loaded && this.loaded.id === task.id ? this.loaded : null) })),
      this.body,
    );
    this.#times(task, now);
    if (this.bodyOf !== task.id + task.updated) this.#load(task, executionId);
  }

  /** Shows the branches of a wide fork, those that failed first; `choose(node)` shows one of their tasks. */
  showStack(stack, choose, now) {
    this.shown = { key: stack.id, attempt: null, seen: "" };
    const order = stack.state.counts.map(([status]) => status);
    const listed = [...stack.inside].sort((a, b) => order.indexOf(a.state.status) - order.indexOf(b.state.status));
    const seen = JSON.stringify(listed.map((node) => [node.id, node.state.status]));
    if (this.stackSeen === seen && this.place.dataset.stack === stack.id) return;
    this.stackSeen = seen;
    this.place.dataset.stack = stack.id;
    const line = (node) => h("li", {}, h("button", { type: "button", class: "p-stack-line", onclick: () => choose(node) }, h("span", { class: "p-cut" }, node.label), badge(node.state.status)));
    const more = listed.length > STACKED ? h("p", { class: "p-faint p-note-text" }, `and ${listed.length - STACKED} more, in the timeline`) : "";
    this.place.replaceChildren(h("header", { class: "p-panel-head" }, h("div", {}, h("h2", {}, stack.node.name), h("p", { class: "p-faint" }, stack.label))), h("ul", { class: "p-stack" }, listed.slice(0, STACKED).map(line)), more);
  }

  #head(label, node, task, now) {
    const kind = node.type === "SIMPLE" ? node.node.name : node.type;
    return h("header", { class: "p-panel-head" }, h("div", {}, h("h2", {}, label), h("p", { class: "p-faint" }, kind)), badge(task ? shownStatus(task, now) : node.state.status));
  }

  #attempts(attempts, task, again, now) {
    const choose = (one) => () => {
      this.shown = { ...this.shown, attempt: one.attempt, seen: "" };
      again();
    };
    return h("div", { class: "p-attempts", role: "group", "aria-label": "Attempts" }, attempts.map((one) => h("button", { type: "button", class: "p-attempt", "aria-pressed": String(one === task), onclick: choose(one) }, `Attempt ${one.attempt + 1}`, badge(shownStatus(one, now)))));
  }

  #times(task, now) {
    if (!task) return;
    const queued = task.started ? task.started - task.scheduled : (task.ended || now) - task.scheduled;
    const facts = [
      ["Scheduled", moment(task.scheduled, now)],
      [task.started ? "In the queue" : "Waits since", span(queued)],
      task.started ? [task.ended ? "Ran" : shownStatus(task, now) === "WAITING" ? "Waiting for" : "Running for", span((task.ended || now) - task.started)] : null,
      task.worker ? ["Worker", task.worker] : null,
      task.queue ? ["Queue", task.queue] : null,
      !task.ended && task.due_at ? [task.wake === "timeout" ? "Times out in" : "Looked at in", span(task.due_at - now)] : null,
    ];
    this.facts.replaceChildren(...facts.filter(Boolean).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
  }

  async #load(task, executionId) {
    const wanted = task.id + task.updated;
    this.bodyOf = wanted;
    const body = this.body;
    try {
      const { detail, celeryId } = await get(["execution", executionId, "task", task.id]);
      this.loaded = detail.task;
      const links = [
        task.sub_workflow_id ? h("a", { href: url(["execution", task.sub_workflow_id]) }, "Sub-workflow") : null,
        celeryId ? h("a", { href: `${url([]).replace(/\/workflows$/, "")}/task/${encodeURIComponent(celeryId)}` }, "Celery task") : null,
      ].filter(Boolean);
      body.replaceChildren(
        links.length ? h("p", { class: "p-links" }, links) : "",
        jsonBlock("Input", detail.task.input),
        jsonBlock("Output", detail.task.output),
        detail.log.length ? this.#log(detail.log) : "",
        detail.polls > 1 || detail.sends ? h("p", { class: "p-faint p-small" }, `Handed to a worker ${detail.polls} times, its message sent again ${detail.sends} times.`) : "",
      );
    } catch (error) {
      if (this.bodyOf === wanted) this.bodyOf = null;
      body.replaceChildren(h("p", { class: "p-error", "data-tone": "bad" }, error.message));
    }
  }

  #log(lines) {
    return h("section", { class: "p-json" }, h("div", { class: "p-json-head" }, h("h3", {}, "Log")), h("ol", { class: "p-log", tabindex: "0", "aria-label": "Log" }, lines.map(([time, level, text]) => h("li", { "data-level": level }, h("time", {}, moment(time, Date.now())), h("b", {}, level.toLowerCase()), h("span", {}, text)))));
  }
}
