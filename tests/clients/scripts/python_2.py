"""conductor-python 2: decorated workers, the DSL and all clients, against the server of CONDUCTOR_SERVER_URL.

Run by the SDK's own interpreter; prints one JSON document.
"""

import json

from conductor.client.automator.task_handler import TaskHandler
from conductor.client.configuration.configuration import Configuration
from conductor.client.context.task_context import get_task_context
from conductor.client.http.models import RerunWorkflowRequest, StartWorkflowRequest, TaskDef, TaskResult
from conductor.client.http.models.schema_def import SchemaDef, SchemaType
from conductor.client.http.models.task_result_status import TaskResultStatus
from conductor.client.http.rest import ApiException
from conductor.client.orkes_clients import OrkesClients
from conductor.client.worker.worker_task import worker_task
from conductor.client.workflow.conductor_workflow import ConductorWorkflow
from conductor.client.workflow.task.do_while_task import LoopTask
from conductor.client.workflow.task.fork_task import ForkTask
from conductor.client.workflow.task.join_task import JoinTask
from conductor.client.workflow.task.pull_workflow_messages_task import PullWorkflowMessagesTask
from conductor.client.workflow.task.set_variable_task import SetVariableTask
from conductor.client.workflow.task.simple_task import SimpleTask
from conductor.client.workflow.task.sub_workflow_task import SubWorkflowTask
from conductor.client.workflow.task.switch_task import SwitchTask
from conductor.client.workflow.task.wait_task import WaitTask


@worker_task(
    task_definition_name="greet", poll_interval_millis=20, register_task_def=True, register_schema=True
)
def greet(name: str) -> str:
    return f"Hello {name}"


@worker_task(task_definition_name="double", poll_interval_millis=20, register_task_def=True)
def double(n: int) -> dict:
    return {"n": 2 * n}


@worker_task(task_definition_name="fails_once", poll_interval_millis=20)
def fails_once() -> dict:
    if get_task_context().get_retry_count() == 0:
        raise RuntimeError("not yet")
    return {"attempt": get_task_context().get_retry_count()}


def given(task, **inputs):
    for key, value in inputs.items():
        task.input_parameter(key, value)
    return task


def set_case(ref: str, case: str) -> SetVariableTask:
    return given(SetVariableTask(ref), case=case)


def hello(executor) -> ConductorWorkflow:
    flow = ConductorWorkflow(name="hello", version=1, executor=executor)
    task = greet(task_ref_name="greet", name=flow.input("name"))
    flow >> task
    flow.output_parameters({"result": task.output("result")})
    return flow


def large(executor) -> ConductorWorkflow:
    flow = ConductorWorkflow(name="large", version=1, executor=executor)
    left = given(SimpleTask("double", "left"), n=flow.input("n"))
    right = given(SimpleTask("double", "right"), n=10)
    fork = ForkTask("fork", [[left], [right]])
    join = JoinTask("join", join_on=["left", "right"])
    body = given(SimpleTask("double", "body"), n=1)
    loop = LoopTask("loop", 2, [body])
    switch = SwitchTask("choose", flow.input("case"))
    switch.switch_case("a", set_case("chosen", "a"))
    switch.default_case(set_case("other", "other"))
    sub = given(SubWorkflowTask("sub", "hello", 1), name="sub")
    flow >> fork >> join >> loop >> switch >> sub
    flow.output_parameters(
        {
            "left": left.output("n"),
            "right": right.output("n"),
            "case": "${workflow.variables.case}",
            "sub": sub.output("result"),
        }
    )
    return flow


def main() -> None:
    configuration = Configuration()
    clients = OrkesClients(configuration=configuration)
    executor = clients.get_workflow_executor()
    workflows, tasks, metadata = (
        clients.get_workflow_client(),
        clients.get_task_client(),
        clients.get_metadata_client(),
    )
    metadata.register_task_def(
        TaskDef(name="fails_once", retry_count=2, retry_delay_seconds=0, timeout_seconds=0)
    )
    found = {}
    hello(executor).register(True)
    large(executor).register(True)
    flaky = ConductorWorkflow(name="flaky", version=1, executor=executor)
    flaky >> SimpleTask("fails_once", "try")
    flaky.register(True)
    waits = ConductorWorkflow(name="waits", version=1, executor=executor)
    waits >> WaitTask("pause") >> SimpleTask("by_hand", "hand")
    waits.register(True)

    handler = TaskHandler(configuration=configuration, scan_for_annotated_workers=True)
    handler.start_processes()
    try:
        run = executor.execute(name="hello", version=1, workflow_input={"name": "you"}, wait_for_seconds=30)
        found["hello"] = [run.status, run.output]
        run = executor.execute(
            name="large", version=1, workflow_input={"n": 3, "case": "a"}, wait_for_seconds=30
        )
        found["large"] = [run.status, run.output]
        run = large(executor).execute({"n": 4, "case": "b"}, wait_for_seconds=30)
        found["inline"] = [run.status, run.output]
        run = executor.execute(name="flaky", version=1, wait_for_seconds=30)
        found["flaky"] = [run.status, [task.status for task in run.tasks]]
    finally:
        handler.stop_processes()

    waiting = workflows.start_workflow(
        StartWorkflowRequest(name="waits", version=1, correlation_id="c", priority=3, input={"a": 1})
    )
    workflows.pause_workflow(waiting)
    found["paused"] = workflows.get_workflow(waiting, False).status
    workflows.resume_workflow(waiting)
    tasks.update_task_by_ref_name(waiting, "pause", "COMPLETED", {"by": "hand"})
    found["size"] = tasks.get_queue_size_for_task("by_hand")
    task = tasks.poll_task("by_hand", "me")
    found["empty"] = tasks.poll_task("by_hand", "me").task_id
    tasks.add_task_log(task.task_id, 'half "done"')
    found["log"] = [line.log for line in tasks.get_task_logs(task.task_id)]
    found["polled"] = tasks.get_task_poll_data("by_hand")[0].worker_id
    found["reference"] = tasks.get_task(task.task_id).reference_task_name
    result = TaskResult(
        task_id=task.task_id, workflow_instance_id=waiting, status=TaskResultStatus.FAILED_WITH_TERMINAL_ERROR
    )
    tasks.update_task(result)
    found["failed"] = workflows.get_workflow_status(waiting).status
    workflows.retry_workflow(waiting)
    (task,) = tasks.batch_poll_tasks("by_hand", "me", 5, 1000)
    tasks.update_task_sync(waiting, "hand", "COMPLETED", {"x": 1})
    found["retried"] = workflows.get_workflow(waiting, True).status
    workflows.restart_workflow(waiting)
    found["restarted"] = workflows.get_workflow(waiting, True).status
    workflows.terminate_workflow(waiting, "enough")
    found["terminated"] = workflows.get_workflow(waiting, True).reason_for_incompletion
    found["rerun"] = workflows.rerun_workflow(waiting, RerunWorkflowRequest()) == waiting
    found["correlated"] = [
        w.workflow_id for w in workflows.get_by_correlation_ids("waits", ["c"], True, False)["c"]
    ] == [waiting]
    workflows.terminate_workflow(waiting, "enough")
    found["search"] = workflows.search(0, 10, "*", "workflowType = 'waits'").results[0].status
    found["definitions"] = sorted(d.name for d in metadata.get_all_workflow_defs())
    found["double"] = metadata.get_task_def("double").name
    metadata.unregister_workflow_def("flaky", 1)
    metadata.unregister_task_def("fails_once")
    try:
        metadata.get_workflow_def("flaky", 1)
    except ApiException as error:
        found["gone"] = error.code
    found["messages"] = messages(executor, workflows)
    found["schemas"] = schemas(clients.get_schema_client(), metadata)
    print(json.dumps(found))


def messages(executor, workflows):
    """What is sent to a running execution, and how often one that is cached is run."""
    flow = ConductorWorkflow(name="mailbox", version=1, executor=executor)
    flow >> PullWorkflowMessagesTask("next", batch_size=2)
    flow.register(True)
    execution = workflows.start_workflow(StartWorkflowRequest(name="mailbox", version=1))
    sent = workflows.send_message(execution, {"add": "tea"})
    done = workflows.get_workflow(execution, True)
    (message,) = done.output["messages"]
    try:
        workflows.send_message(execution, {"add": "more"})
    except ApiException as error:
        return [
            done.status,
            message["id"] == sent,
            message["workflowId"] == execution,
            message["payload"],
            error.code,
        ]


def schemas(client, metadata):
    """What the worker has registered from its signature, and what can be done with schemas."""
    made = client.get_schema("greet_input", 1)
    number = {"type": "object", "properties": {"n": {"type": "integer"}}}
    client.register_schema(SchemaDef(name="number", version=1, type=SchemaType.JSON, data=number))
    listed = sorted(schema.name for schema in client.get_all_schemas())
    client.delete_schema("number", 1)
    named = metadata.get_task_def("greet").input_schema.name
    try:
        client.delete_schema_by_name("greet_input")
    except ApiException as error:
        return [sorted(made.data["properties"]), listed, named, error.code]


if __name__ == "__main__":
    main()
