// What happened to an execution and who did it, and where another one went otherwise: asked for when somebody wants it.

import { get, url } from "./api.js";
import { at, h, write } from "./dom.js";
import { table } from "./table.js";
import { badge, moment } from "./words.js";

const STATUSES = /^[A-Z_]+$/;

function transitions(id) {
  const rows = [];
  const shown = table("Transitions", [
    ["#", (one) => String(one.number), { number: true }],
    ["Time", (one) => moment(one.at, Date.now())],
    ["What", (one) => (STATUSES.test(one.what) ? badge(one.what) : h("b", {}, one.what.replaceAll("_", " ")))],
    ["Task", (one) => (one.ref === null ? "" : one.attempt ? `${one.ref}, attempt ${one.attempt + 1}` : one.ref)],
    ["By", (one) => one.actor || ""],
    ["Reason", (one) => one.reason || "", { class: "p-reason" }],
  ], (one) => one.number);
  const more = h("button", { type: "button", class: "p-link", onclick: () => load() }, "Show more");
  async function load() {
    const found = await get(["execution", id, "history"], { after: rows.length || null });
    rows.push(...found);
    shown.fill(rows);
    more.hidden = found.length < 200;
  }
  return { elements: [shown.element, h("p", { class: "p-foot" }, more)], load, forget: () => rows.splice(0) };
}

const value = (one) => (one === null || one === undefined ? h("span", { class: "p-faint" }, "–") : h("code", {}, JSON.stringify(one)));

function linesOf(found) {
  const lines = found.changes.map((change) => ({ task: "", ...change }));
  for (const task of found.tasks) {
    if (!task.before || !task.after) lines.push({ task: task.ref, path: "status", before: task.before, after: task.after || "not reached" });
    lines.push(...task.changes.map((change) => ({ task: task.ref, ...change })));
  }
  return lines;
}

/** Fills the cards 'History' and 'Compare' of the page of an execution. */
export function records(id) {
  const told = transitions(id);
  at("history-rows").append(...told.elements);
  at("history").addEventListener("click", async () => {
    const place = at("history-rows");
    place.hidden = !place.hidden;
    write(at("history"), place.hidden ? "Show" : "Hide");
    if (place.hidden) return;
    told.forget();
    await told.load();
  });
  at("compare").addEventListener("submit", async (event) => {
    event.preventDefault();
    const place = at("difference");
    const other = at("compare-with").value.trim();
    place.hidden = false;
    try {
      const found = await get(["execution", id, "difference"], { with: other });
      const lines = linesOf(found);
      const shown = table("Differences", [
        ["Task", (one) => one.task],
        ["Where", (one) => one.path],
        ["This one", (one) => value(one.before)],
        ["The other", (one) => value(one.after)],
      ], (one) => `${one.task} ${one.path}`);
      shown.fill(lines);
      const link = h("p", { class: "p-foot" }, h("a", { class: "p-mono", href: url(["execution", other]) }, other));
      place.replaceChildren(lines.length ? shown.element : h("p", { class: "p-empty" }, "They do not differ."), link);
    } catch (error) {
      place.replaceChildren(h("p", { class: "p-error", "data-tone": "bad", role: "alert" }, error.message));
    }
  });
}
