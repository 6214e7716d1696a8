// Statuses, times and durations, in words.

import { h, s } from "./dom.js";

const DOT = "M8 4.5a3.5 3.5 0 1 1 0 7a3.5 3.5 0 0 1 0-7Z";
const ICONS = {
  ok: "M6.4 11.6 3.2 8.4l1.1-1.1 2.1 2.1 5.3-5.3 1.1 1.1-6.4 6.4Z",
  warn: "M6.4 11.6 3.2 8.4l1.1-1.1 2.1 2.1 5.3-5.3 1.1 1.1-6.4 6.4Z",
  bad: "M4.4 3.3 8 6.9l3.6-3.6 1.1 1.1L9.1 8l3.6 3.6-1.1 1.1L8 9.1l-3.6 3.6-1.1-1.1L6.9 8 3.3 4.4l1.1-1.1Z",
  active: "M5 3.2 12.6 8 5 12.8V3.2Z",
  queued: DOT,
  waiting: "M4 2h8v2.6L9.4 8 12 11.4V14H4v-2.6L6.6 8 4 4.6V2Z",
  paused: "M4.5 3.5h2.4v9H4.5v-9Zm4.6 0h2.4v9H9.1v-9Z",
  muted: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2Zm0 1.5c-1 0-1.9.3-2.7.9l6.3 6.3A4.5 4.5 0 0 0 8 3.5Zm-3.6 2A4.5 4.5 0 0 0 10.7 11.7L4.4 5.4Z",
  none: "",
};

const KNOWN = {
  RUNNING: ["active", "running"],
  PAUSED: ["paused", "paused"],
  COMPLETED: ["ok", "completed"],
  FAILED: ["bad", "failed"],
  TIMED_OUT: ["bad", "timed out"],
  TERMINATED: ["muted", "terminated"],
  SCHEDULED: ["queued", "scheduled"],
  IN_PROGRESS: ["active", "running"],
  WAITING: ["waiting", "waiting"],
  RETRYING: ["waiting", "retry to come"],
  COMPLETED_WITH_ERRORS: ["warn", "completed with errors"],
  SKIPPED: ["muted", "skipped"],
  FAILED_WITH_TERMINAL_ERROR: ["bad", "failed, no retry"],
  CANCELED: ["muted", "canceled"],
  NOT_REACHED: ["none", "not reached"],
  NOT_TAKEN: ["none", "not taken"],
};

/** Which of the few colours a status has. */
export function toneOf(status) {
  return (KNOWN[status] || ["muted"])[0];
}

/** A status in words. */
export function wordOf(status) {
  return (KNOWN[status] || ["", status.toLowerCase().replaceAll("_", " ")])[1];
}

/** The sign of a tone, as the path of an SVG of 16 x 16. */
export function signOf(tone) {
  return ICONS[tone] || "";
}

/** A sign, for those who see it only. */
export function icon(path) {
  return s("svg", { viewBox: "0 0 16 16", class: "p-icon", "aria-hidden": "true" }, s("path", { d: path, fill: "currentColor" }));
}

/** A status as a badge: sign, word and colour. */
export function badge(status) {
  const tone = toneOf(status);
  return h("span", { class: "p-badge", "data-tone": tone, "data-status": status }, icon(signOf(tone)), wordOf(status));
}

/** Milliseconds as people say them. */
export function span(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return "";
  if (ms < 0) ms = 0;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 < 1 ? `${minutes} min` : `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const YEAR = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

/** A time of day, with the day where it is not today. */
export function moment(ms, now) {
  if (ms === null || ms === undefined) return "";
  const then = new Date(ms);
  const today = new Date(now);
  if (then.toDateString() === today.toDateString()) return CLOCK.format(then);
  return `${(then.getFullYear() === today.getFullYear() ? DAY : YEAR).format(then)}, ${CLOCK.format(then)}`;
}

/** A time as an element that tells the exact one. */
export function timeElement(ms, now) {
  if (ms === null || ms === undefined) return h("span", { class: "p-faint" }, "–");
  return h("time", { datetime: new Date(ms).toISOString(), title: new Date(ms).toISOString() }, moment(ms, now));
}

/** A reason without ids and without what every reason of a failed execution says. */
export function plainly(reason) {
  const found = reason
    .replaceAll(/Task (\S+)(?: \([\w-]+\))? failed with status: \w+ and reason: '/g, (_, ref) => (/^[\da-f-]{30,}$/.test(ref) ? "" : `${ref}: `))
    .replaceAll(/Sub workflow (\S+) failure reason: /g, "sub-workflow $1: ");
  if (found === reason) return reason;
  // The quotes that were opened are closed at the end, or before what follows.
  return found.replace(/'+(;|$)/g, (quotes, after) => (/ '[^']*$/.test(found.slice(0, found.indexOf(quotes))) ? "'" : "") + after);
}

/** A number with thin groups of thousands. */
export function count(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** The end of an id: ids of one moment begin alike. */
export function short(id) {
  return id.length > 13 ? "…" + id.slice(-12) : id;
}
