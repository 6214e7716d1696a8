"""Database servers for tests: private, on a unix socket, with the settings that a real one has."""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

USER = "podium"


class ServerMissing(Exception):
    """A server that the tests need is not installed."""


@functools.cache
def postgresql_bin() -> Path:
    """Return the directory of PostgreSQL's programs, the newest version's.

    Raises:
        ServerMissing: there is none.
    """
    installed = sorted(
        (found.parent for found in Path("/usr/lib/postgresql").glob("*/bin/initdb")),
        key=lambda folder: float(folder.parent.name),
        reverse=True,
    )
    on_path = shutil.which("initdb")
    if on_path is not None:
        installed.append(Path(on_path).parent)
    if not installed:
        raise ServerMissing("no initdb on this machine; install PostgreSQL (apt-get install postgresql)")
    return installed[0]


@dataclass(frozen=True)
class Postgres:
    """A cluster of its own in a temporary directory; fsync is on, as in production."""

    folder: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls) -> Postgres:
        """Make a cluster and start it, in about a second. PostgreSQL refuses root: root lends it a user."""
        folder = Path(tempfile.mkdtemp(prefix="podium-pg-"))
        owner = _owner()
        if "user" in owner:
            shutil.chown(folder, owner["user"], owner["group"])
        data = folder / "data"
        trust = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", f"--username={USER}"]
        initdb = [str(postgresql_bin() / "initdb"), "-D", str(data), *trust]
        done = subprocess.run(initdb, cwd=folder, capture_output=True, text=True, check=False, **owner)
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")
        options = ["-c", "listen_addresses=", "-k", str(folder), "-c", "max_connections=200"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [str(postgresql_bin() / "postgres"), "-D", str(data), *options],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **owner,
            )
        server = cls(folder, process)
        server._wait_ready()
        return server

    def url(self, database: str) -> str:
        """Return the URL of one database."""
        return f"postgresql://{USER}@/{database}?host={self.folder}"

    def create(self, database: str, template: str = "template1") -> str:
        """Create a database as a copy of `template` and return its URL; some 30 ms."""
        self._execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.url(database)

    def drop(self, database: str) -> None:
        """Drop a database, its open connections too."""
        self._execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def stop(self) -> None:
        """Stop the cluster and delete it."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        shutil.rmtree(self.folder)

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _wait_ready(self, timeout_seconds: float = 30.0) -> None:
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(
                        f"PostgreSQL did not start:\n{(self.folder / 'log').read_text()}"
                    ) from None
                time.sleep(0.02)


def _owner() -> dict[str, Any]:
    if os.getuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    name = "postgres" if "postgres" in names else "nobody"
    return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}
