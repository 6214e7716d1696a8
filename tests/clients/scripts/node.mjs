// @io-orkes/conductor-javascript 4: a worker, the builder of workflows and the executor, against the server of
// CONDUCTOR_SERVER_URL. Prints one JSON document.

import { ConductorWorkflow, OrkesClients, TaskHandler, simpleTask } from "@io-orkes/conductor-javascript";

const silent = { info() {}, debug() {}, warn() {}, error: console.error };
const greet = {
  taskDefName: "node_greet",
  pollInterval: 20,
  execute: async (task) => ({
    status: "COMPLETED",
    outputData: { result: `Hello ${task.inputData.name}` },
  }),
};

const clients = await OrkesClients.from({ serverUrl: process.env.CONDUCTOR_SERVER_URL });
const executor = clients.getWorkflowClient();
const workflow = new ConductorWorkflow(executor, "node_greetings")
  .add(simpleTask("greet_ref", "node_greet", { name: "${workflow.input.name}" }))
  .outputParameters({ result: "${greet_ref.output.result}" });
await workflow.register(true);

const handler = new TaskHandler({
  client: clients.getClient ? clients.getClient() : clients.client,
  workers: [greet],
  scanForDecorated: false,
  logger: silent,
});
await handler.startWorkers();
const found = {};
try {
  const run = await workflow.execute({ name: "node" }, undefined, 30);
  found.execute = [run.status, run.output];
  const id = await executor.startWorkflow({ name: "node_greetings", version: 1, input: { name: "again" } });
  let state;
  const deadline = Date.now() + 30000;
  do {
    state = await executor.getWorkflow(id, true);
    await new Promise((resolve) => setTimeout(resolve, 20));
  } while (state.status === "RUNNING" && Date.now() < deadline);
  found.start = [state.status, state.output];
  const search = await executor.search(0, 10, "workflowType = 'node_greetings'", "*");
  found.search = search.results.length;
} finally {
  await handler.stopWorkers();
}
console.log(JSON.stringify(found));
process.exit(0);
