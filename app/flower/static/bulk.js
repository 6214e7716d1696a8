// Actions on the executions that are ticked, with their number, and what became of each.

import { get, mayNot, post, url } from "./api.js";
import { question, reasonField, say } from "./dialogs.js";
import { at, h } from "./dom.js";
import { count, short } from "./words.js";

const AT_ONCE = 50;
const MOST = 1000;
const OPEN = ["RUNNING", "PAUSED"];
const BAD = ["FAILED", "TIMED_OUT", "TERMINATED"];
const VERBS = [
  { verb: "pause", label: "Pause", states: ["RUNNING"] },
  { verb: "resume", label: "Resume", states: ["PAUSED"] },
  { verb: "retry", label: "Retry", states: BAD, fields: [{ name: "subWorkflows", label: "Go on inside of sub-workflows that failed", kind: "check", value: true }] },
  { verb: "restart", label: "Restart", states: ["COMPLETED", ...BAD], fields: [{ name: "latest", label: "With the latest version of the definition", kind: "check" }] },
  { verb: "terminate", label: "Terminate", states: OPEN, danger: true },
];

async function inParts(verb, ids, values, tell) {
  const done = [];
  const failed = {};
  for (let from = 0; from < ids.length; from += AT_ONCE) {
    const answer = await post(["bulk", verb], { ...values, ids: ids.slice(from, from + AT_ONCE) });
    done.push(...answer.done);
    Object.assign(failed, answer.failed);
    tell(Math.min(ids.length, from + AT_ONCE));
  }
  return { done, failed };
}

function tellResult(action, { done, failed }) {
  const refused = Object.entries(failed);
  say(`${action.label}: ${done.length} done${refused.length ? `, ${refused.length} refused` : ""}`);
  if (!refused.length) return;
  const close = h("button", { type: "button", class: "btn btn-sm btn-primary", onclick: () => dialog.close() }, "Close");
  const list = h("ul", { class: "p-refused" }, refused.slice(0, 100).map(([id, why]) => h("li", {}, h("a", { class: "p-mono", href: url(["execution", id]) }, short(id)), " ", why)));
  const dialog = h("dialog", { class: "p-dialog", "aria-label": "Refused" }, h("h2", {}, `${action.label}: ${count(done.length)} done, ${count(refused.length)} refused`), list, h("div", { class: "p-dialog-foot" }, close));
  dialog.addEventListener("close", () => dialog.remove());
  at("dialogs").append(dialog);
  dialog.showModal();
}

/** The ids of the executions that fit filters, the newest, up to a thousand. */
async function allThatFit(filters) {
  const found = [];
  let before = null;
  do {
    const { page } = await get("executions", { ...filters, after: null, before, limit: 200 });
    found.push(...page.rows);
    before = page.looked_back_to === null ? page.before : null;
  } while (before && found.length < MOST);
  return found.slice(0, MOST);
}

/** Shows what can be done with the executions `chosen` (a Map of rows by id), and how to choose all that fit. */
export function drawBulk({ chosen, filters, onChosen, onDone }) {
  const place = at("bulk");
  place.hidden = chosen.size === 0 || Boolean(mayNot);
  if (place.hidden) return;
  const rows = [...chosen.values()];
  const buttons = VERBS.map((action) => {
    const ids = rows.filter((row) => action.states.includes(row.status)).map((row) => row.id);
    if (!ids.length) return null;
    const number = `${count(ids.length)} execution${ids.length === 1 ? "" : "s"}`;
    const ask = () =>
      question({
        title: `${action.label} ${number}?`,
        text: ids.length < rows.length ? `${count(rows.length - ids.length)} of those that are selected are in another state and stay as they are.` : null,
        verb: `${action.label} ${count(ids.length)}`,
        danger: action.danger,
        fields: [...(action.fields || []), reasonField()],
        send: (values) => inParts(action.verb, ids, values, (number_) => say(`${action.label}: ${number_} of ${ids.length}`)),
        done: (result) => {
          tellResult(action, result);
          onDone();
        },
      });
    return h("button", { type: "button", class: `btn btn-sm ${action.danger ? "btn-outline-danger" : "btn-outline-secondary"}`, "data-verb": action.verb, onclick: ask }, `${action.label} ${count(ids.length)}`);
  });
  const more = h("button", { type: "button", class: "p-link", onclick: async () => onChosen(await allThatFit(filters())) }, `Select all that fit (at most ${count(MOST)})`);
  const none = h("button", { type: "button", class: "p-link", onclick: () => onChosen([]) }, "Select none");
  place.replaceChildren(h("strong", {}, `${count(rows.length)} selected`), ...buttons.filter(Boolean), h("span", { class: "p-spring" }), more, none);
}
