"""`python -m tests.provision`: find the servers that the tests start, install them where we may."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tests.brokers import install_kafka, kafka_installed
from tests.localcelery.vendors import rabbitmq_binary
from tests.servers import ServerMissing, postgresql_bin

PROGRAMS = {
    "chromium": "chromium",
    "nats-server": "nats-server",
    "default-jre-headless": "java",
    "maven": "mvn",
}
"""Packages whose program is on the PATH, wherever they come from."""


def missing_packages() -> list[str]:
    """Return the names of the system packages that are lacking."""
    missing = []
    try:
        postgresql_bin()
    except ServerMissing:
        missing.append("postgresql")
    try:
        rabbitmq_binary()
    except ServerMissing:
        missing.append("rabbitmq-server")
    missing += [package for package, program in PROGRAMS.items() if shutil.which(program) is None]
    return missing


def main() -> int:
    """Install what is missing as root on Debian or Ubuntu; elsewhere say what to install and return 1.

    Kafka, which no distribution has, comes from Maven into `build/`.
    """
    missing = missing_packages()
    if missing and install(missing) != 0:
        return 1
    if not kafka_installed():
        print("fetching Kafka for the tests")
        install_kafka()
    return 0


def install(missing: list[str]) -> int:
    """Install system packages; 1 if that may not be done here."""
    if os.getuid() != 0 or shutil.which("apt-get") is None:
        print(f"The tests need {' and '.join(missing)}; on Debian or Ubuntu:", file=sys.stderr)
        print(f"    sudo apt-get install {' '.join(missing)}", file=sys.stderr)
        return 1
    print(f"installing {' and '.join(missing)} for the tests")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], env=quiet, check=True)
    subprocess.run(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing], env=quiet, check=True
    )
    postgresql_bin.cache_clear()
    return 1 if missing_packages() else 0


if __name__ == "__main__":
    sys.exit(main())
