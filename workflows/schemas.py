"""JSON Schema of inputs and outputs. Nothing is fetched: a schema stands in the definition with all that it refers to."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jsonschema
import orjson
from jsonschema.exceptions import best_match
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from workflows.model import SchemaDef, SchemaType

Json = Any
_LONGEST = 300


@lru_cache(maxsize=1024)
def _validator(text: bytes) -> Any:
    schema = orjson.loads(text)
    kind = validator_for(schema, default=jsonschema.Draft202012Validator)
    return kind(schema, registry=Registry(), format_checker=kind.FORMAT_CHECKER)


class Check:
    """A schema that values are held against."""

    __slots__ = ("_validator",)

    def __init__(self, data: dict[str, Any]) -> None:
        self._validator = _validator(orjson.dumps(data, option=orjson.OPT_SORT_KEYS))

    def problem(self, value: Json) -> str | None:
        """What is wrong with a value and where, to follow its name in a sentence; None: it fits."""
        try:
            error = best_match(self._validator.iter_errors(value))
        except Unresolvable as missing:
            return f"can't be checked: its schema refers to {missing.ref!r}, which is not in it"
        if error is None:
            return None
        message = error.message if len(error.message) <= _LONGEST else error.message[:_LONGEST] + "…"
        return f"does not fit its schema at {error.json_path}: {message}"


def check_of(schema: SchemaDef | None, enforced: bool) -> Check | None:
    """What a schema of a definition is enforced by; None: it is not, or it has nothing that can be checked."""
    if schema is None or not enforced or not schema.data or schema.type not in (None, SchemaType.JSON):
        return None
    return Check(schema.data)
