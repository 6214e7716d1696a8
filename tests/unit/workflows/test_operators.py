"""What holds for every operator: one suite over the registry, which a new operator joins by being there."""

from __future__ import annotations

import inspect
import json
import keyword
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import workflows
from tests.unit.workflows.orders import OrdersServer
from workflows import kafka_exchange
from workflows.errors import DuplicateOperator, IncompleteOperator, UnknownOperator
from workflows.model import WorkflowDef, WorkflowTask
from workflows.operator import (
    SECTIONS,
    Branch,
    Done,
    Example,
    Operator,
    Outcome,
    Repeat,
    Spec,
    Step,
    is_operator,
    operator_of,
    operators,
    register,
)
from workflows.reference import operators_page
from workflows.validation import validate

OPERATORS = {name: operator for name, operator in operators().items() if name == operator.type}
EXAMPLES = [
    pytest.param(operator, example, id=f"{name}: {example.title}")
    for name, operator in OPERATORS.items()
    for example in operator.examples
]
ROOT = Path(workflows.__file__).parent.parent
DEFINITIONS = sorted((ROOT / "workflows" / "definitions" / "examples").glob("*.json"))

# A document for each operator that lacks a field which it needs, or has one of a wrong shape.
MALFORMED: dict[str, dict[str, Any]] = {
    "DECISION": {"caseValueParam": "kind"},
    "DO_WHILE": {"loopCondition": "true"},
    "DYNAMIC": {},
    "EVENT": {},
    "FORK_JOIN": {"forkTasks": []},
    "PULL_WORKFLOW_MESSAGES": {"inputParameters": {"batchSize": [1]}},
    "HTTP": {"inputParameters": {"http_request": {"uri": "http://a.example", "headers": 5}}},
    "INLINE": {"inputParameters": {"value": 1}},
    "KAFKA_PUBLISH": {"inputParameters": {"kafka_request": {"headers": 5}}},
    "LAMBDA": {"inputParameters": {"value": 1}},
    "START_WORKFLOW": {"inputParameters": {}},
    "JSON_JQ_TRANSFORM": {"inputParameters": {"queryExpression": 5}},
    "SUB_WORKFLOW": {},
    "SWITCH": {"evaluatorType": "value-param", "expression": "kind"},
    "TERMINATE": {"inputParameters": {}},
    "WAIT": {"inputParameters": {"duration": 5}},
}
NO_FIELDS_TO_GET_WRONG = {"EXCLUSIVE_JOIN", "FORK_JOIN_DYNAMIC", "HUMAN", "JOIN", "NOOP", "SET_VARIABLE"}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def orders() -> Iterator[OrdersServer]:
    with OrdersServer() as server:
        yield server


@pytest.fixture
def kafka_in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    # librdkafka has a broker for tests in itself; the real one is in tests/e2e.
    monkeypatch.setattr(kafka_exchange, "_SENDING", {"linger.ms": 0, "test.mock.num.brokers": 1})


def step_of(
    operator: Operator, task: WorkflowTask, example: Example, given: dict[str, Any] | None = None
) -> Step:
    return Step(
        ref=task.task_reference_name,
        task=task,
        spec=operator.parse(task),
        input=given if given is not None else dict(example.input or task.input_parameters),
        iteration=example.iteration,
        tasks=example.tasks,
        now_ms=example.now_ms,
    )


def task_of(example: Example, orders: OrdersServer | None = None) -> WorkflowTask:
    text = json.dumps(example.task)
    return WorkflowTask.model_validate_json(
        text.replace("http://orders.example", orders.url) if orders else text
    )


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_lives_in_the_module_of_its_name(name: str) -> None:
    # As PEP 8 has it for a name that Python keeps for itself.
    module = f"{name.lower()}_" if keyword.iskeyword(name.lower()) else name.lower()
    assert type(OPERATORS[name]).__module__ == f"workflows.operators.{module}"


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operators_documentation_has_all_sections_and_no_empty_one(name: str) -> None:
    documentation = inspect.getdoc(OPERATORS[name]) or ""
    lines = [line.strip() for line in documentation.split("\n") if line.strip()]

    places = [lines.index(f"{section}:") for section in SECTIONS]

    assert places == sorted(places)
    assert all(place + 1 not in places and place + 1 < len(lines) for place in places)


@pytest.mark.parametrize(("operator", "example"), EXAMPLES)
@pytest.mark.usefixtures("kafka_in_process")
def test_an_example_ends_as_it_says(operator: Operator, example: Example, orders: OrdersServer) -> None:
    task = task_of(example, orders)

    outcome = operator.run(step_of(operator, task, example))

    assert outcome == example.outcome
    assert_children_exist(operator, task, outcome)


def assert_children_exist(operator: Operator, task: WorkflowTask, outcome: Outcome) -> None:
    if isinstance(outcome, Branch | Repeat):
        assert outcome.label in operator.children(task)


@pytest.mark.parametrize("name", OPERATORS)
def test_the_first_example_of_an_operator_has_no_findings(name: str) -> None:
    task = task_of(OPERATORS[name].examples[0])

    assert list(OPERATORS[name].check(task)) == []


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_names_its_children_by_their_path_in_the_document(name: str) -> None:
    for example in OPERATORS[name].examples:
        document = task_of(example).to_json()
        for label, tasks in OPERATORS[name].children(task_of(example)).items():
            found: Any = document
            for part in label.replace("[", ".[").split("."):
                found = found[int(part[1:-1])] if part.startswith("[") else found.get(part, [])
            assert [task["taskReferenceName"] for task in found] == [
                task.task_reference_name for task in tasks
            ]


@pytest.mark.parametrize("name", sorted(OPERATORS.keys() - NO_FIELDS_TO_GET_WRONG))
def test_a_malformed_task_is_refused(name: str) -> None:
    task = WorkflowTask.model_validate(
        {"name": "x", "taskReferenceName": "x", "type": name, **MALFORMED[name]}
    )

    with pytest.raises(ValidationError):
        OPERATORS[name].parse(task)


@pytest.mark.parametrize("name", OPERATORS)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_an_operator_answers_whatever_its_input_is(name: str, data: st.DataObject) -> None:
    operator = OPERATORS[name]
    example = data.draw(st.sampled_from(operator.examples))
    known = [key for one in operator.examples for key in (one.input or one.task.get("inputParameters", {}))]
    keys = st.sampled_from(known) | st.text(max_size=8) if known else st.text(max_size=8)
    given_input = data.draw(st.dictionaries(keys, json_values, max_size=4))

    outcome = operator.run(step_of(operator, task_of(example), example, given_input))

    assert isinstance(outcome, Outcome)


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: path.stem)
def test_an_example_definition_is_valid(path: Path) -> None:
    definition = WorkflowDef.model_validate_json(path.read_text())

    assert validate(definition) == []
    assert definition.name == path.stem


def test_there_is_an_example_definition_for_each_operator_that_runs_without_workers() -> None:
    assert {path.stem for path in DEFINITIONS} == {f"{name.lower()}_example" for name in OPERATORS}
    for path in DEFINITIONS:
        assert '"SIMPLE"' not in path.read_text()


def test_the_reference_page_is_what_the_operators_say() -> None:
    page = (ROOT / "docs" / "reference" / "operators.md").read_text()

    assert page == operators_page(), "run: python -m workflows.reference docs/reference/operators.md"


def test_only_a_value_param_switch_is_instant() -> None:
    task = task_of(OPERATORS["SWITCH"].examples[0])

    assert OPERATORS["SWITCH"].is_instant(task)
    assert not OPERATORS["SWITCH"].is_instant(task.model_copy(update={"evaluator_type": "javascript"}))


def test_an_unknown_operator_is_named_with_its_nearest_neighbour() -> None:
    assert not is_operator("SWICH")
    with pytest.raises(UnknownOperator, match="did you mean 'SWITCH'"):
        operator_of("SWICH")


class _Incomplete(Operator):
    """Not documented."""

    type = "INCOMPLETE"
    spec = Spec
    examples = (Example("one", {}, Done()),)


def test_an_operator_without_documentation_is_refused() -> None:
    with pytest.raises(IncompleteOperator, match="no section 'What it does'"):
        register(_Incomplete)

    assert not is_operator("INCOMPLETE")


def test_an_operator_without_an_example_is_refused() -> None:
    bare = type("Bare", (_Incomplete,), {"__doc__": "\n".join(SECTIONS), "examples": ()})

    with pytest.raises(IncompleteOperator, match="no examples"):
        register(bare)


def test_a_type_can_be_taken_only_once() -> None:
    second = type("Second", (_Incomplete,), {"__doc__": "\n".join(SECTIONS), "type": "NOOP"})

    with pytest.raises(DuplicateOperator, match="already taken by operator Noop"):
        register(second)
