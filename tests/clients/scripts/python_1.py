"""conductor-python 1.1: workers that poll one task at a time and update the old way.

Run by the SDK's own interpreter; prints one JSON document.
"""

import json
import time

from conductor.client.automator.task_handler import TaskHandler
from conductor.client.configuration.configuration import Configuration
from conductor.client.http.models import StartWorkflowRequest
from conductor.client.orkes_clients import OrkesClients
from conductor.client.worker.worker import Worker
from conductor.client.workflow.conductor_workflow import ConductorWorkflow
from conductor.client.workflow.task.simple_task import SimpleTask


def increment(task) -> dict:
    return {"n": task.input_data["n"] + 1}


def main() -> None:
    configuration = Configuration()
    clients = OrkesClients(configuration=configuration)
    executor = clients.get_workflow_executor()
    flow = ConductorWorkflow(name="old", version=1, executor=executor)
    first, second = SimpleTask("increment", "first"), SimpleTask("increment", "second")
    first.input_parameters.update({"n": "${workflow.input.n}"})
    second.input_parameters.update({"n": "${first.output.n}"})
    flow >> first >> second
    flow.register(True)
    worker = Worker(task_definition_name="increment", execute_function=increment, poll_interval=0.05)
    handler = TaskHandler(workers=[worker], configuration=configuration, scan_for_annotated_workers=False)
    handler.start_processes()
    try:
        client = clients.get_workflow_client()
        id_ = client.start_workflow(StartWorkflowRequest(name="old", version=1, input={"n": 1}))
        deadline = time.monotonic() + 30
        while (found := client.get_workflow(id_, True)).status == "RUNNING" and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        handler.stop_processes()
    print(json.dumps({"status": found.status, "output": found.output}))


if __name__ == "__main__":
    main()
