"""Fields that are not to be seen: whoever reads an execution is shown `***` in their place, workers get their values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Json = Any

MASK = "***"


class Mask:
    """The `maskedFields` of a definition: `card` at any depth, `customer.card` only below a `customer`."""

    __slots__ = ("_paths",)

    def __init__(self, fields: Sequence[str]) -> None:
        self._paths = [tuple(field.split(".")) for field in fields]

    def __call__(self, value: Json) -> Json:
        """A copy of a JSON value with `***` for each masked field that holds anything."""
        return self._walk(value, (), lambda _path, held: MASK if held is not None else None)

    def restored(self, given: Json, real: Json) -> Json:
        """A value that somebody was shown masked and gives back changed, with what was masked as it really is."""

        def put_back(path: tuple[str | int, ...], held: Json) -> Json:
            return _at(real, path) if held == MASK else held

        return self._walk(given, (), put_back)

    def _walk(self, value: Json, path: tuple[str | int, ...], masked: Any) -> Json:
        if isinstance(value, dict):
            found = {}
            for key, item in value.items():
                inner = (*path, key)
                found[key] = masked(inner, item) if self._covers(inner) else self._walk(item, inner, masked)
            return found
        if isinstance(value, list):
            return [self._walk(item, (*path, index), masked) for index, item in enumerate(value)]
        return value

    def _covers(self, path: tuple[str | int, ...]) -> bool:
        names = tuple(part for part in path if isinstance(part, str))
        return any(names[-len(wanted) :] == wanted for wanted in self._paths)


def _at(value: Json, path: tuple[str | int, ...]) -> Json:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return MASK
    return value
