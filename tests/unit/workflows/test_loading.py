"""Loading: the shapes of a document, and what is said about those that can't be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workflows.errors import UnreadableDefinition
from workflows.loading import load, load_document, load_text

WORKFLOW = {"name": "order", "tasks": [{"name": "charge", "taskReferenceName": "charge"}]}
TASK_DEF = {"name": "charge", "retryCount": 1}


def problem_of(text: str, **options: Any) -> str:
    with pytest.raises(UnreadableDefinition) as refused:
        load_text(text, source="order.json", **options)
    return str(refused.value)


@pytest.mark.parametrize(
    ("document", "workflows", "tasks"),
    [
        (WORKFLOW, ["order"], []),
        (TASK_DEF, [], ["charge"]),
        ([WORKFLOW, TASK_DEF], ["order"], ["charge"]),
        ({"workflow": WORKFLOW}, ["order"], []),
        ({"workflow": {"name": "empty"}}, ["empty"], []),
        ({"taskDef": {"name": "bare"}}, [], ["bare"]),
        (
            {"workflows": [WORKFLOW, WORKFLOW], "taskDefs": [TASK_DEF, {"name": "b"}]},
            ["order"] * 2,
            ["charge", "b"],
        ),
        ([{"workflow": WORKFLOW}, [TASK_DEF]], ["order"], ["charge"]),
    ],
)
def test_a_document_holds_definitions_in_several_shapes(
    document: Any, workflows: list[str], tasks: list[str]
) -> None:
    definitions = load_document(document)

    assert [definition.name for definition in definitions.workflows] == workflows
    assert [definition.name for definition in definitions.tasks] == tasks
    assert load_text(json.dumps(document)) == load_document(document, source="<text>")


def test_files_are_read_by_their_suffix(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(WORKFLOW))
    (tmp_path / "b.yaml").write_text("name: order\ntasks:\n- {name: charge, taskReferenceName: charge}\n")
    (tmp_path / "c.YML").write_text("\ufeffname: order\ntasks: [{name: charge, taskReferenceName: charge}]")

    assert load(tmp_path / "a.json").workflow == load(str(tmp_path / "b.yaml")).workflow
    assert load(tmp_path / "c.YML").workflow == load(WORKFLOW).workflow


def test_a_yaml_file_may_hold_several_documents() -> None:
    definitions = load_text("name: a\ntasks: []\n---\nname: t\nretryCount: 2\n")

    assert definitions.workflow.name == "a"
    assert definitions.tasks[0].retry_count == 2


def test_yaml_scalars_mean_what_they_would_in_json() -> None:
    text = """
    name: w
    tasks: []
    variables: {yes: no, on: off, 1: 010, day: 2030-01-31, at: 12:30:00, n: 1e3, f: 1.5, none: ~, t: true}
    metadata: {void: }
    """

    definition = load_text(text).workflow

    assert definition.metadata == {"void": None}
    assert definition.variables == {
        **{"yes": "no", "on": "off", "1": 10, "day": "2030-01-31", "at": "12:30:00"},
        **{"n": 1000.0, "f": 1.5, "none": None, "t": True},
    }


def test_yaml_anchors_and_merges_are_understood() -> None:
    text = """
    taskDefs:
    - &base {name: a, retryCount: 1}
    - {<<: *base, name: b}
    - *base
    """

    assert [(task.name, task.retry_count) for task in load_text(text).tasks] == [("a", 1), ("b", 1), ("a", 1)]


def test_every_wrong_field_is_named_with_its_path_and_line() -> None:
    text = """{"name": "w", "tasks": [
      {"name": "a", "taskReferenceName": "a"},
      {"name": "b"},
      {"name": "f", "taskReferenceName": "f", "forkTasks": [[
        {"name": "c", "taskReferenceName": "c"},
        {"name": "d", "taskReferenceName": "d", "retryCount": -1}]]}
    ]}"""

    with pytest.raises(UnreadableDefinition) as refused:
        load_text(text, source="order.json")

    assert refused.value.problems == (
        ("tasks[1].taskReferenceName", "Field required (line 3)"),
        ("tasks[2].forkTasks[0][1].retryCount", "Input should be greater than or equal to 0 (line 6)"),
    )
    assert str(refused.value).startswith(
        "order.json: 2 problems in its fields:\n  tasks[1].taskReferenceName: Field"
    )


def test_a_wrong_field_in_a_later_document_and_an_odd_name_is_found() -> None:
    text = "name: a\ntasks: []\n---\nworkflows:\n- name: b\n  tasks:\n  - name: s\n    taskReferenceName: s\n"
    text += "    decisionCases:\n      a b.c:\n      - {name: 1, taskReferenceName: x}\n"

    assert (
        "workflows[0].tasks[0].decisionCases['a b.c'][0].name: Input should be a valid string (line 11)"
        in (problem_of(text))
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"name": "w",\n  }', "line 2, column 3: no JSON"),
        ("name: [a\nb: c", "line 2, column 2: no YAML"),
        ('{"a": 1, "a": 2}', "the key 'a' occurs twice"),
        ("b: 1\na: {x: 1, x: 2}", "line 2, column 11: the key 'x' occurs twice"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ("a: !!python/object:os.system {}", "line 1, column 4: no YAML"),
        ("a: !!timestamp 2030-01-31", "is no JSON value"),
        ("a: !!float .inf", "no YAML"),
        ("? [a, b]\n: c", "line 1, column 3: a key must be a name"),
        ("a: &a [1, *a]", "it contains itself by an alias"),
        ("", "it holds no definition"),
        ("[]", "it holds no definition"),
        ('{"name": "w"}', "neither a workflow definition"),
        ('"text"', "neither a workflow definition"),
        ('{"workflows": {"name": 1}}', "workflows.name: Input should be a valid string"),
    ],
)
def test_what_can_not_be_read_is_refused_with_its_place(text: str, problem: str) -> None:
    said = problem_of(text)

    assert said.startswith("order.json: ")
    assert problem in said


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "- " * 3_000, "[" * 101 + "]" * 101, "x: " + "{a: " * 100 + "}" * 100]
)
def test_nesting_is_limited(text: str) -> None:
    assert "nested deeper than 100" in problem_of(text)


def test_nesting_up_to_the_limit_is_read() -> None:
    inner = "[" * 97 + "]" * 97

    assert load_text(f'{{"name": "w", "tasks": [], "variables": {{"v": {inner}}}}}').workflow.variables["v"]


def test_a_text_over_the_limit_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "big.json"
    file.write_text(json.dumps({**WORKFLOW, "description": "x" * 2000}))

    with pytest.raises(UnreadableDefinition, match="longer than the 1,000 bytes"):
        load(file, max_bytes=1000)
    assert "it has 2,098 bytes; at most 1,000 are read" in problem_of(file.read_text(), max_bytes=1000)
    assert load(file, max_bytes=10_000).workflow.name == "order"


def test_aliases_that_stand_for_billions_of_values_are_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]

    assert "aliases stand for more than 1,000,000 values" in problem_of("\n".join(lines))


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.toml", b"", "must end in .json, .yaml or .yml"),
        ("a.json", b'{"name": "\xff"}', "byte 10 is no UTF-8"),
    ],
)
def test_a_file_that_can_not_be_read_is_refused(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)

    with pytest.raises(UnreadableDefinition, match=problem):
        load(file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDefinition, match=r"gone\.json: No such file"):
        load(tmp_path / "gone.json")


def test_one_workflow_is_asked_for_and_there_are_two() -> None:
    with pytest.raises(UnreadableDefinition, match="it has 2"):
        _ = load_document([WORKFLOW, WORKFLOW]).workflow


@pytest.mark.parametrize("value", [{1: 2}, {"a": {1, 2}}, [float("nan")]])
def test_a_python_value_that_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(UnreadableDefinition):
        load_document(value)


def test_a_python_value_that_contains_itself_is_refused() -> None:
    value: list[Any] = []
    value += [value, value]

    with pytest.raises(UnreadableDefinition, match="more than 1,000,000 values"):
        load_document(value)
