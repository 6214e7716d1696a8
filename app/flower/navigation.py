"""The Workflows tab in Flower's navigation, on all of Flower's pages."""

from __future__ import annotations

from typing import Any

from tornado.web import TemplateModule

NAVBAR = "navbar.html"
TAB = "workflows"


def has_workflows(celery_app: Any) -> bool:
    """Whether this Celery application is one of Podium's."""
    return getattr(celery_app, "podium_settings", None) is not None


class NavigationModule(TemplateModule):
    """Renders Flower's own templates, and adds the tab to its navigation."""

    def render(self, path: str, **kwargs: Any) -> bytes:
        """The template as it is; the navigation with one more tab at the end of its first list."""
        html = super().render(path, **kwargs)
        if path != NAVBAR or not has_workflows(self.handler.application.capp):  # type: ignore[attr-defined]
            return html
        active = kwargs.get("active_tab") == TAB
        mark = ' active" aria-current="page' if active else ""
        href = self.handler.reverse_url("podium-executions")
        tab = f'<li class="nav-item"><a class="nav-link{mark}" href="{href}">Workflows</a></li>'.encode()
        head, end, tail = html.partition(b"</ul>")
        return head + tab + end + tail
