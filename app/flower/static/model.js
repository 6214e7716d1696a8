// What the diagram shows: the graph of the program with the state of each node, for the chosen iterations.

const WAITERS = new Set(["WAIT", "HUMAN", "SUB_WORKFLOW", "JOIN", "PULL_WORKFLOW_MESSAGES", "EXCLUSIVE_JOIN"]);
const OPEN = new Set(["SCHEDULED", "IN_PROGRESS"]);

/** The status that is shown for an attempt: what waits is told from what runs. */
export function shownStatus(task, now) {
  if (task.status === "IN_PROGRESS" && !task.held && task.type !== "DO_WHILE") return "WAITING";
  if (task.status === "IN_PROGRESS" && WAITERS.has(task.type)) return "WAITING";
  if (task.status === "SCHEDULED" && task.attempt > 0 && task.due_at > now && !task.queue) return "RETRYING";
  return task.status;
}

/** Whether a status may still change. */
export function isOpen(status) {
  return OPEN.has(status) || status === "WAITING" || status === "RETRYING";
}

/** The reference with its iterations, as people write it: `charge__2`. */
export function fullRef(task) {
  return [task.ref, ...task.path].join("__");
}

/** All attempts of an execution, found by reference and iterations. */
export class Tasks {
  constructor() {
    this.byId = new Map();
    this.byPlace = new Map();
    this.paths = new Map();
  }

  /** Takes in what has changed; true: something has. */
  take(list) {
    let news = false;
    for (const task of list) {
      const before = this.byId.get(task.id);
      if (before && JSON.stringify(before) === JSON.stringify(task)) continue;
      news = true;
      this.byId.set(task.id, task);
      const key = task.ref + "\n" + task.path.join(".");
      const attempts = this.byPlace.get(key) || [];
      const place = attempts.findIndex((one) => one.attempt >= task.attempt);
      if (place >= 0 && attempts[place].attempt === task.attempt) attempts[place] = task;
      else if (place >= 0) attempts.splice(place, 0, task);
      else attempts.push(task);
      this.byPlace.set(key, attempts);
      if (!this.paths.has(task.ref)) this.paths.set(task.ref, new Map());
      this.paths.get(task.ref).set(task.path.join("."), task.path);
    }
    return news;
  }

  /** The attempts at a place, the first one first. */
  at(ref, path) {
    return this.byPlace.get(ref + "\n" + path.join(".")) || [];
  }

  /** All attempts, in the order of scheduling. */
  all() {
    return [...this.byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }
}

/** Which iteration of each loop is shown: the chosen one, else the latest. */
export class Iterations {
  constructor(graph, tasks) {
    this.chosen = new Map();
    this.tasks = tasks;
    this.bodies = new Map();
    for (const node of graph.nodes) {
      node.loops.forEach((loop, depth) => {
        if (!this.bodies.has(loop)) this.bodies.set(loop, []);
        this.bodies.get(loop).push([node.id, depth]);
      });
    }
  }

  /** How many iterations of a loop have begun, at the iterations of the loops around it. */
  last(loop, outer) {
    let last = 0;
    for (const [ref, depth] of this.bodies.get(loop) || []) {
      for (const path of (this.tasks.paths.get(ref) || new Map()).values()) {
        if (path.length > depth && outer.every((number, index) => path[index] === number)) last = Math.max(last, path[depth]);
      }
    }
    return last;
  }

  /** The iterations that are shown of some loops, outermost first. */
  path(loops) {
    const path = [];
    for (const loop of loops) {
      const last = this.last(loop, path);
      path.push(Math.min(this.chosen.get(loop) || last, last) || 1);
    }
    return path;
  }

  /** Shows an iteration of a loop; the last one: follow it. */
  choose(loop, number, last) {
    if (number >= last) this.chosen.delete(loop);
    else this.chosen.set(loop, Math.max(1, number));
  }
}

/** The state of each node and of each edge, and what loops there are. */
export function stateOf(graph, tasks, iterations, execution) {
  const nodes = new Map();
  for (const node of graph.nodes) nodes.set(node.id, nodeState(node, tasks, iterations, execution));
  const chosen = new Map();
  for (const node of graph.nodes) {
    const task = nodes.get(node.id).task;
    if (task && task.case) chosen.set(node.id, task.case);
  }
  const edges = graph.edges.map((edge) => edgeState(edge, nodes, chosen));
  markNotTaken(graph, nodes, edges, execution);
  return { nodes, edges };
}

function nodeState(node, tasks, iterations, execution) {
  if (execution.status === "DEFINITION") return { status: "NOT_REACHED", attempts: [], path: [] };
  if (node.type === "START") return { status: "COMPLETED", attempts: [], path: [] };
  if (node.type === "END") {
    const status = execution.status === "RUNNING" || execution.status === "PAUSED" ? "NOT_REACHED" : execution.status;
    return { status, attempts: [], path: [] };
  }
  const path = iterations.path(node.loops);
  const attempts = tasks.at(node.id, path);
  const task = attempts.at(-1);
  const status = task ? shownStatus(task, execution.now) : "NOT_REACHED";
  const state = { status, attempts, path, task };
  if (iterations.bodies.has(node.id)) {
    state.iterations = iterations.last(node.id, path);
    state.iteration = iterations.path([...node.loops, node.id]).at(-1);
  }
  return state;
}

function edgeState(edge, nodes, chosen) {
  const source = nodes.get(edge.source);
  const target = nodes.get(edge.target);
  const there = target && target.status !== "NOT_REACHED";
  if (edge.kind === "case") {
    const taken = chosen.get(edge.source);
    if (taken === undefined) return "idle";
    return edge.labels.includes(taken) ? "taken" : "refused";
  }
  if (edge.kind === "again") return source.iterations > 1 ? "taken" : "idle";
  const done = source.task ? !isOpen(source.status) : source.status !== "NOT_REACHED";
  return there && (done || edge.kind === "branch") ? "taken" : "idle";
}

/** Where no way leads to any more, nothing will be reached: neither a case that was not chosen nor what follows it. */
function markNotTaken(graph, nodes, edges, execution) {
  if (execution.status === "DEFINITION") return;
  const over = execution.status !== "RUNNING" && execution.status !== "PAUSED";
  const into = new Map();
  graph.edges.forEach((edge, index) => {
    if (!into.has(edge.target)) into.set(edge.target, []);
    into.get(edge.target).push([edge, index]);
  });
  for (const node of graph.nodes) {
    const state = nodes.get(node.id);
    if (state.status !== "NOT_REACHED" || node.type === "END") continue;
    const ways = (into.get(node.id) || []).filter(([edge]) => edge.kind !== "again");
    if (ways.length && ways.every(([edge, index]) => edges[index] === "refused" || nodes.get(edge.source).status === "NOT_TAKEN")) {
      state.status = "NOT_TAKEN";
    } else if (over) state.over = true;
  }
  graph.edges.forEach((edge, index) => {
    if (nodes.get(edge.source).status === "NOT_TAKEN") edges[index] = "refused";
  });
}
