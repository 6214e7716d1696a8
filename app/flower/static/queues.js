// Queues and workers: what waits, since when, who listens.

import { get, poll } from "./api.js";
import { at, h, write } from "./dom.js";
import { table } from "./table.js";
import { badge, count, span, timeElement } from "./words.js";

const EVERY_MS = 2000;
let now = 0;
let messages = {};

const some = (number) => (number ? count(number) : h("span", { class: "p-faint" }, "0"));
const waits = (queue) => `${count(queue.waiting)} ${queue.waiting === 1 ? "task waits" : "tasks wait"}, the oldest since ${span(now - queue.oldest)}`;
const idle = (queue) => queue.waiting > 0 && queue.listeners.length === 0;

function listeners(queue) {
  if (idle(queue)) return h("span", { class: "p-badge", "data-tone": "bad" }, "nobody");
  if (!queue.outside) return queue.listeners.join(", ") || h("span", { class: "p-faint" }, "nobody");
  return queue.listeners.length ? `${queue.listeners[0]}, ${span(now - queue.polled)} ago` : h("span", { class: "p-faint" }, "nobody yet");
}

const queues = table("Queues", [
  ["Queue", (queue) => h("span", { class: "p-mono" }, queue.name)],
  ["Workers", (queue) => (queue.outside ? "poll" : "Celery")],
  ["Who listens", listeners],
  ["Waiting", (queue) => some(queue.waiting), { number: true }],
  ["The oldest since", (queue) => (queue.oldest === null ? h("span", { class: "p-faint" }, "–") : span(now - queue.oldest)), { number: true }],
  ["Running", (queue) => some(queue.running), { number: true }],
  ["Retries to come", (queue) => some(queue.later), { number: true }],
  ["In the broker", (queue) => (queue.outside || messages[queue.name] === null || messages[queue.name] === undefined ? h("span", { class: "p-faint" }, "–") : some(messages[queue.name])), { number: true }],
  ["Tasks", (queue) => h("span", { title: queue.tasks.map((task) => `${task.name}: ${task.waiting} waiting, ${task.running} running`).join("\n") }, queue.tasks.map((task) => task.name).join(", ")), { class: "p-reason" }],
], (queue) => `${queue.outside} ${queue.name}`);

const workers = table("Workers", [
  ["Worker", (worker) => h("span", { class: "p-mono" }, worker.hostname)],
  ["State", (worker) => (worker.silent ? h("span", { class: "p-badge", "data-tone": "bad" }, "silent") : badge("RUNNING"))],
  ["Process", (worker) => String(worker.pid), { number: true }],
  ["At a time", (worker) => count(worker.concurrency), { number: true }],
  ["Queues", (worker) => worker.queues.join(", ")],
  ["Started", (worker) => timeElement(worker.started, now)],
  ["Sign of life", (worker) => `${span(Math.max(0, now - worker.heartbeat))} ago`, { number: true }],
  ["Tasks", (worker) => h("span", { title: worker.tasks.join("\n") }, worker.tasks.join(", ")), { class: "p-reason" }],
], (worker) => worker.id);

at("queues").append(queues.element);
at("workers").append(workers.element);

async function look() {
  const answer = await get(["queues"]);
  ({ now } = answer.overview);
  ({ messages } = answer);
  const found = answer.overview;
  queues.fill(found.queues);
  workers.fill(found.workers);
  at("no-queues").hidden = found.queues.length > 0;
  queues.element.hidden = found.queues.length === 0;
  at("no-workers").hidden = found.workers.length > 0;
  workers.element.hidden = found.workers.length === 0;
  const over = found.open_tasks >= found.counted ? "+" : "";
  write(at("open"), `${count(found.open_tasks)}${over} open tasks`);
  const text = found.queues.filter(idle).map((queue) => (queue.outside ? `No worker polls for ${queue.name}: ${waits(queue)}.` : `No worker listens on queue ${queue.name}: ${waits(queue)}.`));
  const seen = text.join("\n");
  if (at("warnings").dataset.seen !== seen) {
    at("warnings").dataset.seen = seen;
    at("warnings").replaceChildren(...text.map((line) => h("p", { class: "p-banner", "data-tone": "waiting" }, line)));
  }
  return at("live").checked ? EVERY_MS : null;
}

const refresh = poll(look, (error) => {
  at("trouble").hidden = error === null;
  write(at("trouble"), error ? error.message : "");
});
at("live").addEventListener("change", refresh);
