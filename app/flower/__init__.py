"""The Workflows section inside Flower: in its layout, theme, authentication, url prefix and read-only mode.

Flower builds its web application from two registries of its module `flower.urls`: the list of handlers and the
settings. `install` adds to both before Flower starts; nothing of Flower is replaced.
"""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)


def install() -> bool:
    """Add the section to Flower, once; False: this Flower is none that it fits into, and is left as it is."""
    import flower.urls

    from app.flower.navigation import NavigationModule
    from app.flower.routes import HANDLERS

    handlers = getattr(flower.urls, "handlers", None)
    settings = getattr(flower.urls, "settings", None)
    if not isinstance(handlers, list) or not isinstance(settings, dict):
        logger.warning(
            "Flower has no Workflows section: flower.urls has no list 'handlers' or no dict 'settings' any more; "
            "Podium fits Flower 2.2"
        )
        return False
    if HANDLERS[0] not in handlers:
        # In front: the last of Flower's own matches everything.
        handlers[0:0] = HANDLERS
        settings["ui_modules"] = {**(settings.get("ui_modules") or {}), "Template": NavigationModule}
    return True
