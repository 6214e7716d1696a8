"""What a process is put together from its settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.bootstrap import Process
from app.celery import make_app
from config.settings import Settings
from workflows import scripts
from workflows.errors import ScriptMemory, ScriptTimeout


@pytest.fixture
def _limits_as_before() -> Iterator[None]:
    yield
    scripts.limit(scripts.DEFAULT_LIMITS)


@pytest.mark.usefixtures("_limits_as_before")
def test_the_settings_limit_the_scripts_of_a_process(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, script_seconds=0.05, script_memory_bytes=1024**2)

    process = Process(make_app(settings), settings)

    with pytest.raises(ScriptTimeout, match=r"0\.05"):
        scripts.evaluate("while (true) {}", {})
    with pytest.raises(ScriptMemory):
        scripts.evaluate("var all = []; while (true) all.push('x'.repeat(1e5) + all.length)", {})
    process.close()
