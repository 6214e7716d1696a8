"""What the processes of Celery write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

_WRITE = """
import logging
from app.celery import app
app.log.setup(loglevel="INFO", redirect_stdouts=False)
where = "redis://:secret@localhost/0"
logging.getLogger("shop").info("connected to %s", where, extra={"event": "connected", "execution": "42"})
"""


def last_line(tmp_path: Path, **settings: str) -> str:
    environment = {"PATH": os.environ["PATH"], "PODIUM_STATE_DIR": str(tmp_path), **settings}
    done = subprocess.run(
        [sys.executable, "-c", _WRITE], env=environment, capture_output=True, text=True, check=True
    )
    return done.stderr.splitlines()[-1]


def test_lines_are_json_where_the_settings_say_so(tmp_path: Path) -> None:
    line = json.loads(last_line(tmp_path, PODIUM_LOG_FORMAT="json"))

    assert (line["message"], line["event"]) == ("connected to redis://:***@localhost/0", "connected")


def test_lines_for_people_end_in_what_machines_look_for(tmp_path: Path) -> None:
    line = last_line(tmp_path)

    assert line.endswith("connected to redis://:***@localhost/0 event=connected execution=42")
