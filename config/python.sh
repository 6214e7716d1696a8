#!/bin/sh
# Make a virtual environment at $1 with the first Python on PATH that is new enough.
set -eu
for name in python3 python3.13 python3.12 python3.11; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$name
        break
    fi
done
if [ -z "${python:-}" ]; then
    echo "Podium needs Python 3.11 or newer; python3 is $(python3 --version 2>/dev/null || echo missing)." >&2
    echo "Install it (https://www.python.org/downloads/, or your system's python3.13) and run make again." >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    # Debian and Ubuntu ship Python without this part of its standard library.
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing python$version-venv, which this system's Python lacks"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "python$version-venv" >/dev/null
    else
        echo "This system's Python can't make virtual environments: sudo apt-get install python$version-venv" >&2
        exit 1
    fi
fi
"$python" -m venv "$1"
