// A table of plain rows, made once and filled again without flicker.

import { h, keyed } from "./dom.js";

/** A table with these columns: `[heading, cellOf(row), {number}]`; `fill(rows)` shows rows, found again by `keyOf`. */
export function table(label, columns, keyOf) {
  const body = h("tbody", {});
  const head = columns.map(([heading, , options]) => h("th", { scope: "col", class: options && options.number ? "p-number" : null }, heading));
  const element = h("table", { class: "p-table p-plain", "aria-label": label }, h("thead", {}, h("tr", {}, head)), body);
  const fill = (rows) =>
    keyed(body, rows, keyOf, () => h("tr", {}), (line, row) => {
      const cells = columns.map(([, cellOf, options]) => h("td", { class: options ? (options.number ? "p-number" : options.class) : null }, cellOf(row)));
      const seen = cells.map((cell) => cell.innerHTML).join("\n");
      if (line.dataset.seen === seen) return;
      line.dataset.seen = seen;
      line.replaceChildren(...cells);
    });
  return { element, fill };
}
