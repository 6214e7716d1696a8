"""What users of Conductor have works with Podium, unchanged."""

from __future__ import annotations

from tests.clients.conftest import RunScript


def test_conductor_python_2_works_with_workers_dsl_and_clients(python_2: RunScript) -> None:
    found = python_2("python_2.py")

    assert found == {
        "hello": ["COMPLETED", {"result": "Hello you"}],
        "large": ["COMPLETED", {"left": 6, "right": 20, "case": "a", "sub": "Hello sub"}],
        "inline": ["COMPLETED", {"left": 8, "right": 20, "case": "other", "sub": "Hello sub"}],
        "flaky": ["COMPLETED", ["FAILED", "COMPLETED"]],
        "paused": "PAUSED",
        "size": 1,
        "empty": None,
        "log": found["log"],
        "polled": "me",
        "reference": "hand",
        "failed": "FAILED",
        "retried": "COMPLETED",
        "restarted": "RUNNING",
        "terminated": "enough",
        "rerun": True,
        "correlated": True,
        "search": "TERMINATED",
        "definitions": ["flaky", "hello", "large", "waits"],
        "double": "double",
        "gone": 404,
        "messages": ["COMPLETED", True, True, {"add": "tea"}, 409],
        "schemas": [["name"], ["greet_input", "greet_output", "number"], "greet_input", 409],
    }
    # The SDK itself cuts the last quote off a line that ends with one.
    assert found["log"][0].startswith("half ")


def test_conductor_python_1_polls_and_updates_the_old_way(python_1: RunScript) -> None:
    assert python_1("python_1.py") == {"status": "COMPLETED", "output": {"n": 3}}


def test_a_worker_on_node_and_the_javascript_sdk(node: RunScript) -> None:
    assert node("node.mjs") == {
        "execute": ["COMPLETED", {"result": "Hello node"}],
        "start": ["COMPLETED", {"result": "Hello again"}],
        "search": 2,
    }


JAVA_WORKER = {
    "status": "COMPLETED",
    "output": {"said": "Hello Java"},
    "attempts": ["FAILED", "COMPLETED"],
    "log": "greeted",
    "definition": "hello_java",
}


def test_a_worker_and_clients_in_java(java: RunScript) -> None:
    assert java("JavaWorker.java") == JAVA_WORKER


def test_a_worker_and_clients_in_java_of_today(java_6: RunScript) -> None:
    assert java_6("JavaWorker.java") == JAVA_WORKER


def test_files_in_java(java_6: RunScript) -> None:
    found = java_6("JavaFiles.java")

    assert "is none of the family of file" in found.pop("stranger")
    assert "no file has the id 'nothing'" in found.pop("unknown")
    assert found == {
        "handle": True,
        "told": ["report.bin", "application/x-report", 5_000_000, "CONDUCTOR", "UPLOADED"],
        "same": True,
        "streamed": "a stream",
    }
