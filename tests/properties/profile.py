"""How many examples: `PODIUM_TEST_EXAMPLES` multiplies them, for a longer search than CI's."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings

_CI_EXAMPLES = 500


def examples(count: int, **changes: Any) -> settings:
    """Settings for `count` examples in CI, and in proportion when PODIUM_TEST_EXAMPLES says how many 500 are to be."""
    wanted = int(os.environ.get("PODIUM_TEST_EXAMPLES", _CI_EXAMPLES))
    fixed: dict[str, Any] = {
        "max_examples": max(1, count * wanted // _CI_EXAMPLES),
        "deadline": None,
        "database": None,
        "print_blob": True,
        "suppress_health_check": list(HealthCheck),
        "phases": [Phase.explicit, Phase.generate, Phase.shrink],
    }
    return settings(**(fixed | changes))
