// Puts the graphs of an execution and of the sub-workflows that are open in place together into one.

import { stateOf } from "./model.js";

/** A fork of more branches is drawn as one stack. */
const WIDE = 20;
const OPERATORS = {
  SET_VARIABLE: "set variable",
  JSON_JQ_TRANSFORM: "jq",
  SUB_WORKFLOW: "sub-workflow",
  START_WORKFLOW: "starts",
  FORK_JOIN: "fork",
  FORK_JOIN_DYNAMIC: "dynamic fork",
};

/** What stands below a reference: the worker task, the sub-workflow, the operator. */
function below(node) {
  if (node.type === "SIMPLE") return node.name === node.id ? "" : node.name;
  const operator = OPERATORS[node.type] || node.type.toLowerCase().replaceAll("_", " ");
  if (node.type === "SUB_WORKFLOW" || node.type === "START_WORKFLOW") return `${operator} ${node.name}`;
  return operator;
}

/**
 * The picture of an execution: `{nodes, edges}`. Each node has its `part` (whose graph it is of), its `node` there and
 * its `state`. A part is `{id, graph, tasks, iterations, execution}`; `parts` finds those that are open by id.
 */
export function compose(part, parts, prefix = "", boxes = []) {
  const { nodes: states, edges: ways } = stateOf(part.graph, part.tasks, part.iterations, part.execution);
  const nodes = [];
  const edges = [];
  const exits = new Map();
  for (const node of part.graph.nodes) {
    if (prefix && node.id === "@start") continue;
    const state = states.get(node.id);
    const id = prefix + node.id;
    const around = [...boxes, ...node.loops.map((loop) => prefix + loop)];
    // The condition of a loop stands in the frame of its body.
    if (part.iterations.bodies.has(node.id)) around.push(id);
    nodes.push({ id, type: node.type, label: node.id.startsWith("@") ? node.name : node.id, sub: below(node), boxes: around, part, node, state });
    const child = state.task && state.task.sub_workflow_id && parts.get(state.task.sub_workflow_id);
    if (child) {
      const inner = compose(child, parts, `${prefix}${child.id}/`, [...around, child.id]);
      nodes.push(...inner.nodes);
      edges.push({ source: id, target: inner.entry, kind: "next", labels: [], way: "taken" }, ...inner.edges);
      exits.set(node.id, `${prefix}${child.id}/@end`);
    }
  }
  let entry = null;
  part.graph.edges.forEach((edge, index) => {
    const target = prefix + edge.target;
    if (prefix && edge.source === "@start") entry = target;
    else edges.push({ ...edge, source: exits.get(edge.source) || prefix + edge.source, target, way: ways[index] });
  });
  return stacked({ nodes, edges, entry }, part.graph, prefix);
}

/** Forks of more than `WIDE` branches: which of them each node is in, the outermost first. */
function wideForks(graph) {
  const branches = new Map();
  for (const node of graph.nodes) {
    if (!node.branch) continue;
    const [fork, index] = node.branch;
    if (!branches.has(fork)) branches.set(fork, new Set());
    branches.get(fork).add(index);
  }
  const branchOf = new Map(graph.nodes.map((node) => [node.id, node.branch]));
  const wide = new Map();
  for (const node of graph.nodes) {
    let outermost = null;
    for (let at = node.branch; at; at = branchOf.get(at[0])) if (branches.get(at[0]).size > WIDE) outermost = at[0];
    if (outermost) wide.set(node.id, outermost);
  }
  return { wide, branches };
}

/** The picture with the branches of each wide fork as one stack that counts them. */
function stacked(picture, graph, prefix) {
  const { wide, branches } = wideForks(graph);
  if (!wide.size) return picture;
  const stackOf = new Map([...wide].map(([id, fork]) => [prefix + id, `${prefix}${fork} branches`]));
  const stacks = new Map();
  const nodes = [];
  for (const node of picture.nodes) {
    const name = stackOf.get(node.id);
    if (!name) {
      nodes.push(node);
      continue;
    }
    if (!stacks.has(name)) {
      const fork = wide.get(node.node.id);
      const stack = { id: name, type: "STACK", label: `${branches.get(fork).size} branches`, sub: "", boxes: node.boxes, part: node.part, node: { id: fork, name: fork }, inside: [] };
      stacks.set(name, stack);
      nodes.push(stack);
    }
    stacks.get(name).inside.push(node);
  }
  for (const stack of stacks.values()) stack.state = countsOf(stack.inside);
  const edges = new Map();
  for (const edge of picture.edges) {
    const [source, target] = [stackOf.get(edge.source) || edge.source, stackOf.get(edge.target) || edge.target];
    if (source === target) continue;
    const key = `${source}\n${target}`;
    if (!edges.has(key) || edge.way === "taken") edges.set(key, { ...edge, source, target });
  }
  return { ...picture, nodes, edges: [...edges.values()] };
}

const ORDER = ["FAILED", "FAILED_WITH_TERMINAL_ERROR", "TIMED_OUT", "IN_PROGRESS", "RETRYING", "WAITING", "SCHEDULED", "CANCELED", "COMPLETED_WITH_ERRORS", "SKIPPED", "COMPLETED", "NOT_REACHED", "NOT_TAKEN"];

/** How many of some nodes are in which state, the worst first. */
function countsOf(nodes) {
  const counts = new Map();
  for (const node of nodes) counts.set(node.state.status, (counts.get(node.state.status) || 0) + 1);
  const found = [...counts].sort((a, b) => ORDER.indexOf(a[0]) - ORDER.indexOf(b[0]));
  return { status: found[0][0], counts: found, attempts: [], path: [] };
}
