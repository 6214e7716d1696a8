"""`podium up` with real processes."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis

from app import embedded
from app.errors import BrokerUnavailable, StoreUnavailable
from app.processes import FlowerAddressError, choose_flower_port
from app.supervisor import Addresses, UpError, run_up
from config.settings import Settings

DRIVER = "import sys; from app.supervisor import run_up; from config.settings import Settings; " + (
    "sys.exit(run_up(Settings.from_env(), worker_concurrency=1, flower=False, api=False))"
)


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until the condition holds; fails with `what` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)


class Up:
    """`run_up` in a thread."""

    def __init__(
        self, settings: Settings, *, flower: bool = False, beat: bool = False, api: bool = False
    ) -> None:
        self.lines = list[str]()
        self.addresses: Addresses | None = None
        self.result: int | BaseException | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(settings, flower, beat, api))
        self._thread.start()

    def _run(self, settings: Settings, flower: bool, beat: bool, api: bool) -> None:
        try:
            self.result = run_up(
                settings,
                worker_concurrency=1,
                flower=flower,
                beat=beat,
                api=api,
                on_ready=lambda addresses: setattr(self, "addresses", addresses),
                stop_event=self._stopping,
                write=self.lines.append,
            )
        except BaseException as exc:  # noqa: BLE001  the test looks at it
            self.result = exc

    def has_said(self, words: str, times: int = 1) -> bool:
        """Whether that many lines hold `words`."""
        return sum(words in line for line in list(self.lines)) >= times

    def wait_ready(self) -> Up:
        """Wait until it has said that it is ready."""
        wait_for("ready", lambda: self.addresses is not None or self.result is not None)
        assert self.addresses is not None, (self.result, self.lines)
        return self

    def stop(self) -> int | BaseException | None:
        """Stop it and return what `run_up` returned or raised."""
        self._stopping.set()
        self._thread.join(60)
        return self.result


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Embedded, in a directory of the test's own."""
    return Settings(state_dir=tmp_path / "state")


@pytest.fixture
def start(settings: Settings) -> Iterator[Callable[..., Up]]:
    """Start `podium up` on the settings; stopped with the test."""
    started = list[Up]()

    def start_one(**options: bool) -> Up:
        started.append(Up(settings, **options))
        return started[-1]

    yield start_one
    for up in started:
        up.stop()


def processes_of(state_dir: Path) -> list[psutil.Process]:
    """Return the processes whose settings name the state directory, and its server."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("PODIUM_STATE_DIR") == str(state_dir) or process.cwd() == str(state_dir):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return [process for process in found if process.pid != os.getpid()]


def test_all_are_ready_together_and_stop_in_order(settings: Settings, start: Callable[..., Up]) -> None:
    up = start(flower=True, beat=True, api=True).wait_ready()
    assert up.addresses is not None
    assert up.addresses.flower is not None
    host, port = up.addresses.flower.removeprefix("http://").split(":")
    flower = http.client.HTTPConnection(host, int(port), timeout=5)
    flower.request("GET", "/api/workers")
    status = flower.getresponse().status
    flower.close()
    assert up.addresses.api is not None
    with urllib.request.urlopen(f"{up.addresses.api}/metadata/workflow") as answer:
        assert json.load(answer) == []

    result = up.stop()

    assert (host, status, result) == ("127.0.0.1", 200, 0)
    assert [line for line in up.lines if line.startswith("podium") and "stopped" in line] == [
        "podium | flower stopped (0)",
        "podium | api stopped (0)",
        "podium | events stopped (0)",
        "podium | beat stopped (0)",
        "podium | worker stopped (0)",
        "podium | stopped",
    ]
    assert processes_of(settings.state_dir) == []


def test_a_second_up_on_the_same_state_is_refused(settings: Settings, start: Callable[..., Up]) -> None:
    start().wait_ready()

    with pytest.raises(UpError, match=rf"already runs on .* \(process {os.getpid()}\)"):
        run_up(settings, flower=False)


def test_a_worker_and_a_broker_that_were_killed_are_started_again(
    settings: Settings, start: Callable[..., Up]
) -> None:
    up = start().wait_ready()
    (worker,) = [
        p for p in processes_of(settings.state_dir) if p.ppid() == os.getpid() and "worker" in p.cmdline()
    ]
    server = embedded.ensure(settings.state_dir)

    worker.kill()
    wait_for("a new worker", lambda: up.has_said(" ready.", times=2))
    os.kill(server.pid, signal.SIGKILL)
    wait_for("a new server", lambda: up.has_said("broker has gone") and embedded.running(settings.state_dir))

    assert up.has_said("worker exited with -9; starting it again")
    assert up.stop() == 0


def test_what_a_killed_up_left_is_stopped_and_its_messages_are_kept(
    settings: Settings, start: Callable[..., Up]
) -> None:
    first = subprocess.Popen(
        [sys.executable, "-c", DRIVER],
        env={**os.environ, **settings.environment()},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert first.stdout is not None
    with first.stdout:
        assert any("podium | ready" in line for line in first.stdout)
        with redis.Redis.from_url(embedded.ensure(settings.state_dir).redis_url()) as client:
            client.rpush("another_queue", "kept")
        first.kill()
        first.wait()
    left = processes_of(settings.state_dir)

    up = start().wait_ready()
    with redis.Redis.from_url(embedded.ensure(settings.state_dir).redis_url()) as client:
        kept = client.lrange("another_queue", 0, -1)

    assert any("worker" in process.cmdline() for process in left if process.is_running()) is False
    assert up.has_said("stopped a worker that an earlier podium up had left behind")
    assert up.has_said("stopped a beat that an earlier podium up had left behind")
    assert kept == [b"kept"]


def test_ctrl_c_in_the_terminal_stops_everything_with_code_0(settings: Settings) -> None:
    up = subprocess.Popen(
        [sys.executable, "-c", DRIVER],
        env={**os.environ, **settings.environment()},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert up.stdout is not None
    with up.stdout:
        assert any("podium | ready" in line for line in up.stdout)
        os.killpg(up.pid, signal.SIGINT)
        rest = up.stdout.read()

    assert up.wait(30) == 0
    assert rest.endswith("podium | stopped\n")
    assert processes_of(settings.state_dir) == []


def test_a_process_that_can_not_start_ends_it_with_its_name(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state", imports=("no_such_module",))
    lines = list[str]()

    with pytest.raises(UpError, match=r"the (worker|events) ended 3 times before it was ready"):
        run_up(settings, flower=False, beat=False, api=False, write=lines.append)

    assert any("No module named 'no_such_module'" in line for line in lines)
    assert processes_of(settings.state_dir) == []


def test_a_broker_or_database_that_is_down_is_named_without_its_password(tmp_path: Path) -> None:
    no_broker = Settings(state_dir=tmp_path, broker_url="redis://:secret@127.0.0.1:1/0")
    no_database = Settings(state_dir=tmp_path, database_url="postgresql://u:secret@127.0.0.1:1/db")

    with pytest.raises(BrokerUnavailable, match=r"redis://:\*\*\*@127.0.0.1:1/0"):
        run_up(no_broker, flower=False, write=lambda _: None)
    with pytest.raises(StoreUnavailable, match=r"u:\*\*\*@127.0.0.1:1/db"):
        run_up(no_database, flower=False, write=lambda _: None)

    assert not embedded.running(tmp_path)


def test_flowers_default_port_gives_way_and_a_chosen_one_does_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(FlowerAddressError, match="is taken"):
        choose_flower_port(Settings(flower_port=taken.getsockname()[1]))

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if listener.connect_ex(("127.0.0.1", 5555)) != 0:
            listener.close()
            with socket.create_server(("127.0.0.1", 5555)):
                assert choose_flower_port(Settings()) != 5555
        else:
            assert choose_flower_port(Settings()) != 5555


def test_flower_is_not_opened_to_the_network_without_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWER_BASIC_AUTH", raising=False)
    with pytest.raises(FlowerAddressError, match="FLOWER_BASIC_AUTH"):
        choose_flower_port(Settings(flower_address="0.0.0.0", flower_port=5999))

    monkeypatch.setenv("FLOWER_BASIC_AUTH", "user:password")
    assert choose_flower_port(Settings(flower_address="0.0.0.0", flower_port=5999)) == 5999
