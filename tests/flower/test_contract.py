"""What the section relies on in Flower. Where one of these fails, a new Flower has moved something: see app/flower."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import flower.app
import flower.command
import flower.urls
import flower.views
import pytest
from tornado.web import RequestHandler, TemplateModule

from app.flower import install
from app.flower.navigation import NAVBAR
from app.flower.routes import HANDLERS

TEMPLATES = Path(flower.urls.settings["template_path"])
FLOWER = f"Flower {version('flower')}"


def test_flower_is_of_the_range_that_was_looked_at() -> None:
    assert version("flower").split(".")[:2] >= ["2", "2"], FLOWER
    assert version("flower").startswith("2."), FLOWER


def test_the_command_builds_its_application_from_the_two_registries() -> None:
    assert flower.app.default_handlers is flower.urls.handlers, (
        f"{FLOWER} takes its handlers from elsewhere than flower.urls.handlers"
    )
    assert flower.command.settings is flower.urls.settings, (
        f"{FLOWER} takes its settings from elsewhere than flower.urls.settings"
    )


def test_the_last_handler_matches_everything() -> None:
    assert flower.urls.handlers[-1][0] == ".*", f"{FLOWER} ends its handlers otherwise: ours must precede it"


@pytest.mark.parametrize("block", ["title", "navbar", "container", "extra_scripts"])
def test_the_layout_has_the_blocks_that_our_pages_fill(block: str) -> None:
    assert f"{{% block {block} %}}" in (TEMPLATES / "base.html").read_text(), (
        f"{FLOWER} has no block {block!r} in its base.html any more"
    )


def test_the_navigation_is_a_template_with_a_list_of_tabs() -> None:
    base, navigation = (TEMPLATES / name for name in ("base.html", NAVBAR))

    assert f'Template("{NAVBAR}"' in base.read_text(), f"{FLOWER} includes its navigation otherwise"
    assert navigation.read_text().index("nav-item") < navigation.read_text().index("</ul>"), (
        f"{FLOWER} has no list of tabs in {NAVBAR}"
    )


def test_tornado_still_looks_template_modules_up_by_name() -> None:
    assert "render" in vars(TemplateModule)


@pytest.mark.parametrize("name", ["get_current_user", "check_xsrf_cookie", "write_error", "capp", "render"])
def test_handlers_have_what_ours_build_on(name: str) -> None:
    assert name in vars(flower.views.BaseHandler), f"{FLOWER}: BaseHandler has no {name} any more"
    assert issubclass(flower.views.BaseHandler, RequestHandler)


@pytest.mark.parametrize(
    "option", ["basic_auth", "auth", "read_only", "url_prefix", "address", "unix_socket", "debug"]
)
def test_flower_has_the_options_that_we_read(option: str) -> None:
    from flower.options import options

    assert option in options, f"{FLOWER} has no option {option} any more"


@pytest.mark.parametrize("attribute", ["events", "capp", "options"])
def test_the_application_has_what_we_read(attribute: str) -> None:
    assert f"self.{attribute}" in inspect.getsource(flower.app.Flower.__init__), (
        f"{FLOWER} has no application.{attribute} any more"
    )


@pytest.mark.parametrize(
    "variable", ["--flower-surface", "--flower-surface-subtle", "--flower-radius", "--flower-shadow"]
)
def test_the_theme_has_the_variables_that_our_style_uses(variable: str) -> None:
    style = (Path(flower.urls.settings["static_path"]) / "css" / "flower.css").read_text()

    assert style.count(f"{variable}:") >= 1, f"{FLOWER} has no {variable} in its theme any more"


@pytest.fixture
def registries() -> Iterator[Any]:
    """Flower's registries, put back afterwards."""
    handlers, settings = list(flower.urls.handlers), dict(flower.urls.settings)
    yield flower.urls
    flower.urls.handlers[:] = handlers
    flower.urls.settings.clear()
    flower.urls.settings.update(settings)


def test_installing_twice_adds_once_and_in_front(registries: Any) -> None:
    assert install()
    assert install()

    assert registries.handlers[: len(HANDLERS)] == HANDLERS
    assert registries.handlers.count(HANDLERS[0]) == 1


def test_a_flower_without_registries_is_left_alone_with_one_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(flower.urls, "handlers", ())

    assert not install()

    assert "Flower has no Workflows section" in caplog.text
