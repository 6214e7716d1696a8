// The page of one execution: asks for its state while it can change, and shows it.

import { executionActions, taskActions } from "./actions.js";
import { get, mayNot, names, poll, url } from "./api.js";
import { compose } from "./compose.js";
import { Diagram, legend } from "./diagram.js";
import { at, h, set, write } from "./dom.js";
import { jsonBlock } from "./json.js";
import { Iterations, Tasks, fullRef, isOpen } from "./model.js";
import { Panel } from "./panel.js";
import { records } from "./records.js";
import { startForm } from "./start.js";
import { Timeline } from "./timeline.js";
import { badge, plainly, span, timeElement } from "./words.js";

const EVERY_MS = 1500;
const [id] = names;
const parts = new Map();
let chosen = null;
let sent = null;
let refresh = () => {};

const isOver = (execution) => execution.status !== "RUNNING" && execution.status !== "PAUSED";

const diagram = new Diagram(at("diagram"), {
  onSelect: (node) => select(node.id),
  onLoop: (node, number, last) => {
    node.part.iterations.choose(node.node.id, number, last);
    draw();
  },
  onOpen: toggle,
});
const timeline = new Timeline(at("timeline"), (task) => {
  const part = parts.get(id);
  const node = part.graph.nodes.find((one) => one.id === task.ref);
  if (!node) return;
  node.loops.forEach((loop, depth) => part.iterations.choose(loop, task.path[depth], part.iterations.last(loop, task.path.slice(0, depth))));
  select(task.ref);
});
const panel = new Panel(at("panel"), (of) => taskActions({ ...of, verbs: parts.get(of.executionId).verbs }, () => refresh()));

/** Asks for what has changed of an execution; `anew`: for all of it. What is known stays until the answer is there. */
async function take(execution, anew = false) {
  const before = anew ? null : parts.get(execution);
  const { execution: state, verbs } = await get(["execution", execution], { since: before ? before.execution.since : null });
  let part = before;
  if (!part || part.execution.program !== state.program || part.execution.run !== state.run) {
    const graph = await get(["graph", state.program]);
    const tasks = new Tasks();
    part = { id: execution, graph, tasks, iterations: new Iterations(graph, tasks) };
    if (before) return take(execution, true);
  }
  part.tasks.take(state.tasks);
  part.execution = { ...state, tasks: undefined };
  part.verbs = verbs;
  part.skew = state.now - Date.now();
  parts.set(execution, part);
  return part;
}

function select(nodeId, quietly) {
  chosen = nodeId;
  diagram.choose(nodeId);
  draw();
  if (quietly) return;
  if (matchMedia("(max-width: 1100px)").matches) at("panel").scrollIntoView({ block: "start" });
  if (find(nodeId)) history.replaceState(null, "", `#task=${encodeURIComponent(nodeId)}`);
}

async function toggle(node) {
  const child = node.state.task.sub_workflow_id;
  if (parts.has(child)) parts.delete(child);
  else await take(child);
  draw();
  refresh();
}

let picture = null;

/** A node of the picture, also one inside of a stack. */
function find(nodeId) {
  for (const node of picture.nodes) {
    if (node.id === nodeId) return node;
    const inside = node.inside && node.inside.find((one) => one.id === nodeId);
    if (inside) return inside;
  }
  return null;
}

function draw() {
  const part = parts.get(id);
  const now = Date.now() + part.skew;
  for (const one of parts.values()) one.execution.now = now;
  picture = compose(part, parts);
  diagram.show(picture, now);
  const node = find(chosen);
  timeline.show(part.tasks.all(), part.execution, now);
  timeline.choose(node && node.state.task && node.part === part ? fullRef(node.state.task) : null);
  if (node && node.inside) panel.showStack(node, (one) => select(one.id), now);
  else if (node) panel.show(node, node.part.id, node.state.attempts, node.part.execution, now);
  drawHead(part, now);
}

function drawHead(part, now) {
  const { execution, verbs } = part;
  document.title = `${execution.name} · ${execution.status.toLowerCase()} · Workflows · Flower`;
  const seen = JSON.stringify([execution.status, verbs, execution.run]);
  if (sent !== seen) {
    sent = seen;
    at("head").replaceChildren(
      h("div", { class: "p-title" }, h("h1", {}, h("a", { class: "p-quiet", href: url(["definition", execution.name], { version: execution.version }) }, execution.name), h("span", { class: "p-version" }, ` v${execution.version}`)), badge(execution.status), h("code", { class: "p-id" }, execution.id)),
      h("div", { class: "p-head-actions" }, executionActions(execution, verbs, () => refresh()), mayNot ? null : h("button", { type: "button", class: "btn btn-sm btn-outline-secondary", onclick: () => startLike(execution) }, "Start like this one"), mayNot ? h("span", { class: "p-tag", title: mayNot }, "read only") : null),
    );
    loadPayload();
  }
  drawFacts(execution, now);
  drawBanner(execution);
}

function drawFacts(execution, now) {
  const link = (other) => h("a", { class: "p-mono", href: url(["execution", other]) }, other);
  const facts = [
    ["Started", timeElement(execution.created, now)],
    [execution.ended ? "Took" : "Running for", span((execution.ended || now) - execution.created)],
    execution.ended ? ["Ended", timeElement(execution.ended, now)] : null,
    execution.correlation_id ? ["Correlation id", h("a", { href: url([], { correlation: execution.correlation_id }) }, execution.correlation_id)] : null,
    execution.parent_id ? ["Parent", link(execution.parent_id)] : null,
    execution.compensates ? ["Undoes", link(execution.compensates)] : null,
    execution.compensated_by ? ["Undone by", link(execution.compensated_by)] : null,
    execution.priority ? ["Priority", String(execution.priority)] : null,
    execution.run > 1 ? ["Run", String(execution.run)] : null,
    execution.created_by ? ["Started by", execution.created_by] : null,
  ].filter(Boolean);
  const place = at("facts");
  const seen = JSON.stringify(facts.map(([name]) => name));
  if (place.dataset.seen !== seen) {
    place.dataset.seen = seen;
    place.replaceChildren(...facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
  } else write(place.children[1].lastElementChild, facts[1][1]);
}

function drawBanner(execution) {
  const bad = execution.status === "FAILED" || execution.status === "TIMED_OUT";
  const tone = bad ? "bad" : execution.status === "TERMINATED" ? "muted" : execution.status === "PAUSED" ? "paused" : "plain";
  const cause = bad && execution.failed_ref;
  const warnings = [
    ...execution.idle_queues.filter((queue) => !execution.explanation.includes(`queue ${queue}`)).map((queue) => `No worker listens on queue ${queue}.`),
    ...execution.unknown_workers.filter((name) => !execution.explanation.includes(`'${name}'`)).map((name) => `No worker has the task ${name}; an outside worker has to poll for it.`),
  ];
  const stuck = execution.idle_queues.length + execution.unknown_workers.length > warnings.length;
  const seen = JSON.stringify([tone, execution.explanation, warnings, cause]);
  const place = at("banner");
  if (place.dataset.seen === seen) return;
  place.dataset.seen = seen;
  place.replaceChildren(
    h("p", { class: "p-banner", "data-tone": stuck ? "waiting" : tone, id: "explanation" }, plainly(execution.explanation), cause ? h("button", { type: "button", class: "p-link", onclick: () => chooseFailed(execution) }, `Show ${execution.failed_ref}`) : null),
    ...warnings.map((text) => h("p", { class: "p-banner", "data-tone": "waiting" }, text)),
  );
}

function chooseFailed(execution) {
  const part = parts.get(id);
  const task = part.tasks.byId.get(execution.failed_task_id);
  if (!task) return;
  timeline.onSelect(task);
  if (diagram.nodes.has(task.ref)) diagram.reveal(task.ref);
}

async function startLike(execution) {
  const { input } = await get(["execution", id, "payload"]);
  await startForm({ name: execution.name, version: execution.version, input, correlationId: execution.correlation_id });
}

async function loadPayload() {
  const { input, output, variables } = await get(["execution", id, "payload"]);
  at("payload").replaceChildren(jsonBlock("Input", input), jsonBlock("Output", output), jsonBlock("Variables", variables));
}

async function look() {
  await Promise.all([...parts.keys(), ...(parts.has(id) ? [] : [id])].map((one) => take(one)));
  const first = picture === null;
  draw();
  if (first) begin(parts.get(id).execution);
  return [...parts.values()].every((part) => isOver(part.execution)) ? null : EVERY_MS;
}

function begin(execution) {
  const wanted = decodeURIComponent((location.hash.match(/^#task=(.*)$/) || [])[1] || "");
  if (wanted && find(wanted)) select(wanted);
  else if (execution.failed_task_id) chooseFailed(execution);
  else {
    const open = picture.nodes.find((node) => node.state.task && isOpen(node.state.status) && !["JOIN", "DO_WHILE"].includes(node.type));
    if (open) {
      select(open.id, true);
      diagram.reveal(open.id);
    }
  }
}

function trouble(error) {
  const place = at("trouble");
  place.hidden = error === null;
  write(place, error === null ? "" : error.message);
}

at("larger").addEventListener("click", () => diagram.zoom(1.25));
at("smaller").addEventListener("click", () => diagram.zoom(0.8));
at("fit").addEventListener("click", () => diagram.fit(true));
set(at("download"), "href", url(["data", "execution", id, "download"]));
at("legend").replaceChildren(...legend(["COMPLETED", "IN_PROGRESS", "WAITING", "SCHEDULED", "FAILED", "CANCELED"]));
at("timeline-legend").replaceChildren(h("span", { class: "p-key" }, h("span", { class: "p-time p-swatch", "data-kind": "queue", "data-tone": "queued" }), "in the queue"), h("span", { class: "p-key" }, h("span", { class: "p-time p-swatch", "data-kind": "run", "data-tone": "active" }), "running"));
records(id);
refresh = poll(look, trouble);
setInterval(() => {
  if (picture && !document.hidden && !isOver(parts.get(id).execution)) draw();
}, 500);
