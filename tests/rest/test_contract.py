"""The OpenAPI document is kept: whatever fits it is answered as it says, and nothing that comes in makes a fault.

Deterministic and short, for CI: `CONTRACT_CALLS=200` tries as many calls of each operation.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.rest.application import api_document
from config.settings import Settings
from tests.rest.client import Api, simple, workflow
from tests.rest.conftest import serving

CALLS = int(os.environ.get("CONTRACT_CALLS", "6"))
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
DOCUMENT = api_document()
OPERATIONS = sorted((path, method) for path, operations in DOCUMENT["paths"].items() for method in operations)
Json = Any


@pytest.fixture(scope="module")
def served(sqlite_template: Path, broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API with an execution, a definition, a schedule and a handler in it."""
    folder = tmp_path_factory.mktemp("contract")
    (folder / "podium.db").write_bytes(sqlite_template.read_bytes())
    chosen = Settings(
        state_dir=folder,
        database_url=f"sqlite:///{folder}/podium.db",
        broker_url=broker,
        tick_seconds=0.05,
        payload_store_url=str(folder / "payloads"),
    )
    with serving(chosen) as (process, url), Api(url, process) as api:
        api.register(workflow("one", simple("scan")))
        api.post("/metadata/taskdefs", json=[{"name": "scan"}]).raise_for_status()
        for _ in range(3):
            api.start("one", correlationId="c")
        yield api


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_operation_answers_as_the_document_says(served: Api, path: str, method: str) -> None:
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    operation = schema[path][method.upper()]
    url = str(served.base_url).removesuffix("/api/")

    @given(
        case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
        | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    )
    @settings(
        max_examples=CALLS,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def call(case: Any) -> None:
        _short(case)
        response = case.call(base_url=url, session=None, timeout=60)
        case.validate_response(response, checks=CHECKS)

    call()


def _short(case: Any) -> None:
    """Nobody waits for what never comes."""
    query = case.query
    if isinstance(query, dict):
        for name in ("timeout", "waitForSeconds", "timeoutMillis"):
            if isinstance(query.get(name), int) and query[name] > 1:
                query[name] = 1
    if "waitForSeconds" in str(case.operation.definition.raw) and isinstance(query, dict):
        query["waitForSeconds"] = 1
