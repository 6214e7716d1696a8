// Questions before something is done: what will happen, the reason, and whatever else the action needs.

import { Refused, post } from "./api.js";
import { at, h, write } from "./dom.js";

/** Tells everybody, also those who do not look, what has happened. */
export function say(text) {
  write(at("said"), text);
  const toast = h("div", { class: "p-toast", role: "status" }, text);
  at("dialogs").append(toast);
  setTimeout(() => toast.remove(), 5000);
}

function fieldOf(field) {
  const attributes = { name: field.name, class: "form-control form-control-sm", required: field.required, placeholder: field.placeholder };
  let control;
  if (field.kind === "json") {
    control = h("textarea", { ...attributes, class: "form-control form-control-sm p-mono", rows: field.rows || 8, spellcheck: "false" });
    control.value = field.value === undefined ? "{}" : JSON.stringify(field.value, null, 2);
  } else if (field.kind === "choice") {
    control = h("select", { ...attributes, class: "form-select form-select-sm" }, field.options.map(([value, label]) => h("option", { value, selected: String(value) === String(field.value) }, label)));
  } else if (field.kind === "check") {
    control = h("input", { type: "checkbox", name: field.name, class: "form-check-input" });
    control.checked = Boolean(field.value);
    return h("label", { class: "p-check" }, control, h("span", {}, field.label));
  } else {
    control = h("input", { ...attributes, type: field.kind || "text", list: field.list, min: field.min, max: field.max, step: field.step });
    control.value = field.value ?? "";
  }
  if (field.onchange) control.addEventListener("change", () => field.onchange(control.value));
  return h("label", { class: "p-field" }, h("span", {}, field.label), control, field.help ? h("small", { class: "p-faint" }, field.help) : null);
}

/** The values of the fields; a sentence is thrown where one is of no use. */
function read(form, fields) {
  const values = {};
  for (const field of fields) {
    const control = form.elements[field.name];
    if (field.kind === "check") values[field.name] = control.checked;
    else if (field.kind === "json") {
      try {
        values[field.name] = JSON.parse(control.value.trim() || "{}");
      } catch (error) {
        throw new Refused(400, `${field.label}: ${error.message}`);
      }
    } else if (field.kind === "number") values[field.name] = control.value === "" ? null : Number(control.value);
    else values[field.name] = control.value;
  }
  return values;
}

/**
 * Asks, then posts: `{title, text, verb, danger, fields, path, body(values), done(answer)}`; `send(values)` posts in
 * another way, with `instead(values)` nothing is posted. Escape and Cancel do nothing; what the server refuses is said in the dialog.
 */
export function question({ title, text, verb, danger, fields = [], path, body = (values) => values, send: sent = (values) => post(path, body(values)), done, instead }) {
  const trouble = h("p", { class: "p-error", "data-tone": "bad", role: "alert", hidden: true });
  const send = h("button", { type: "submit", class: `btn btn-sm ${danger ? "btn-danger" : "btn-primary"}` }, verb);
  const places = h("div", { class: "p-fields" }, fields.map(fieldOf));
  const form = h("form", { method: "dialog" }, h("h2", { id: "dialog-title" }, title), text ? h("p", {}, text) : null, places, trouble, h("div", { class: "p-dialog-foot" }, h("button", { type: "button", class: "btn btn-sm btn-outline-secondary", onclick: () => dialog.close() }, "Cancel"), send));
  const dialog = h("dialog", { class: "p-dialog", "aria-labelledby": "dialog-title" }, form);
  dialog.addEventListener("close", () => dialog.remove());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    trouble.hidden = true;
    try {
      const values = read(form, fields);
      const answer = instead ? null : await sent(values);
      dialog.close();
      await (instead ? instead(values) : done(answer));
    } catch (error) {
      write(trouble, error.message);
      trouble.hidden = false;
    } finally {
      send.disabled = false;
    }
  });
  at("dialogs").append(dialog);
  dialog.showModal();
  (form.querySelector("input, textarea, select") || send).focus();
}

/** The field that every action has. */
export function reasonField(required = true) {
  return { name: "reason", label: "Reason", required, placeholder: "what the history will show" };
}
