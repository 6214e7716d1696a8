// Draws a picture as SVG. What it looks like is laid out once; its state is attributes, so nothing flickers.

import { h, s, set, write } from "./dom.js";
import { NAME_FONT, NOTE_FONT, arrange, curve, cut } from "./layout.js";
import { isOpen } from "./model.js";
import { signOf, span, toneOf, wordOf } from "./words.js";

const SMALLEST = 0.2;
const LARGEST = 2;

/** The second line of a node: its state in words, and what is worth knowing about it. */
export function noteOf(state, now) {
  const { task, attempts, status } = state;
  if (state.counts) return state.counts.map(([one, number]) => `${number} ${wordOf(one)}`).join(", ");
  if (!task) return state.status === "NOT_TAKEN" ? "not taken" : "";
  const parts = [wordOf(status)];
  if (state.iterations) parts.push(`iteration ${state.iterations}`);
  if (attempts.length > 1) parts.push(`${attempts.length} tries`);
  if (status === "RETRYING") parts.push(`in ${span(task.due_at - now)}`);
  else if (task.started && !["SWITCH", "FORK_JOIN", "SET_VARIABLE"].includes(task.type)) {
    parts.push(span((task.ended || now) - (task.started || task.scheduled)));
  } else if (isOpen(status)) parts.push(span(now - task.scheduled));
  if (status === "COMPLETED" && parts.length > 1) parts.shift();
  if (task.case && status === "COMPLETED") return task.case;
  return parts.join(" · ");
}

/** The diagram in an element; `onSelect(node)`, `onLoop(node, number, last)` and `onOpen(node)` are called back. */
export class Diagram {
  constructor(place, callbacks) {
    this.place = place;
    this.callbacks = callbacks;
    this.scale = null;
    this.nodes = new Map();
    this.edges = [];
    this.frames = new Map();
    this.chosen = null;
    this.signature = "";
    this.#drag();
    place.addEventListener("keydown", (event) => this.#key(event));
    place.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  /** Shows a picture; only a picture of other nodes or edges is laid out anew. */
  show(picture, now) {
    const signature = JSON.stringify([picture.nodes.map((node) => [node.id, node.boxes]), picture.edges.map((edge) => [edge.source, edge.target])]);
    if (signature !== this.signature) {
      this.signature = signature;
      this.#draw(picture);
    }
    this.now = now;
    picture.nodes.forEach((node) => this.#update(this.nodes.get(node.id), node));
    picture.edges.forEach((edge, index) => set(this.edges[index], "data-way", edge.way));
    for (const [name, frame] of this.frames) this.#updateFrame(frame, picture.nodes.find((node) => node.id === name), name);
  }

  /** Marks the node that is shown beside. */
  choose(id) {
    this.chosen = id;
    for (const [name, drawn] of this.nodes) set(drawn.group, "aria-pressed", drawn.role ? String(name === id) : null);
  }

  /** Makes it larger or smaller around the middle of what is seen. */
  zoom(factor) {
    this.#resize(Math.min(LARGEST, Math.max(SMALLEST, this.scale * factor)));
  }

  /** Makes all of its width seen, and no larger than it is. */
  fit(whole) {
    const wide = (this.place.clientWidth - 4) / this.size.width;
    const high = (this.place.clientHeight - 4) / this.size.height;
    this.#resize(Math.min(1, Math.max(SMALLEST, whole ? Math.min(wide, high) : Math.max(wide, 0.6))));
  }

  #draw(picture) {
    const place = arrange(picture.nodes, picture.edges);
    const kept = this.scale;
    this.entry = null;
    this.size = place;
    this.nodes.clear();
    this.frames.clear();
    const frames = [...place.boxes].sort((a, b) => a[1].depth - b[1].depth).map(([name, frame]) => this.#frame(name, frame));
    this.edges = picture.edges.map((edge, index) => {
      const line = place.edges[index];
      const label = line.text ? s("g", { class: "p-edge-label" }, s("title", {}, edge.labels.join(", ")), s("text", { x: line.x, y: line.y + 3.5, "text-anchor": "middle" }, line.text)) : null;
      return s("g", { class: "p-edge", "data-kind": edge.kind }, s("path", { d: curve(line.points), "marker-end": "url(#p-arrow)" }), label);
    });
    const groups = picture.nodes.map((node) => this.#node(node, place.nodes.get(node.id)));
    const toggles = [...this.nodes.values()].map((drawn) => drawn.toggle).filter(Boolean);
    const arrow = s("marker", { id: "p-arrow", viewBox: "0 0 8 8", refX: "7", refY: "4", markerWidth: "7", markerHeight: "7", orient: "auto-start-reverse" }, s("path", { d: "M0,0.5 L8,4 L0,7.5 Z", class: "p-arrow" }));
    this.svg = s("svg", { viewBox: `${place.left} ${place.top} ${place.width} ${place.height}`, role: "group", "aria-label": "Tasks of the execution; arrow keys go from task to task" }, s("defs", {}, arrow), frames, this.edges, groups, toggles);
    this.order = picture;
    this.place.replaceChildren(this.svg);
    if (kept === null) this.fit(false);
    else this.#resize(kept);
    this.choose(this.chosen);
  }

  #node(node, place) {
    const { width, height, shape } = place;
    const [w, t] = [width / 2, height / 2];
    const role = shape === "pill" ? null : "button";
    const rounded = shape === "pill" ? t : shape === "bar" ? 5 : 8;
    const outline = shape === "diamond" ? s("path", { class: "p-shape", d: `M0,${-t}L${w},0L0,${t}L${-w},0Z` }) : s("rect", { class: "p-shape", x: -w, y: -t, width, height, rx: rounded });
    const inner = shape === "double" ? s("rect", { class: "p-inner", x: -w + 3, y: -t + 3, width: width - 6, height: height - 6, rx: 6 }) : null;
    const behind = shape === "stack" ? [8, 4].map((by) => s("rect", { class: "p-shape", x: -w + by, y: -t + by, width, height, rx: 8 })) : null;
    const most = shape === "diamond" ? width - 64 : ["box", "double", "stack"].includes(shape) ? width - 34 : width - 10;
    const name = s("text", { class: "p-name", y: shape === "pill" ? 4 : shape === "diamond" ? 3 : -3, "text-anchor": "middle" }, cut(node.label, most, NAME_FONT));
    const note = s("text", { class: "p-note", y: shape === "diamond" ? 17 : 12, "text-anchor": "middle" });
    const sign = s("path", { class: "p-sign", transform: shape === "diamond" ? `translate(-6.5,${-t + 7}) scale(0.8)` : `translate(${-w + 5},${-t + 4}) scale(0.8)` });
    const title = s("title", {}, node.sub ? `${node.label}\n${node.sub}` : node.label);
    const group = s("g", { class: "p-node", transform: `translate(${place.x},${place.y})`, "data-id": node.id, "data-shape": shape, role, tabindex: role ? "-1" : null }, title, behind, outline, inner, sign, name, note);
    const drawn = { group, note, sign, role, place, most, sub: node.sub };
    if (role) group.addEventListener("click", () => this.callbacks.onSelect(drawn.node));
    if (shape === "double") this.#toggle(drawn, w, t);
    this.nodes.set(node.id, drawn);
    return group;
  }

  #toggle(drawn, w, t) {
    const sign = s("path", { d: "M-3.5,0H3.5M0,-3.5V3.5", class: "p-plus" });
    // Beside the node and not inside of it: a button in a button is none for who does not see it.
    const { x, y } = drawn.place;
    drawn.toggle = s("g", { class: "p-toggle", transform: `translate(${x + w - 13},${y - t + 13})`, role: "button", tabindex: "0" }, s("circle", { r: 8 }), sign);
    const open = (event) => {
      event.stopPropagation();
      event.preventDefault();
      this.callbacks.onOpen(drawn.node);
    };
    drawn.toggle.addEventListener("click", open);
    drawn.toggle.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") open(event);
    });
    drawn.toggleSign = sign;
  }

  #update(drawn, node) {
    drawn.node = node;
    const { status } = node.state;
    const tone = toneOf(status);
    const note = noteOf(node.state, this.now) || (drawn.role ? drawn.sub : "");
    set(drawn.group, "data-tone", tone);
    set(drawn.group, "data-status", status);
    write(drawn.note, drawn.role ? cut(note, drawn.most + 16, NOTE_FONT) : "");
    set(drawn.sign, "d", drawn.role && drawn.place.shape !== "bar" ? signOf(tone) : "");
    if (drawn.role) set(drawn.group, "aria-label", `${node.label}, ${node.part.execution.status === "DEFINITION" ? note || node.type : [wordOf(status), note].filter((word, index) => index === 0 || !note.startsWith(wordOf(status))).join(", ")}`);
    if (drawn.toggle) {
      set(drawn.toggle, "data-tone", tone);
      const child = node.state.task && node.state.task.sub_workflow_id;
      const opened = this.order.nodes.some((other) => child && other.boxes.includes(child));
      const registered = node.part.execution.status === "DEFINITION" && node.type === "SUB_WORKFLOW";
      set(drawn.toggle, "display", child || registered ? null : "none");
      set(drawn.toggle, "aria-label", `${opened ? "Close" : "Open"} sub-workflow ${node.node.name} in place`);
      set(drawn.toggleSign, "d", opened ? "M-3.5,0H3.5" : "M-3.5,0H3.5M0,-3.5V3.5");
    }
    if (!this.entry && drawn.role) {
      this.entry = node.id;
      set(drawn.group, "tabindex", "0");
    }
  }

  #frame(name, frame) {
    const text = s("text", { x: frame.x1 + 10, y: frame.y1 + 15 });
    const back = this.#step(frame.x2 - 44, frame.y1 + 11, "‹", "The iteration before", name, -1);
    const forward = this.#step(frame.x2 - 20, frame.y1 + 11, "›", "The next iteration", name, 1);
    this.frames.set(name, { text, back, forward });
    return s("g", { class: "p-frame" }, s("rect", { x: frame.x1, y: frame.y1, width: frame.x2 - frame.x1, height: frame.y2 - frame.y1, rx: 10 }), text, back, forward);
  }

  #step(x, y, sign, label, name, by) {
    const go = () => {
      const { state } = this.nodes.get(name).node;
      this.callbacks.onLoop(this.nodes.get(name).node, state.iteration + by, state.iterations);
    };
    const button = s("g", { class: "p-step", transform: `translate(${x},${y})`, role: "button", tabindex: "0", "aria-label": label }, s("circle", { r: 9 }), s("text", { y: 4, "text-anchor": "middle" }, sign));
    button.addEventListener("click", go);
    button.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      go();
    });
    return button;
  }

  #updateFrame(frame, loop, name) {
    const { iteration, iterations } = loop ? loop.state : {};
    const opened = loop ? null : this.order.nodes.find((node) => node.part.id === name);
    write(frame.text, loop ? (iterations ? `${loop.label}: iteration ${iteration} of ${iterations}` : loop.label) : opened ? opened.part.execution.name : name);
    set(frame.back, "display", iterations > 1 && iteration > 1 ? null : "none");
    set(frame.forward, "display", iterations > 1 && iteration < iterations ? null : "none");
  }

  #resize(scale) {
    const { place, size } = this;
    const before = this.scale || scale;
    const x = (place.scrollLeft + place.clientWidth / 2) / before;
    const y = (place.scrollTop + place.clientHeight / 2) / before;
    this.scale = scale;
    set(this.svg, "width", Math.round(size.width * scale));
    set(this.svg, "height", Math.round(size.height * scale));
    place.scrollLeft = x * scale - place.clientWidth / 2;
    place.scrollTop = before === scale && !place.scrollTop ? 0 : y * scale - place.clientHeight / 2;
  }

  #wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.zoom(event.deltaY < 0 ? 1.1 : 1 / 1.1);
  }

  #drag() {
    let from = null;
    this.place.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" || event.button !== 0 || event.target.closest("[role=button]")) return;
      from = { x: event.clientX + this.place.scrollLeft, y: event.clientY + this.place.scrollTop };
      this.place.setPointerCapture(event.pointerId);
    });
    this.place.addEventListener("pointermove", (event) => {
      if (!from) return;
      this.place.scrollLeft = from.x - event.clientX;
      this.place.scrollTop = from.y - event.clientY;
    });
    this.place.addEventListener("pointerup", () => (from = null));
  }

  #key(event) {
    const group = event.target.closest(".p-node");
    if (!group) return;
    const node = this.nodes.get(group.dataset.id);
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.callbacks.onSelect(node.node);
      return;
    }
    const next = this.#neighbour(group.dataset.id, event.key);
    if (next === undefined) return;
    event.preventDefault();
    if (next) this.focus(next);
  }

  /** Brings a node into the middle of what is seen of the picture; the page stays where it is. */
  reveal(id) {
    const { place } = this.nodes.get(id);
    this.place.scrollLeft = (place.x - this.size.left) * this.scale - this.place.clientWidth / 2;
    this.place.scrollTop = (place.y - this.size.top) * this.scale - this.place.clientHeight / 2;
  }

  /** Moves the focus to a node, and the picture so that it is seen. */
  focus(id) {
    for (const drawn of this.nodes.values()) if (drawn.role) set(drawn.group, "tabindex", "-1");
    const { group } = this.nodes.get(id);
    set(group, "tabindex", "0");
    group.focus({ preventScroll: true });
    group.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  #neighbour(id, key) {
    const { edges } = this.order;
    const here = this.nodes.get(id).place;
    const able = (name) => this.nodes.get(name).role;
    if (key === "ArrowDown") return edges.filter((edge) => edge.source === id && able(edge.target)).map((edge) => edge.target)[0] || null;
    if (key === "ArrowUp") return edges.filter((edge) => edge.target === id && able(edge.source)).map((edge) => edge.source)[0] || null;
    if (key !== "ArrowLeft" && key !== "ArrowRight") return undefined;
    const sign = key === "ArrowRight" ? 1 : -1;
    const beside = [...this.nodes].filter(([, drawn]) => drawn.role && Math.abs(drawn.place.y - here.y) < 40 && sign * (drawn.place.x - here.x) > 1);
    beside.sort((a, b) => sign * (a[1].place.x - b[1].place.x));
    return beside.length ? beside[0][0] : null;
  }
}

/** What the signs and colours mean, for a card's head. */
export function legend(statuses) {
  return statuses.map((status) => h("span", { class: "p-key", "data-tone": toneOf(status) }, s("svg", { viewBox: "0 0 16 16", class: "p-icon", "aria-hidden": "true" }, s("path", { d: signOf(toneOf(status)), fill: "currentColor" })), wordOf(status)));
}
