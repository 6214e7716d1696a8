// Puts the graphs of an execution and of the sub-workflows that are open in place together into one.

import { stateOf } from "./model.js";

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
  return { nodes, edges, entry };
}
