"""Addresses of brokers and databases: the embedded server's socket, and URLs without passwords for logs."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

SOCKET_PATH_MAX = 100
"""Bytes. A socket's path is at most 104 bytes on macOS and 108 on Linux, the terminator included."""

_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]*://"
_SEVERAL = re.compile(rf";(?={_SCHEME})")
_USERINFO = re.compile(rf"^({_SCHEME}[^:/@?#]*):.*@")
# A token of NATS stands where a user would.
_TOKEN = re.compile(r"((?:nats|tls)://)[^:/@?#,\s]+@")
_SECRET_PARAMETER = re.compile(
    r"([?&](?:[\w.]+\.)?(?:password|passwd|secret|token|sslpassword)=)[^&\s]*", re.IGNORECASE
)
_URL_IN_TEXT = re.compile(rf"{_SCHEME}[^\s'\"<>)\]]+")


def redact(url: str) -> str:
    """Return `url` with every password in it replaced by `***`, in each of several joined by `;` too."""
    parts = (_USERINFO.sub(r"\1:***@", part) for part in _SEVERAL.split(url))
    return ";".join(_TOKEN.sub(r"\1***@", _SECRET_PARAMETER.sub(r"\1***", part)) for part in parts)


def redact_text(text: str) -> str:
    """Return `text` with the password of each URL in it replaced by `***`."""
    if "://" not in text:
        return text
    return _URL_IN_TEXT.sub(lambda found: redact(found.group()), text)


def socket_path(state_dir: Path) -> Path:
    """Where the embedded server of `state_dir` (absolute) listens; a pure function, nothing is created.

    A path too long for a socket is replaced by one in `/tmp`. Neither `TMPDIR` nor `XDG_RUNTIME_DIR` is
    asked: two shells of one user would then look for one server at two places.
    """
    beside = state_dir / "valkey.sock"
    if len(os.fsencode(beside)) <= SOCKET_PATH_MAX:
        return beside
    digest = hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:12]
    return Path(f"/tmp/podium-{os.getuid()}-{digest}/valkey.sock")


def embedded_url(state_dir: Path, database: int = 0) -> str:
    """Celery's URL of the embedded server: database 0 carries messages, 1 holds results."""
    return f"redis+socket://{socket_path(state_dir)}?virtual_host={database}"


def with_psycopg(url: str) -> str:
    """Name the PostgreSQL driver that Podium installs; SQLAlchemy's default is another one."""
    return re.sub(r"^(db\+)?postgres(?:ql)?://", r"\1postgresql+psycopg://", url)
