// A JSON value to be read: coloured, cut where it is long, copied with a click.

import { h } from "./dom.js";

const SHOWN = 65536;
const TOKENS = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;

function coloured(text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(TOKENS)) {
    if (found.index > from) parts.push(text.slice(from, found.index));
    const kind = found[1] ? (found[2] ? "key" : "text") : found[3] ? "word" : "number";
    parts.push(h("span", { class: `p-json-${kind}` }, found[1] || found[0]));
    if (found[2]) parts.push(found[2]);
    from = found.index + found[0].length;
  }
  parts.push(text.slice(from));
  return parts;
}

/** A value with a heading; null, `{}` and `[]` are said in a word. */
export function jsonBlock(title, value) {
  const text = JSON.stringify(value, null, 2) || "null";
  const empty = ["null", "{}", "[]", '""'].includes(text);
  const head = h("div", { class: "p-json-head" }, h("h3", {}, title));
  if (empty) {
    head.append(h("span", { class: "p-faint" }, "empty"));
    return h("section", { class: "p-json" }, head);
  }
  const pre = h("pre", { tabindex: "0", "aria-label": title }, coloured(text.slice(0, SHOWN)));
  const copy = h("button", { type: "button", class: "p-link", onclick: () => navigator.clipboard.writeText(text).then(() => (copy.textContent = "Copied")) }, "Copy");
  head.append(copy);
  const block = h("section", { class: "p-json" }, head, pre);
  if (text.length > SHOWN) {
    const more = h("button", { type: "button", class: "p-link", onclick: () => {
      pre.replaceChildren(text);
      more.remove();
    } }, `Show all ${Math.ceil(text.length / 1024)} KB`);
    block.append(more);
  }
  return block;
}
