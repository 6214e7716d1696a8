// The list of definitions: workflows with their last day, task definitions, event handlers, schedules.

import { get, poll, url } from "./api.js";
import { at, h, keyed, set, write } from "./dom.js";
import { table } from "./table.js";
import { count, span, timeElement } from "./words.js";

const EVERY_MS = 15000;
let registry = null;

const share = (day) => (day.runs ? `${Math.round((100 * day.failed) / day.runs)} %` : "–");
const bad = (day) => h("span", day.failed ? { class: "p-strong", "data-tone": "bad" } : { class: "p-faint" }, share(day));
const cut = (text) => (text ? h("span", { title: text }, text) : null);

const KINDS = {
  workflows: {
    label: "workflows",
    empty: "No workflow is registered. Register one: podium register FILE",
    key: (one) => one.name,
    columns: [
      ["Name", (one) => h("a", { href: url(["definition", one.name]) }, one.name)],
      ["Versions", (one) => (one.versions.length > 6 ? `${one.versions.length} versions, the last is ${one.version}` : one.versions.map((version) => h("a", { class: "p-version-link", href: url(["definition", one.name], { version }) }, `v${version}`)))],
      ["Description", (one) => cut(one.description), { class: "p-reason" }],
      ["Runs, last day", (one) => h("a", { href: url([], { name: one.name, within: 86400 }) }, count(one.day.runs) + (one.day.capped ? "+" : "")), { number: true }],
      ["Failed", (one) => bad(one.day), { number: true }],
      ["Running", (one) => count(one.day.running), { number: true }],
      ["Half took less than", (one) => (one.day.p50 === null ? "–" : span(one.day.p50)), { number: true }],
      ["Changed", (one) => timeElement(one.updateTime, registry.now)],
    ],
  },
  tasks: {
    label: "tasks",
    empty: "No task definition is registered: tasks have the defaults (3 retries, a minute apart).",
    key: (one) => one.name,
    columns: [
      ["Name", (one) => one.name],
      ["Description", (one) => cut(one.description), { class: "p-reason" }],
      ["Retries", (one) => `${one.retryCount ?? 3}, ${(one.retryLogic || "FIXED").toLowerCase().replaceAll("_", " ")}, ${one.retryDelaySeconds ?? 60} s`],
      ["Timeout", (one) => (one.timeoutSeconds ? `${one.timeoutSeconds} s` : "–"), { number: true }],
      ["No sign of life", (one) => `${one.responseTimeoutSeconds ?? 3600} s`, { number: true }],
      ["At a time", (one) => (one.concurrentExecLimit ? count(one.concurrentExecLimit) : "any number"), { number: true }],
      ["Rate", (one) => (one.rateLimitPerFrequency ? `${one.rateLimitPerFrequency} in ${one.rateLimitFrequencyInSeconds ?? 1} s` : "–"), { number: true }],
    ],
  },
  handlers: {
    label: "event handlers",
    empty: "No event handler is registered.",
    key: (one) => one.name,
    columns: [
      ["Name", (one) => one.name],
      ["Event", (one) => h("code", {}, one.event)],
      ["Condition", (one) => (one.condition ? h("code", { title: one.condition }, one.condition) : "–"), { class: "p-reason" }],
      ["Actions", (one) => (one.actions || []).map((action) => action.action).join(", ")],
      ["Active", (one) => (one.active === false ? "no" : "yes")],
    ],
  },
  schedules: {
    label: "schedules",
    empty: "No schedule is registered.",
    key: (one) => one.name,
    columns: [
      ["Name", (one) => one.name],
      ["Workflow", (one) => h("a", { href: url(["definition", (one.startWorkflowRequest || {}).name || ""]) }, (one.startWorkflowRequest || {}).name || "")],
      ["When", (one) => h("code", {}, one.cronExpression || (one.cronSchedules || []).map((cron) => cron.cronExpression).join(", "))],
      ["Time zone", (one) => one.zoneId],
      ["Next", (one) => timeElement(one.nextRunTime, registry.now)],
      ["State", (one) => (one.paused ? `paused${one.pausedReason ? `: ${one.pausedReason}` : ""}` : "active")],
    ],
  },
};
for (const kind of Object.values(KINDS)) kind.table = table(kind.label, kind.columns, kind.key);

const chosen = () => (location.hash.slice(1) in KINDS ? location.hash.slice(1) : "workflows");

function draw() {
  const current = chosen();
  keyed(at("kinds"), Object.keys(KINDS), (name) => name, (name) => h("a", { class: "p-pill", href: `#${name}` }, h("span", {}, KINDS[name].label), h("span", { class: "p-pill-count" })), (pill, name) => {
    write(pill.lastElementChild, String(registry[name].length));
    set(pill, "aria-current", name === current ? "true" : null);
  });
  const kind = KINDS[current];
  const wanted = at("find").value.trim().toLowerCase();
  const rows = registry[current].filter((one) => !wanted || `${one.name} ${one.description || ""}`.toLowerCase().includes(wanted));
  if (at("list").firstElementChild !== kind.table.element) at("list").replaceChildren(kind.table.element);
  kind.table.fill(rows);
  kind.table.element.hidden = rows.length === 0;
  at("empty").hidden = rows.length > 0;
  write(at("empty"), wanted ? "Nothing has this in its name or description." : kind.empty);
}

async function look() {
  registry = await get(["definitions"]);
  draw();
  return EVERY_MS;
}

at("find").addEventListener("input", () => registry && draw());
window.addEventListener("hashchange", () => registry && draw());
poll(look, (error) => {
  at("trouble").hidden = error === null;
  write(at("trouble"), error ? error.message : "");
});
