"""How many examples: the same ones each time in CI; `PODIUM_TEST_EXAMPLES=5000` searches longer, and elsewhere."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings

_CI_EXAMPLES = 500


def examples(count: int, **changes: Any) -> settings:
    """Settings for `count` examples in CI, and in proportion when PODIUM_TEST_EXAMPLES says how many 500 are to be."""
    asked = os.environ.get("PODIUM_TEST_EXAMPLES")
    wanted = int(asked or _CI_EXAMPLES)
    fixed: dict[str, Any] = {
        "max_examples": max(1, count * wanted // _CI_EXAMPLES),
        "derandomize": asked is None,
        "deadline": None,
        "database": None,
        "print_blob": True,
        "suppress_health_check": list(HealthCheck),
        "phases": [Phase.explicit, Phase.generate, Phase.shrink],
    }
    return settings(**(fixed | changes))
