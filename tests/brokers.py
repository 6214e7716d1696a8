"""Kafka and NATS as processes: real servers on the loopback, with ports and directories of their own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.localcelery.process import HOST, LocalProcess, ProcessSpec
from tests.servers import ServerMissing

ROOT = Path(__file__).parent.parent
KAFKA_JARS = ROOT / "build" / "kafka"
KAFKA_POM = ROOT / "tests" / "kafka" / "pom.xml"
_BROKER, _CONTROLLER, _NATS = "9092/tcp", "9093/tcp", "4222/tcp"
_PATIENCE_SECONDS = 90.0
_CLUSTER = "cG9kaXVtLXRlc3RzLWtma2"
_JVM = (
    "-Xms64m -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
)
# It formats its directory once, and outlives a restart with what it keeps.
_START_KAFKA = """
[ -e data ] || java {jvm} -cp "$JARS" kafka.tools.StorageTool format -t {cluster} -c server.properties || exit 1
exec java {jvm} -cp "$JARS" kafka.Kafka server.properties
"""


def kafka_installed() -> bool:
    """Whether the jars of this pom are there."""
    stamp = KAFKA_JARS / "pom.xml"
    return stamp.exists() and stamp.read_bytes() == KAFKA_POM.read_bytes()


def install_kafka() -> None:
    """Fetch the jars with Maven."""
    shutil.rmtree(KAFKA_JARS, ignore_errors=True)
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={KAFKA_JARS}"]
    subprocess.run(["mvn", "--quiet", "--batch-mode", "--file", str(KAFKA_POM), *goal], check=True)
    # Last, so that jars that came in part are fetched again.
    shutil.copy(KAFKA_POM, KAFKA_JARS / "pom.xml")


def start_kafka() -> LocalProcess:
    """Start a node of Kafka that is broker and controller; some 4 s."""
    if not kafka_installed():
        raise ServerMissing(f"no Kafka in {KAFKA_JARS}; fetch it with python -m tests.provision")
    script = _START_KAFKA.format(jvm=_JVM, cluster=_CLUSTER)

    def argv(node: LocalProcess) -> list[str]:
        (node.workdir / "server.properties").write_text(_properties(node))
        return ["sh", "-c", script]

    spec = ProcessSpec(command=argv, environment={"JARS": f"{KAFKA_JARS}/*"}, ports=(_BROKER, _CONTROLLER))
    process = LocalProcess(spec, "kafka").start()
    wait_for_kafka(process)
    return process


def kafka_servers(process: LocalProcess) -> str:
    """Its bootstrap servers."""
    return f"{HOST}:{process.port(_BROKER)}"


def wait_for_kafka(process: LocalProcess) -> None:
    """Wait until it answers."""
    admin = AdminClient({"bootstrap.servers": kafka_servers(process), "log_level": 0})

    def answers() -> bool:
        try:
            return bool(admin.list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    _wait(process, answers)


def _properties(node: LocalProcess) -> str:
    broker, controller = kafka_servers(node), f"{HOST}:{node.port(_CONTROLLER)}"
    return f"""
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{broker},CONTROLLER://{controller}
advertised.listeners=PLAINTEXT://{broker}
log.dirs={node.workdir}/data
num.partitions=2
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
"""


def nats_binary() -> str:
    """Return the server's program.

    Raises:
        ServerMissing: there is none.
    """
    found = shutil.which("nats-server")
    if found is None:
        raise ServerMissing("no nats-server on this machine; install it (apt-get install nats-server)")
    return found


def start_nats() -> LocalProcess:
    """Start a NATS with JetStream."""
    binary = nats_binary()

    def argv(node: LocalProcess) -> list[str]:
        own = ["--addr", HOST, "--port", str(node.port(_NATS))]
        return [binary, *own, "--jetstream", "--store_dir", str(node.workdir / "jetstream")]

    process = LocalProcess(ProcessSpec(command=argv, ports=(_NATS,)), "nats").start()
    wait_for_nats(process)
    return process


def nats_url(process: LocalProcess) -> str:
    """Its URL."""
    return f"nats://{HOST}:{process.port(_NATS)}"


def wait_for_nats(process: LocalProcess) -> None:
    """Wait until it answers."""

    def answers() -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex((HOST, process.port(_NATS))) == 0 and probe.recv(4) == b"INFO"

    _wait(process, answers)


def _wait(process: LocalProcess, answers: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not answers():
        if process.status != "running" or time.monotonic() > deadline:
            end = process.logs()[-4000:].decode(errors="replace")
            raise RuntimeError(f"{process.name} did not start:\n{end}")
        time.sleep(0.05)
