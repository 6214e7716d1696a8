"""Places in a definition, as people read them: `tasks[2].forkTasks[0][1].retryCount`."""

from __future__ import annotations

import re
from collections.abc import Iterable

_BARE = re.compile(r"[\w-]+")


def join_path(base: str, *parts: str | int) -> str:
    """`base` and what lies below it. A name that holds anything but letters, digits, `_`, `-` is quoted."""
    for part in parts:
        if isinstance(part, int):
            base += f"[{part}]"
        elif _BARE.fullmatch(part):
            base += f".{part}" if base else part
        else:
            base += "['{}']".format(part.replace("\\", "\\\\").replace("'", "\\'"))
    return base


def path_of(parts: Iterable[str | int]) -> str:
    """The place that these keys and indexes lead to, from the top of the document."""
    return join_path("", *parts)
