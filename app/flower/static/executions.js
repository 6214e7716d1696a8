// The Executions page: filters live in the address, rows come from the server, the first page is live.

import { get, mayNot, poll, url } from "./api.js";
import { startAny } from "./start.js";
import { drawBulk } from "./bulk.js";
import { at, h, keyed, set, write } from "./dom.js";
import { badge, count, icon, moment, plainly, short, signOf, span, timeElement, toneOf, wordOf } from "./words.js";

const STATUSES = ["RUNNING", "PAUSED", "COMPLETED", "FAILED", "TIMED_OUT", "TERMINATED"];
const FIELDS = ["text", "name", "version", "within", "from", "to", "correlation", "parent"];
const EVERY_MS = 2000;
const form = at("filters");
const selected = new Map();
let shown = { rows: [], before: null };
let latest = 0;

let refresh = () => {};

const address = () => new URLSearchParams(location.search);

function visit(parameters, replace) {
  const query = parameters.toString();
  const next = url([]) + (query ? "?" + query : "");
  if (replace) history.replaceState(null, "", next);
  else history.pushState(null, "", next);
  selected.clear();
  draw();
  refresh();
}

function change(name, value, replace) {
  const parameters = address();
  parameters.delete("before");
  parameters.delete("after");
  if (value) parameters.set(name, value);
  else parameters.delete(name);
  visit(parameters, replace);
}

/** What the address asks for, as the server is asked. */
function asked() {
  const parameters = address();
  const query = {};
  for (const name of ["status", "text", "name", "version", "correlation", "parent", "before", "after", "limit"]) {
    query[name] = parameters.get(name);
  }
  const within = parameters.get("within");
  if (within === "between") {
    for (const name of ["from", "to"]) {
      const time = Date.parse(parameters.get(name) || "");
      query[name] = Number.isNaN(time) ? null : time;
    }
  } else if (within) query.from = Math.floor((Date.now() - Number(within) * 1000) / 1000) * 1000;
  return query;
}

function draw() {
  const parameters = address();
  for (const name of FIELDS) {
    const field = form.elements[name];
    if (document.activeElement !== field) field.value = parameters.get(name) || "";
  }
  form.querySelectorAll(".p-between").forEach((label) => (label.hidden = parameters.get("within") !== "between"));
  at("clear").hidden = !FIELDS.some((name) => parameters.get(name)) && !parameters.get("status");
  at("limit").value = parameters.get("limit") || "50";
  const first = !parameters.get("before") && !parameters.get("after");
  at("newest").disabled = first;
  at("newer").disabled = first;
}

function pill(status) {
  const label = status ? wordOf(status) : "all";
  return h(
    "button",
    { type: "button", class: "p-pill", "data-tone": status ? toneOf(status) : "none", onclick: () => change("status", status) },
    status ? icon(signOf(toneOf(status))) : null,
    h("span", {}, label),
    h("span", { class: "p-pill-count" }),
  );
}

function drawCounts(answer) {
  const current = address().get("status") || "";
  const { counts, capped, newest } = answer;
  keyed(at("statuses"), ["", ...STATUSES], (status) => status, pill, (button, status) => {
    const number = counts[status] || 0;
    const over = newest === null && number > capped;
    write(button.lastElementChild, status ? (over ? count(capped) + "+" : count(number)) : "");
    set(button, "aria-pressed", String(status === current));
    set(button, "title", status && newest !== null ? `of the newest ${count(newest)} that fit the filters` : null);
  });
  keyed(at("names"), answer.names, (name) => name, (name) => h("option", { value: name }));
}

function row(item) {
  return h("tr", { onclick: (event) => open(event, item.id) });
}

function open(event, id) {
  if (event.target.closest("a, input, button, label") || String(getSelection())) return;
  const target = url(["execution", id]);
  if (event.ctrlKey || event.metaKey) window.open(target, "_blank", "noopener");
  else location.assign(target);
}

function tick(item) {
  const box = h("input", {
    type: "checkbox",
    "aria-label": `Select execution ${item.id}`,
    onchange: () => {
      if (box.checked) selected.set(item.id, item);
      else selected.delete(item.id);
      said();
    },
  });
  box.checked = selected.has(item.id);
  return box;
}

function said() {
  for (const item of shown.rows) if (selected.has(item.id)) selected.set(item.id, item);
  at("all").checked = shown.rows.length > 0 && shown.rows.every((item) => selected.has(item.id));
  const seen = JSON.stringify([...selected.values()].map((item) => [item.id, item.status]));
  if (at("bulk").dataset.seen === seen) return;
  at("bulk").dataset.seen = seen;
  drawBulk({ chosen: selected, filters: asked, onChosen: choose, onDone: () => choose([]) });
}

/** Ticks these executions and no others, also those that are on no page that is shown. */
function choose(rows) {
  selected.clear();
  for (const row of rows) selected.set(row.id, row);
  at("rows").querySelectorAll("tr").forEach((line) => (line.querySelector("input").checked = selected.has(line.dataset.key)));
  said();
  refresh();
}

function filled(element, item, now) {
  const seen = JSON.stringify(item);
  const duration = element.querySelector(".p-duration");
  if (element.dataset.seen === seen && duration) {
    write(duration, span((item.ended || now) - item.created));
    return;
  }
  element.dataset.seen = seen;
  element.replaceChildren(
    h("td", { class: "p-tick" }, tick(item)),
    h("td", {}, badge(item.status)),
    h("td", {}, item.name, h("span", { class: "p-version" }, ` v${item.version}`)),
    h("td", {}, h("a", { class: "p-mono", href: url(["execution", item.id]), title: item.id }, short(item.id)), item.compensates ? h("span", { class: "p-tag" }, "compensation") : null, item.parent_id ? h("span", { class: "p-tag" }, "sub-workflow") : null),
    h("td", { class: "p-cut" }, item.correlation_id ? h("span", { title: item.correlation_id }, item.correlation_id) : h("span", { class: "p-faint" }, "–")),
    h("td", {}, timeElement(item.created, now)),
    h("td", { class: "p-number p-duration" }, span((item.ended || now) - item.created)),
    h("td", { class: "p-reason" }, item.reason ? h("span", { title: item.reason }, plainly(item.reason)) : null),
  );
}

function drawRows(answer) {
  const { page, now } = answer;
  shown = page;
  keyed(at("rows"), page.rows, (item) => item.id, row, (element, item) => filled(element, item, now));
  const parameters = address();
  at("older").disabled = page.before === null;
  write(at("older"), page.looked_back_to === null ? "Older" : "Look further back");
  const far = page.looked_back_to === null ? "" : `Looked back to ${moment(page.looked_back_to, now)}.`;
  write(at("reach"), far);
  const filtered = ["status", ...FIELDS].some((name) => parameters.get(name));
  at("empty").hidden = page.rows.length > 0;
  write(
    at("empty"),
    page.looked_back_to !== null
      ? "None of the newest executions fits. Older ones may: look further back."
      : filtered
        ? "No execution fits these filters."
        : "No execution yet. Start a workflow here, with 'podium start NAME', or from Python.",
  );
  said();
}

async function look() {
  const turn = ++latest;
  const query = asked();
  const { before, after, limit, ...filters } = query;
  const [rows, counts] = await Promise.all([get("executions", query), get("counts", filters)]);
  if (turn === latest) {
    drawRows(rows);
    drawCounts(counts);
  }
  return at("live").checked ? EVERY_MS : null;
}

function trouble(error) {
  const place = at("trouble");
  place.hidden = error === null;
  write(place, error === null ? "" : error.message);
}

function later(work, ms) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...given), ms);
  };
}

function begin() {
  const typed = later((field) => change(field.name, field.value.trim(), true), 350);
  form.addEventListener("input", (event) => typed(event.target));
  form.addEventListener("submit", (event) => event.preventDefault());
  at("clear").addEventListener("click", () => visit(new URLSearchParams()));
  at("limit").addEventListener("change", (event) => change("limit", event.target.value));
  at("all").addEventListener("change", (event) => {
    for (const item of shown.rows) event.target.checked ? selected.set(item.id, item) : selected.delete(item.id);
    at("rows").querySelectorAll("input[type=checkbox]").forEach((box) => (box.checked = event.target.checked));
    said();
  });
  at("newest").addEventListener("click", () => change("before", ""));
  at("newer").addEventListener("click", () => {
    const parameters = address();
    parameters.delete("before");
    parameters.set("after", shown.rows[0] ? shown.rows[0].id : parameters.get("before"));
    visit(parameters);
  });
  at("older").addEventListener("click", () => {
    const parameters = address();
    parameters.delete("after");
    parameters.set("before", shown.before);
    visit(parameters);
  });
  at("live").addEventListener("change", () => refresh());
  window.addEventListener("popstate", () => {
    draw();
    refresh();
  });
  draw();
  refresh = poll(look, trouble);
}

begin();
at("start").hidden = Boolean(mayNot);
at("start").addEventListener("click", () => startAny([...at("names").children].map((option) => option.value)));
