// One definition: its diagram, its last day, its document, and what changed from one version to another.

import { get, mayNot, names, url } from "./api.js";
import { compose } from "./compose.js";
import { Diagram } from "./diagram.js";
import { differences } from "./differences.js";
import { at, h, set, write } from "./dom.js";
import { jsonBlock } from "./json.js";
import { Iterations, Tasks } from "./model.js";
import { durationsPlot, hoursPlot } from "./plots.js";
import { startForm } from "./start.js";
import { table } from "./table.js";
import { count, span } from "./words.js";

const [name] = names;
const wanted = new URLSearchParams(location.search).get("version");
let document_ = null;

function tasksOf(list) {
  return (list || []).flatMap((task) => [task, ...tasksOf([...Object.values(task.decisionCases || {}).flat(), ...(task.defaultCase || []), ...(task.forkTasks || []).flat(), ...(task.loopOver || [])])]);
}

const diagram = new Diagram(at("diagram"), {
  onSelect: (node) => choose(node.id),
  onLoop: () => {},
  onOpen: (node) => location.assign(url(["definition", node.node.name])),
});

function choose(id) {
  diagram.choose(id);
  const task = tasksOf(document_.tasks).find((one) => one.taskReferenceName === id);
  if (!task) return;
  const { taskReferenceName, name: called, type, inputParameters, ...rest } = task;
  at("panel").replaceChildren(h("header", { class: "p-panel-head" }, h("div", {}, h("h2", {}, taskReferenceName), h("p", { class: "p-faint" }, `${type || "SIMPLE"} ${called}`))), task.description ? h("p", { class: "p-note-text" }, task.description) : "", jsonBlock("Input parameters", inputParameters || {}), jsonBlock("Other fields", rest));
}

function drawHead(found) {
  const versions = h("select", { class: "form-select form-select-sm", "aria-label": "Version", onchange: () => location.assign(url(["definition", name], { version: versions.value })) }, found.versions.map((version) => h("option", { value: version, selected: version === found.definition.version }, `version ${version}`)));
  const start = h("button", { type: "button", class: "btn btn-sm btn-primary", onclick: () => startForm({ name, version: found.definition.version }), disabled: Boolean(mayNot), title: mayNot || null }, "Start");
  at("head").replaceChildren(h("div", { class: "p-title" }, h("h1", {}, name), versions), h("div", { class: "p-head-actions" }, h("a", { class: "btn btn-sm btn-outline-secondary", href: url([], { name }) }, "Executions"), start));
  document.title = `${name} · Workflows · Flower`;
  at("description").hidden = !found.definition.description;
  write(at("description"), found.definition.description || "");
}

function drawDiagram(graph) {
  const tasks = new Tasks();
  const part = { id: name, graph, tasks, iterations: new Iterations(graph, tasks), execution: { status: "DEFINITION", now: 0 } };
  diagram.show(compose(part, new Map()), 0);
  at("panel").replaceChildren(h("p", { class: "p-empty" }, "Choose a task in the diagram to see what it is given."));
}

function figure(label, value, plot, help) {
  return h("div", { class: "p-figure p-card", title: help || null }, h("div", {}, h("span", { class: "p-faint" }, label), h("strong", {}, value)), plot || null);
}

function drawFigures(day) {
  const rate = day.ended ? `${((100 * day.failed) / day.ended).toFixed(day.failed && day.failed < day.ended / 10 ? 1 : 0)} %` : "–";
  const some = day.capped ? "+" : "";
  at("figures").replaceChildren(
    figure("Runs, last day", count(day.runs) + some, hoursPlot(day.hours)),
    figure("Durations", day.p50 === null ? "–" : `p50 ${span(day.p50)} · p95 ${span(day.p95)}`, durationsPlot(day.durations), `of the newest ${count(day.measured)} that completed`),
    figure("Failed", rate, null, `${count(day.failed)} of ${count(day.ended)} that ended`),
    figure("Slowest task", day.tasks.length && day.tasks[0].mean ? day.tasks[0].ref : "–"),
    figure("Fails most", ([...day.tasks].sort((a, b) => b.failed / b.attempts - a.failed / a.attempts).find((one) => one.failed) || { ref: "–" }).ref),
  );
  const longest = Math.max(1, ...day.tasks.map((one) => one.mean || 0));
  const bar = (one) => {
    const meter = h("span", { class: "p-meter" });
    meter.style.width = `${(100 * (one.mean || 0)) / longest}%`;
    return h("div", { class: "p-meter-line" }, h("span", {}, one.mean === null ? "–" : span(one.mean)), meter);
  };
  const list = table("Tasks of the last day", [
    ["Task", (one) => one.ref, { class: "p-cut" }],
    ["Mean", bar],
    ["Failed", (one) => h("span", one.failed ? { class: "p-strong", "data-tone": "bad" } : { class: "p-faint" }, `${one.failed} of ${one.attempts}`), { number: true }],
  ], (one) => one.ref);
  list.fill(day.tasks);
  at("tasks").replaceChildren(day.tasks.length ? list.element : h("p", { class: "p-empty" }, "Nothing ran in the last day."));
}

async function compare(found, other) {
  if (!other) {
    write(at("document-title"), "Document");
    at("document").replaceChildren(jsonBlock(`Version ${found.definition.version}`, found.definition));
    return;
  }
  const before = await get(["definition"], { name, version: other });
  write(at("document-title"), `What changed from version ${other} to ${found.definition.version}`);
  at("document").replaceChildren(differences(before.definition, found.definition));
}

async function begin() {
  const [found, day] = await Promise.all([get(["definition"], { name, version: wanted }), get(["figures"], { name })]);
  document_ = found.definition;
  drawHead(found);
  drawFigures(day);
  drawDiagram(found.graph);
  const others = found.versions.filter((version) => version !== found.definition.version);
  at("other").replaceChildren(h("option", { value: "" }, others.length ? "nothing" : "no other version"), ...others.map((version) => h("option", { value: version }, `version ${version}`)));
  set(at("other"), "disabled", others.length ? null : "");
  at("other").addEventListener("change", () => compare(found, at("other").value));
  await compare(found, "");
}

at("larger").addEventListener("click", () => diagram.zoom(1.25));
at("smaller").addEventListener("click", () => diagram.zoom(0.8));
at("fit").addEventListener("click", () => diagram.fit(true));
begin().catch((error) => {
  at("trouble").hidden = false;
  write(at("trouble"), error.message);
});
