// @io-orkes/conductor-javascript 4: a worker that ships parcels until it is ended.

import { OrkesClients, TaskHandler } from "@io-orkes/conductor-javascript";

const silent = { info() {}, debug() {}, warn() {}, error: console.error };
const clients = await OrkesClients.from({ serverUrl: process.env.CONDUCTOR_SERVER_URL });
const handler = new TaskHandler({
  client: clients.getClient ? clients.getClient() : clients.client,
  workers: [
    {
      taskDefName: "ship_order",
      pollInterval: 20,
      execute: async (task) => ({ status: "COMPLETED", outputData: { tracking: `T-${task.inputData.parcel}` } }),
    },
  ],
  scanForDecorated: false,
  logger: silent,
});
await handler.startWorkers();
