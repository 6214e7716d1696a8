// Where nodes and edges stand: dagre's coordinates, text measured, edges clipped to the shapes.

import { Graph, layout } from "./vendor/dagre.esm.js";

const NODE_HEIGHT = 44;
const SHAPES = {
  START: "pill",
  END: "pill",
  SWITCH: "diamond",
  DECISION: "diamond",
  DO_WHILE: "diamond",
  FORK_JOIN: "bar",
  FORK_JOIN_DYNAMIC: "bar",
  JOIN: "bar",
  EXCLUSIVE_JOIN: "bar",
  SUB_WORKFLOW: "double",
  START_WORKFLOW: "double",
  STACK: "stack",
};
const measure = document.createElement("canvas").getContext("2d");

function widthOf(text, font) {
  measure.font = font;
  return measure.measureText(text).width;
}

/** The shape of a type of task. */
export function shapeOf(type) {
  return SHAPES[type] || "box";
}

/** A text that fits into `most` pixels, with … where it was cut. */
export function cut(text, most, font) {
  if (widthOf(text, font) <= most) return text;
  let length = text.length;
  while (length > 1 && widthOf(text.slice(0, length) + "…", font) > most) length -= 1;
  return text.slice(0, length) + "…";
}

export const NAME_FONT = "600 12.5px system-ui, sans-serif";
export const NOTE_FONT = "11px system-ui, sans-serif";

function sizeOf(node) {
  const name = widthOf(node.label, NAME_FONT);
  const shape = shapeOf(node.type);
  if (shape === "pill") return { width: Math.max(60, name + 28), height: 26 };
  if (shape === "stack") return { width: 250, height: NODE_HEIGHT };
  if (shape === "bar") return { width: Math.min(260, Math.max(96, name + 28)), height: 34 };
  if (shape === "diamond") return { width: Math.min(280, Math.max(node.type === "DO_WHILE" ? 196 : 150, name * 1.25 + 64)), height: 66 };
  return { width: Math.min(250, Math.max(148, Math.max(name, widthOf(node.sub || "", NOTE_FONT)) + 44)), height: NODE_HEIGHT };
}

/**
 * Lays out nodes `{id, type, label, sub, boxes}` and edges `{source, target, labels}`: `{nodes, edges, boxes, width,
 * height}`. A node's `boxes` name the frames that it stands in, outermost first.
 */
export function arrange(nodes, edges) {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir: "TB", nodesep: 26, ranksep: 34 + 14 * Math.max(0, ...nodes.map((node) => (node.boxes || []).length)), edgesep: 14, marginx: 20, marginy: 20, ranker: nodes.length > 150 ? "longest-path" : "network-simplex" });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) graph.setNode(node.id, { ...sizeOf(node) });
  edges.forEach((edge, index) => {
    const text = cut((edge.labels || []).join(", "), 150, NOTE_FONT);
    const label = text ? { width: widthOf(text, NOTE_FONT) + 10, height: 16, labelpos: "c" } : {};
    graph.setEdge(edge.source, edge.target, { ...label, text }, String(index));
  });
  // Definition order, without crossings; the default mirrors branches.
  layout(graph, { disableOptimalOrderHeuristic: true });
  const placed = new Map(nodes.map((node) => [node.id, { ...graph.node(node.id), shape: shapeOf(node.type) }]));
  const lines = edges.map((edge, index) => {
    const found = graph.edge(edge.source, edge.target, String(index));
    return { points: clip(found.points, placed.get(edge.source), placed.get(edge.target)), x: found.x, y: found.y, text: found.text };
  });
  const size = graph.graph();
  return fit({ nodes: placed, edges: lines, boxes: framesOf(nodes, placed), width: size.width, height: size.height });
}

function clip(points, source, target) {
  const line = points.map((point) => ({ ...point }));
  if (source.shape === "diamond") line[0] = onDiamond(source, line[1]);
  if (target.shape === "diamond") line[line.length - 1] = onDiamond(target, line[line.length - 2]);
  return line;
}

function onDiamond(node, towards) {
  const dx = towards.x - node.x;
  const dy = towards.y - node.y;
  const part = 1 / (Math.abs(dx) / (node.width / 2) + Math.abs(dy) / (node.height / 2) || 1);
  return { x: node.x + dx * part, y: node.y + dy * part };
}

function framesOf(nodes, placed) {
  const frames = new Map();
  for (const node of nodes) {
    const place = placed.get(node.id);
    (node.boxes || []).forEach((name, depth) => {
      const pad = 14 + 9 * (node.boxes.length - depth - 1);
      const frame = frames.get(name) || { x1: Infinity, y1: Infinity, x2: -Infinity, y2: -Infinity, depth };
      frame.x1 = Math.min(frame.x1, place.x - place.width / 2 - pad);
      frame.x2 = Math.max(frame.x2, place.x + place.width / 2 + pad);
      frame.y1 = Math.min(frame.y1, place.y - place.height / 2 - pad - 12 - 10 * (node.boxes.length - depth - 1));
      frame.y2 = Math.max(frame.y2, place.y + place.height / 2 + pad);
      frames.set(name, frame);
    });
  }
  return frames;
}

/** Nothing may stand outside of the picture: frames and back edges may be wider than what dagre knows of. */
function fit(found) {
  let [left, top, right, bottom] = [0, 0, found.width, found.height];
  const points = found.edges.flatMap((edge) => edge.points);
  for (const frame of found.boxes.values()) points.push({ x: frame.x1 - 4, y: frame.y1 - 4 }, { x: frame.x2 + 4, y: frame.y2 + 4 });
  for (const point of points) {
    left = Math.min(left, point.x - 4);
    top = Math.min(top, point.y - 4);
    right = Math.max(right, point.x + 4);
    bottom = Math.max(bottom, point.y + 4);
  }
  return { ...found, left, top, width: right - left, height: bottom - top };
}

/** A smooth line through points, as the path of an SVG. */
export function curve(points) {
  if (points.length < 3) return points.map((point, index) => `${index ? "L" : "M"}${round(point.x)},${round(point.y)}`).join("");
  let path = `M${round(points[0].x)},${round(points[0].y)}`;
  for (let index = 1; index < points.length - 1; index += 1) {
    const here = points[index];
    const next = index === points.length - 2 ? points[index + 1] : { x: (here.x + points[index + 1].x) / 2, y: (here.y + points[index + 1].y) / 2 };
    path += `Q${round(here.x)},${round(here.y)} ${round(next.x)},${round(next.y)}`;
  }
  return path;
}

function round(number) {
  return Math.round(number * 10) / 10;
}
