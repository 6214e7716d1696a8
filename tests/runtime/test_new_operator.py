"""An operator is one file: written down as docs/howto/add-an-operator.md says, it is checked, shown and run."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from app.operations import definitions
from app.store import migrations
from app.store.unit_of_work import Store
from config.database import create_engine
from tests.runtime.harness import Harness
from workflows import operator
from workflows.loading import load
from workflows.operator import operator_of
from workflows.reference import operators_page
from workflows.validation import validate

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "add-an-operator.md"


@pytest.fixture
def new_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The howto's operator under another name, in a file of its own that is imported."""
    found = re.search(r"```python\n(.*?)\n *```", HOWTO.read_text(), re.DOTALL)
    assert found is not None
    source = re.sub(r"^   ", "", found[1], flags=re.MULTILINE)
    file = tmp_path / "still.py"
    file.write_text(source.replace('"NOOP"', '"STILL"').replace("Done({})", 'Done({"still": True})'))
    spec = importlib.util.spec_from_file_location("still", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    operator.operators()
    monkeypatch.setattr(operator, "_REGISTRY", dict(operator._REGISTRY))
    monkeypatch.setitem(sys.modules, "still", module)
    spec.loader.exec_module(module)
    return "STILL"


def document(kind: str, **fields: Any) -> dict[str, Any]:
    one = {"name": "one", "taskReferenceName": "one", "type": kind, **fields}
    two = {"name": "work", "taskReferenceName": "two", "inputParameters": {"still": "${one.output.still}"}}
    return {"workflows": [{"name": "flow", "version": 1, "tasks": [one, two]}], "taskDefs": []}


def test_it_is_checked_documented_and_registered(new_type: str, database_url: str) -> None:
    assert operator_of(new_type).type == new_type
    assert f"\n## {new_type}\n" in operators_page()
    assert validate(load(document(new_type)).workflows[0]) == []


def test_it_runs_and_its_output_is_read(new_type: str, database_url: str) -> None:
    engine = create_engine(database_url)
    migrations.upgrade(engine)
    harness = Harness(Store(engine))
    definitions.register(harness.engine, load(document(new_type)))

    execution = harness.start("flow")
    harness.drain()

    assert harness.execution(execution).status == "COMPLETED"
    assert [(row.type, row.input) for row in harness.rows(execution)] == [
        (new_type, "{}"),
        ("work", '{"still":true}'),
    ]
    engine.dispose()
