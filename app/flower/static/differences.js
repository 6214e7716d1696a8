// What differs between two JSON documents, line by line.

import { h } from "./dom.js";

const AROUND = 3;
const MOST = 2500;

function linesOf(value) {
  return JSON.stringify(value, null, 2).split("\n");
}

/** The longest common lines: `[sign, line]`, where the sign is a space, `-` or `+`. */
function edits(a, b) {
  const width = b.length + 1;
  const longest = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      longest[i * width + j] = a[i] === b[j] ? longest[(i + 1) * width + j + 1] + 1 : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  const found = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      found.push([" ", a[i]]);
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && longest[(i + 1) * width + j] >= longest[i * width + j + 1])) found.push(["-", a[i++]]);
    else found.push(["+", b[j++]]);
  }
  return found;
}

/** An element that shows what was taken away and what was added, with a few lines around. */
export function differences(before, after) {
  const [a, b] = [linesOf(before), linesOf(after)];
  if (a.length > MOST || b.length > MOST) return h("p", { class: "p-empty" }, `These have more than ${MOST} lines: too long to be compared here.`);
  const found = edits(a, b);
  const near = found.map(([sign], index) => sign !== " " || found.slice(Math.max(0, index - AROUND), index + AROUND + 1).some(([other]) => other !== " "));
  if (!near.includes(true)) return h("p", { class: "p-empty" }, "They are alike.");
  const lines = [];
  found.forEach(([sign, text], index) => {
    if (near[index]) lines.push(h("div", { class: "p-diff", "data-sign": sign === "-" ? "gone" : sign === "+" ? "new" : "same" }, `${sign} ${text}`));
    else if (near[index - 1] || index === 0) lines.push(h("div", { class: "p-diff p-faint" }, "  …"));
  });
  return h("pre", { class: "p-diffs", tabindex: "0", "aria-label": "Differences" }, lines);
}
