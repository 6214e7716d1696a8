"""Tasks that no Celery task does are handed to workers that poll."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.rest.client import Api, simple, workflow

ONE = workflow("one", simple("scan", inputParameters={"n": "${workflow.input.n}"}))


def test_a_task_is_handed_out_once_and_its_result_ends_the_execution(api: Api) -> None:
    api.register(ONE)
    execution = api.start("one", {"n": 7})

    task = api.poll("scan", workerid="w1")
    again = api.poll("scan", workerid="w2")
    answer = api.update(task, outputData={"m": 8})

    assert (task["inputData"], task["status"], task["workerId"], task["pollCount"]) == (
        {"n": 7},
        "IN_PROGRESS",
        "w1",
        1,
    )
    assert again is None
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (
        200,
        task["taskId"],
        "text/plain; charset=utf-8",
    )
    ended = api.execution(execution)
    assert (ended["status"], ended["output"]) == ("COMPLETED", {"m": 8})


def test_the_next_tasks_are_there_when_an_update_returns_operators_in_between_included(api: Api) -> None:
    script = {"evaluatorType": "javascript", "expression": "$.a + 1", "a": "${first.output.a}"}
    inline = {"name": "i", "taskReferenceName": "i", "type": "INLINE", "inputParameters": script}
    api.register(workflow("three", simple("first"), inline, simple("last")))
    execution = api.start("three")

    api.update(api.poll("first"), outputData={"a": 1})

    assert api.tasks(execution) == {"first": "COMPLETED", "i": "COMPLETED", "last": "SCHEDULED"}


def test_update_v2_hands_out_the_next_task_of_the_queue(api: Api) -> None:
    api.register(ONE)
    first, second = api.start("one", {"n": 1}), api.start("one", {"n": 2})
    task = api.poll("scan", workerid="w")

    body = {"taskId": task["taskId"], "workflowInstanceId": first, "status": "COMPLETED", "workerId": "w"}
    following = api.post("/tasks/update-v2", json=body)
    body |= {"taskId": following.json()["taskId"], "workflowInstanceId": second}
    last = api.post("/tasks/update-v2", json=body)

    assert following.json()["workflowInstanceId"] == second
    assert (last.status_code, last.content) == (204, b"")


def test_the_urgent_come_first_and_then_the_old(api: Api) -> None:
    api.register(ONE)
    for n, priority in ((1, 0), (2, 5), (3, 0), (4, 9)):
        api.start("one", {"n": n}, priority=priority)

    found = api.batch("scan", count=3) + api.batch("scan", count=3)

    assert [task["inputData"]["n"] for task in found] == [4, 2, 1, 3]


def test_a_poll_that_waits_is_handed_what_comes_meanwhile(api: Api, another: Callable[[], Api]) -> None:
    api.register(ONE)
    other = another()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(other.batch, "scan", timeout=5000)
        api.until(lambda: other.get("/tasks/queue/polldata", params={"taskType": "scan"}).json())
        began = time.monotonic()
        api.start("one", {"n": 1})
        found = waiting.result()

    assert [task["inputData"]["n"] for task in found] == [1]
    assert time.monotonic() - began < 3


def test_many_pollers_share_what_there_is(api: Api, another: Callable[[], Api]) -> None:
    api.register(ONE)
    clients = (api, another())
    for n in range(60):
        api.start("one", {"n": n})
    handed, lock = Counter[int](), threading.Lock()

    def work(worker: int) -> int:
        done, client = 0, clients[worker % 2]
        # Who finds nothing in time asks again, as workers do: on a busy machine the others may have been quicker.
        while len(handed) < 60:
            tasks = client.batch("scan", workerid=str(worker), count=2, timeout=50)
            with lock:
                handed.update(task["inputData"]["n"] for task in tasks)
            for task in tasks:
                client.update(task)
            done += len(tasks)
        return done

    with ThreadPoolExecutor(6) as pool:
        shares = list(pool.map(work, range(6)))

    assert handed == Counter(range(60))
    assert sum(shares) == 60
    # SQLite is not fair to those who wait for its lock: one of six may get none.
    assert sum(share > 0 for share in shares) >= 4


def test_what_is_in_progress_is_handed_out_again_after_its_delay_with_what_it_has_put_out(api: Api) -> None:
    api.register(ONE)
    api.start("one")
    task = api.poll("scan")

    api.update(task, "IN_PROGRESS", callbackAfterSeconds=1, outputData={"done": 5})
    at_once = api.poll("scan")
    later = api.until(lambda: api.poll("scan"))

    assert at_once is None
    assert (later["taskId"], later["pollCount"], later["outputData"]) == (task["taskId"], 2, {"done": 5})


def test_a_lease_is_extended_without_handing_the_task_to_another(api: Api) -> None:
    api.post(
        "/metadata/taskdefs", json=[{"name": "scan", "responseTimeoutSeconds": 2, "retryDelaySeconds": 0}]
    )
    api.register(ONE)
    execution = api.start("one")
    task = api.poll("scan")

    began = time.monotonic()
    while time.monotonic() - began < 3:
        api.update(task, "IN_PROGRESS", extendLease=True)
        api.sweeper.tick()
        assert api.poll("scan") is None
    assert api.tasks(execution) == {"scan": "IN_PROGRESS"}
    api.update(task)

    assert api.execution(execution)["status"] == "COMPLETED"


def test_the_task_of_a_worker_that_died_comes_back_by_policy(api: Api) -> None:
    api.post(
        "/metadata/taskdefs", json=[{"name": "scan", "responseTimeoutSeconds": 1, "retryDelaySeconds": 0}]
    )
    api.register(ONE)
    execution = api.start("one")
    lost = api.poll("scan", workerid="dies")

    second = api.until(lambda: api.poll("scan", workerid="lives"))
    late = api.update(lost, outputData={"of": "the dead"})
    api.update(second, outputData={"of": "the living"})

    assert (second["retryCount"], second["retriedTaskId"]) == (1, lost["taskId"])
    assert late.status_code == 200
    ended = api.execution(execution)
    assert ended["output"] == {"of": "the living"}
    assert [task["status"] for task in ended["tasks"]] == ["TIMED_OUT", "COMPLETED"]


def test_a_failure_is_retried_unless_it_is_final(api: Api) -> None:
    api.post("/metadata/taskdefs", json=[{"name": "scan", "retryCount": 5, "retryDelaySeconds": 0}])
    api.register(ONE)
    execution = api.start("one")

    api.update(api.poll("scan"), "FAILED", reasonForIncompletion="try again", logs=[{"log": "oh"}])
    api.update(api.poll("scan"), "FAILED_WITH_TERMINAL_ERROR", reasonForIncompletion="never")

    ended = api.execution(execution)
    assert ended["status"] == "FAILED"
    assert [task["reasonForIncompletion"] for task in ended["tasks"]] == ["try again", "never"]
    log = api.get(f"/tasks/{ended['tasks'][0]['taskId']}/log").json()
    assert [line["log"] for line in log] == ["oh"]


def test_queues_tell_their_size_and_who_polled(api: Api) -> None:
    api.register(ONE)
    api.start("one")
    api.start("one")
    api.poll("scan", workerid="w1")
    api.poll("other", workerid="w2", domain="d")

    assert api.get("/tasks/queue/sizes", params={"taskType": ["scan", "none"]}).json() == {
        "scan": 1,
        "none": 0,
    }
    assert api.get("/tasks/queue/all").json() == {"scan": 1}
    assert api.get("/tasks/queue/size", params={"taskType": "scan"}).json() == 1
    polls = api.get("/tasks/queue/polldata/all").json()
    assert [(p["queueName"], p["domain"], p["workerId"]) for p in polls] == [
        ("other", "d", "w2"),
        ("scan", None, "w1"),
    ]


def test_a_log_line_is_bare_text_whatever_its_type_says(api: Api) -> None:
    api.register(ONE)
    api.start("one")
    task = api.poll("scan")["taskId"]

    empty = api.get(f"/tasks/{task}/log")
    api.post(f"/tasks/{task}/log", content="half \\n done", headers={"content-type": "application/json"})
    unknown = api.post("/tasks/nix/log", content="x")

    assert empty.status_code == 204
    api.post(f"/tasks/{task}/log", content='"quoted"')
    assert [line["log"] for line in api.get(f"/tasks/{task}/log").json()] == ["half \n done", "quoted"]
    assert unknown.status_code == 404


def test_an_unknown_task_and_an_unknown_status_are_refused(api: Api) -> None:
    unknown = api.post("/tasks", json={"taskId": "nix", "workflowInstanceId": "x", "status": "COMPLETED"})
    bad = api.post("/tasks", json={"taskId": "nix", "workflowInstanceId": "x", "status": "DONE"})

    assert (unknown.status_code, unknown.json()["status"]) == (404, 404)
    assert "'nix'" in unknown.json()["message"]
    assert bad.status_code == 400
    assert api.get("/tasks/poll/batch/x", params={"timeout": 5001}).status_code == 400
