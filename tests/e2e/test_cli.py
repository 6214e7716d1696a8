"""The commands as real processes, beside a real `podium up`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.reference import ROOT
from tests.e2e.terminal import CELERY, PODIUM, Terminal, wait_until

DEFINITIONS = ROOT / "workflows" / "definitions"
SHOP = [str(file) for file in sorted(DEFINITIONS.glob("*.json"))]
WAITING = str(DEFINITIONS / "examples" / "wait_example.json")
GREETER = """
from celery import shared_task
from tasks.context import podium_context


@shared_task(name="greet")
def greet(name: str) -> dict[str, str]:
    podium_context().log(f"hello, {name}")
    return {"said": f"hello, {name}"}
"""
GREET = {
    "name": "greet",
    "version": 1,
    "tasks": [
        {
            "name": "greet",
            "taskReferenceName": "hello",
            "type": "SIMPLE",
            "inputParameters": {"name": "${workflow.input.name}"},
        }
    ],
    "outputParameters": {"said": "${hello.output.said}"},
}


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A terminal where `podium up` runs in the background and the shop's definitions are registered."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "greeter.py").write_text(GREETER)
    (folder / "greet.json").write_text(json.dumps(GREET))
    opened = Terminal(folder, imports="tasks,greeter")
    up = opened.open("up", "--no-flower", "--concurrency", "1")
    up.wait_for("podium | ready")
    done = opened.run("register", *SHOP, WAITING, "greet.json")
    assert done.returncode == 0, done.stderr
    yield opened
    up.ctrl_c()
    assert opened.left() == []


def an_order(order_id: str, sku: str = "beans-1kg") -> str:
    """The input of an order whose calls do not fail; an espresso machine is reviewed by somebody."""
    return json.dumps(
        {
            "order_id": order_id,
            "customer": {"name": "Ada", "email": "ada@example.com", "address": "1 Main Street"},
            "lines": [{"sku": sku, "qty": 1}],
            "trouble": {"failure_rate": 0, "work_ms": 0, "seed": 0},
        }
    )


def waiting(terminal: Terminal) -> str:
    """The id of an execution that waits."""
    return terminal.run("start", "wait_example", "--input", '{"duration": "1 hour"}').stdout.strip()


@pytest.mark.parametrize("program", [PODIUM, CELERY], ids=["podium", "celery -A app workflow"])
def test_an_order_is_followed_to_its_end_and_shown_as_a_tree(
    terminal: Terminal, program: Sequence[str]
) -> None:
    order_id = f"tree-{len(program)}"

    followed = terminal.run(
        *(
            "start",
            "order_fulfillment",
            "--follow",
            "--correlation-id",
            order_id,
            "--input",
            an_order(order_id),
        ),
        program=program,
    )

    execution = followed.stdout.splitlines()[0]
    shown = terminal.run("show", execution, program=program).stdout
    assert followed.returncode == 0, followed.stderr
    assert "  validate  COMPLETED  " in followed.stdout
    assert "status          COMPLETED" in followed.stdout
    for row in (
        "├── validate shop.validate_order ",
        "│   ├── branch 1",
        "│   │   └── authorise shop.authorise_payment ",
        "│   └── case low",
        "│   └── ship_parcels 1 ",
        "│       │   └── iteration 1",
        "│       │       ├── label__1 shop.create_label ",
        "└── summary JSON_JQ_TRANSFORM ",
    ):
        assert row in shown


def test_as_json_each_change_is_a_line_and_show_has_every_attempt(terminal: Terminal) -> None:
    followed = terminal.run(
        "start", "order_fulfillment", "--follow", "--json", "--input", "-", stdin=an_order("json")
    )

    lines = [json.loads(line) for line in followed.stdout.splitlines()]
    end = lines[-1]["workflow"]
    document = terminal.json("show", end["workflowId"])
    by_ref = {task["referenceTaskName"]: task for task in document["tasks"]}
    assert followed.returncode == 0
    assert {line["workflowId"] for line in lines} == {end["workflowId"]}
    assert (end["status"], end["output"]["summary"]["pieces"]) == ("COMPLETED", 1)
    assert ("validate", "COMPLETED") in {
        (line["task"]["referenceTaskName"], line["task"]["status"]) for line in lines[:-1]
    }
    assert by_ref["validate"]["taskType"] == "shop.validate_order"
    assert by_ref["ship"]["subWorkflow"]["workflowName"] == "ship_parcels"
    assert "label__1" in {task["referenceTaskName"] for task in by_ref["ship"]["subWorkflow"]["tasks"]}


def test_a_review_is_answered_with_complete(terminal: Terminal) -> None:
    order = an_order("review", "espresso-machine")
    following = terminal.open("start", "order_fulfillment", "--follow", "--input", order)
    following.wait_for("  review  IN_PROGRESS")
    execution = following.lines[0]

    explained = terminal.run("explain", execution)
    answered = terminal.run(
        "complete", execution, "review", "--output", '{"decision": "approve", "reviewer": "me"}'
    )
    code = following.end()
    late = terminal.run("complete", execution, "review")

    assert explained.stdout.startswith("review waits")
    assert answered.stdout == "review is completed\n"
    assert code == 0
    assert terminal.json("status", execution)["output"]["review"] == {"decision": "approve", "reviewer": "me"}
    assert (late.returncode, late.stdout) == (4, "")
    assert late.stderr == f"Error: execution {execution} is COMPLETED: its tasks have ended\n"


def test_following_an_execution_that_does_not_complete_ends_with_1(terminal: Terminal) -> None:
    following = terminal.open("start", "wait_example", "--follow", "--input", '{"duration": "1 hour"}')
    following.wait_for("  pause  IN_PROGRESS")

    failed = terminal.run("fail", following.lines[0], "pause", "--reason", "nobody came", "--terminal")

    assert failed.stdout == "pause has failed for good\n"
    assert following.end() == 1
    assert any("FAILED_WITH_TERMINAL_ERROR" in line and "nobody came" in line for line in following.lines)


def test_ctrl_c_ends_the_following_and_not_the_execution(terminal: Terminal) -> None:
    following = terminal.open("start", "wait_example", "--follow", "--input", '{"duration": "1 hour"}')
    following.wait_for("  pause  IN_PROGRESS")

    code = following.ctrl_c()

    execution = following.lines[0]
    assert code == 130
    assert f"it goes on; 'podium show {execution}' shows how far it is" in following.lines
    assert terminal.json("status", execution)["status"] == "RUNNING"


def test_terminate_ends_an_execution_with_its_reason(terminal: Terminal) -> None:
    execution = waiting(terminal)

    done = terminal.run("terminate", execution, "--reason", "cancelled by the customer")
    again = terminal.run("terminate", execution, "--reason", "twice")

    state = terminal.json("status", execution)
    assert done.stdout == f"{execution} is terminated\n"
    assert (state["status"], state["reasonForIncompletion"]) == ("TERMINATED", "cancelled by the customer")
    assert again.returncode == 4


def test_a_list_is_filtered_and_goes_on_page_by_page(terminal: Terminal) -> None:
    started = [
        terminal.run(
            "start", "wait_example", "--correlation-id", "pages", "--input", '{"duration": "1 hour"}'
        ).stdout.strip()
        for _ in range(3)
    ]
    terminal.run("terminate", started[0], "--reason", "enough")

    first = terminal.run("list", "--correlation-id", "pages", "--limit", "2")
    rest = terminal.json("list", "--correlation-id", "pages", "--before", started[1])
    running = terminal.json(
        "list", "--correlation-id", "pages", "--status", "running", "--name", "wait_example"
    )
    none = terminal.run("list", "--correlation-id", "pages", "--since", "2100-01-01")

    assert [line.split()[0] for line in first.stdout.splitlines()[2:]] == [started[2], started[1]]
    assert first.stderr == f"\nthe next page: --before {started[1]}\n"
    assert [state["workflowId"] for state in rest] == [started[0]]
    assert [state["workflowId"] for state in running] == [started[2], started[1]]
    assert none.stdout == "no execution fits\n"


def test_a_search_has_conditions_and_free_text_and_goes_on_page_by_page(terminal: Terminal) -> None:
    given = '{"duration": "1 hour", "for": "Ms. Lovelace %d"}'
    started = [
        terminal.run("start", "wait_example", "--input", given % number).stdout.strip() for number in range(3)
    ]
    terminal.run("terminate", started[0], "--reason", "enough")
    query = "workflowType = wait_example AND status = RUNNING"

    first = terminal.run("search", query, "--text", "ms. lovelace", "--size", "1")
    second = terminal.json("search", query, "--text", "ms. lovelace", "--size", "1", "--start", "1")
    oldest = terminal.json("search", "--text", "Ms. Lovelace", "--sort", "startTime:asc")
    tasks = terminal.run("search", "--tasks", f"workflowId = {started[1]} AND status = IN_PROGRESS")
    by_tasks = terminal.json("search", "--by-tasks", f"workflowId = {started[0]} AND taskType = WAIT")
    none = terminal.run("search", "--text", "Ms. Byron")
    refused = terminal.run("search", "colour = red")

    assert [line.split()[0] for line in first.stdout.splitlines()[2:]] == [started[2]]
    assert first.stderr == "\nthe next page: --start 1\n"
    assert [each["workflowId"] for each in second["results"]] == [started[1]]
    assert [each["workflowId"] for each in oldest["results"]] == started
    assert [line.split()[:5] for line in tasks.stdout.splitlines()[2:]] == [
        [started[1], "wait_example", "pause", "WAIT", "IN_PROGRESS"]
    ]
    assert (by_tasks["totalHits"], by_tasks["results"][0]["status"]) == (1, "TERMINATED")
    assert (none.stdout, none.stderr) == ("no execution fits\n", "")
    assert refused.returncode == 2
    assert "colour" in refused.stderr


def test_an_idempotency_key_makes_one_execution(terminal: Terminal) -> None:
    words = ("start", "wait_example", "--idempotency-key", "once", "--input", '{"duration": "1 hour"}')

    first, second = terminal.run(*words), terminal.run(*words)
    third = terminal.run(*words, "--idempotency-strategy", "FAIL")

    assert first.stdout == second.stdout != ""
    assert f"belongs to execution {first.stdout.strip()}" in third.stderr
    assert third.returncode == 4


def test_a_task_of_the_working_directory_runs_and_its_log_is_shown(terminal: Terminal) -> None:
    execution = terminal.run("start", "greet", "--follow", "--input", '{"name": "Ada"}').stdout.splitlines()[
        0
    ]

    # A task's lines are written beside it, maybe a moment after its end.
    wait_until(
        "the log is there", lambda: "INFO hello, Ada" in terminal.run("show", execution, "--logs").stdout
    )

    (task,) = terminal.json("show", execution, "--logs")["tasks"]
    assert (task["outputData"], task["logs"][0]["log"]) == ({"said": "hello, Ada"}, "hello, Ada")


def test_definitions_are_listed_printed_and_registered_again_without_a_change(terminal: Terminal) -> None:
    listed = terminal.run("definitions")
    one = terminal.run("definitions", "ship_parcels")
    tasks = terminal.run("definitions", "--tasks")
    (terminal.folder / "printed.json").write_text(one.stdout)
    again = terminal.run("register", "printed.json")

    assert listed.stdout.splitlines()[0].split() == ["name", "version", "tasks", "registered", "description"]
    assert json.loads(one.stdout)["name"] == "ship_parcels"
    assert "shop.charge_payment" in tasks.stdout
    assert again.stdout == "unchanged ship_parcels:1\n"


def test_a_file_that_is_refused_registers_nothing_of_any_file(terminal: Terminal) -> None:
    changed = {**GREET, "description": "not as it was"}
    (terminal.folder / "changed.json").write_text(json.dumps([{**GREET, "name": "new_one"}, changed]))
    invalid = {**GREET, "name": "invalid_one", "tasks": GREET["tasks"] * 2}  # type: ignore[operator]  # a list
    (terminal.folder / "invalid.json").write_text(json.dumps(invalid))

    conflict = terminal.run("register", "changed.json")
    refused = terminal.run("register", WAITING, "invalid.json")

    assert "'greet' version 1 is registered with another content" in conflict.stderr
    assert "workflow definition 'invalid_one' has 1 error:\n  tasks[1].taskReferenceName:" in refused.stderr
    assert (conflict.returncode, refused.returncode) == (4, 1)
    assert {"new_one", "invalid_one"} & {row["name"] for row in terminal.json("definitions")} == set()


def test_validate_looks_up_what_is_registered_when_it_is_asked_to(terminal: Terminal) -> None:
    order = str(DEFINITIONS / "order_fulfillment.json")

    alone, with_registered = terminal.run("validate", order), terminal.run("validate", "--registered", order)

    assert "2 warnings" in alone.stdout
    assert with_registered.stdout == "1 workflow definition, 0 task definitions: 0 errors, 0 warnings\n"


def test_the_worker_is_shown_with_its_queues_and_tasks(terminal: Terminal) -> None:
    (worker,) = terminal.json("workers")

    assert worker["hostname"] in terminal.run("workers").stdout
    assert (worker["concurrency"], worker["silent"]) == (1, False)
    assert {"greet", "shop.charge_payment"} <= set(worker["tasks"])


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["start", "order_fulfilment"],
            3,
            "no workflow definition 'order_fulfilment' is registered. Did you mean 'order_fulfillment'?",
        ),
        (
            ["start", "greet", "--version", "9"],
            3,
            "no workflow definition 'greet' version 9 is registered; 'podium definitions' lists its versions",
        ),
        (["start", "greet", "--input", "[1]"], 2, "the input must be a JSON object"),
        (["start", "greet", "--input", "{"], 2, "Invalid value for '--input': the text is no JSON"),
        (["start", "greet", "--priority", "100"], 2, "Invalid value for '--priority'"),
        (["start"], 2, "Missing argument 'NAME'"),
        (["definitions", "nothing"], 3, "no workflow definition 'nothing' is registered."),
        (["status", "no-such-id"], 3, "no execution has the id 'no-such-id'; 'podium list' shows the latest"),
        (["show", "no-such-id"], 3, "no execution has the id 'no-such-id'"),
        (["explain", "no-such-id"], 3, "no execution has the id 'no-such-id'"),
        (["complete", "no-such-id", "pause"], 3, "no execution has the id 'no-such-id'"),
        (["terminate", "no-such-id"], 2, "Missing option '--reason'"),
        (["list", "--since", "yesterday"], 2, "'yesterday' is no time"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_a_sentence_and_a_code(
    terminal: Terminal, words: list[str], code: int, message: str
) -> None:
    done = terminal.run(*words)

    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert (done.returncode, done.stdout) == (code, "")


def test_a_task_that_there_is_not_is_named_with_those_that_there_are(terminal: Terminal) -> None:
    execution = waiting(terminal)

    unknown = terminal.run("complete", execution, "pauze")
    early = terminal.run("complete", execution, "after")
    no_object = terminal.run("complete", execution, "pause", "--output", "7")

    assert f"execution {execution} has no task 'pauze'; its tasks: after, pause" in unknown.stderr
    assert "task after of execution" in early.stderr
    assert "must be a JSON object" in no_object.stderr
    assert (unknown.returncode, early.returncode, no_object.returncode) == (3, 4, 2)


def test_without_a_broker_nothing_is_started_and_the_rest_works(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, broker_url="redis://:secret@127.0.0.1:1/0")
    outdated = terminal.run("list")
    upgraded = terminal.run("db", "upgrade")
    registered = terminal.run("register", WAITING)

    done = terminal.run("start", "wait_example")

    assert "is at schema none, this version needs" in outdated.stderr
    assert "run 'podium db upgrade'" in outdated.stderr
    assert outdated.returncode == 5
    assert "it was at none" in upgraded.stdout
    assert registered.returncode == 0
    assert "Error: the broker redis://:***@127.0.0.1:1/0 does not answer" in done.stderr
    assert (done.returncode, done.stdout) == (5, "")
    assert terminal.json("list") == []


def test_without_podium_up_a_start_says_how_to_begin(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    terminal.run("register", WAITING)

    done, workers = terminal.run("start", "wait_example"), terminal.run("workers")

    assert "'podium up' starts the embedded one" in done.stderr
    assert done.returncode == 5
    assert workers.stdout.startswith("no worker lives; 'podium up'")


@pytest.mark.parametrize(
    "words", [["list"], ["start", "greet"], ["db", "current"], ["db", "check"], ["db", "upgrade"]]
)
def test_a_database_that_is_down_is_named_without_its_password(tmp_path: Path, words: list[str]) -> None:
    done = Terminal(tmp_path, database_url="postgresql://podium:secret@127.0.0.1:1/podium").run(*words)

    assert "Error: the database postgresql" in done.stderr
    assert "does not answer" in done.stderr
    assert "secret" not in done.stderr
    assert (done.returncode, done.stdout) == (5, "")


def test_the_schema_is_shown_made_and_checked(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)

    before = terminal.json("db", "current")
    unchecked = terminal.run("db", "check")
    made = terminal.json("db", "upgrade")
    again = terminal.run("db", "upgrade")
    checked = terminal.run("db", "check")

    assert (before["schema"], made["before"]) == (None, None)
    assert made["schema"] == before["needed"]
    assert unchecked.returncode == 5
    assert again.stdout.endswith(f"was at schema {made['schema']} already\n")
    assert checked.stdout.endswith(f"is at schema {made['schema']}; 0 differences\n")
    assert checked.returncode == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"concurency": "2"}, "Error: PODIUM_CONCURENCY is not a setting of Podium"),
        ({"database_url": "mysql://localhost/x"}, "Podium keeps its state in SQLite or PostgreSQL"),
        (
            {"imports": "tasks,no_such_module"},
            "PODIUM_IMPORTS=tasks,no_such_module: there is no module 'no_such_module'",
        ),
    ],
    ids=["unknown", "database", "imports"],
)
def test_settings_of_no_use_are_bad_input(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    done = Terminal(tmp_path, **settings).run("list")

    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 2


def test_schemas_are_kept_until_no_definition_names_them(terminal: Terminal) -> None:
    named = {"name": "greeting", "version": 2, "type": "JSON"}
    data = {"type": "object", "required": ["name"]}
    schema = {"name": "greeting", "data": data}
    (terminal.folder / "greeting.json").write_text(json.dumps(schema))
    (terminal.folder / "strict.json").write_text(json.dumps(GREET | {"name": "strict", "inputSchema": named}))

    early = terminal.run("register", "strict.json")
    put = [terminal.run("schema", "put", "greeting.json", *more) for more in ([], ["--new-version"])]
    registered = terminal.run("register", "strict.json")
    listed = json.loads(terminal.run("schema", "list", "--json").stdout)
    shown = json.loads(terminal.run("schema", "show", "greeting").stdout)
    refused = terminal.run("schema", "remove", "greeting")
    removed = terminal.run("schema", "remove", "greeting", "--version", "1")
    bad = terminal.run("start", "strict", "--input", "{}")

    assert early.returncode != 0
    assert "No schema 'greeting' version 2 is registered" in early.stderr
    assert [done.returncode for done in (*put, registered, removed)] == [0, 0, 0, 0]
    assert [row["version"] for row in listed] == [1, 2]
    assert shown["data"] == data
    assert "is used by workflow definition 'strict' version 1" in refused.stderr
    assert "'name' is a required property" in bad.stderr
