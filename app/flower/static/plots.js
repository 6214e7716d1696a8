// Small plots, each with its numbers in words for those who do not see it.

import { s } from "./dom.js";
import { span, toneOf } from "./words.js";

const HOUR = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });

function tip(text) {
  return s("title", {}, text);
}

/** Executions of each hour: completed, failed and others, one on the other. */
export function hoursPlot(hours) {
  const [width, height] = [380, 56];
  const most = Math.max(1, ...hours.map((hour) => hour.completed + hour.failed + hour.other));
  const step = width / hours.length;
  const bars = hours.flatMap((hour, index) => {
    let top = height;
    return [["ok", hour.completed], ["active", hour.other], ["bad", hour.failed]].filter(([, number]) => number).map(([tone, number]) => {
      const tall = Math.max(1.5, (number / most) * (height - 4));
      top -= tall;
      return s("rect", { x: index * step + 1, y: top, width: step - 2, height: tall, "data-tone": tone, class: "p-bar-mark" }, tip(`${HOUR.format(hour.begin)}: ${hour.completed} completed, ${hour.failed} failed, ${hour.other} others`));
    });
  });
  const total = hours.reduce((sum, hour) => sum + hour.completed + hour.failed + hour.other, 0);
  return s("svg", { viewBox: `0 0 ${width} ${height}`, class: "p-plot", role: "img", "aria-label": `${total} executions in 24 hours, at most ${most} in one` }, s("line", { x1: 0, x2: width, y1: height - 0.5, y2: height - 0.5, class: "p-base" }), bars);
}

/** Durations of the newest executions, one point each, the higher the longer. */
export function durationsPlot(durations) {
  const [width, height] = [380, 56];
  const longest = Math.max(1, ...durations.map(([, took]) => took));
  const step = width / Math.max(1, durations.length - 1 || 1);
  const points = durations.map(([, took, status], index) => s("circle", { cx: Math.min(width - 2, 2 + index * step), cy: height - 3 - (took / longest) * (height - 8), r: 2, "data-tone": toneOf(status), class: "p-point" }, tip(`${span(took)}, ${status.toLowerCase()}`)));
  return s("svg", { viewBox: `0 0 ${width} ${height}`, class: "p-plot", role: "img", "aria-label": `Durations of the last ${durations.length} executions, at most ${span(longest)}` }, s("line", { x1: 0, x2: width, y1: height - 0.5, y2: height - 0.5, class: "p-base" }), points);
}
