"""What all handlers of the section have: Flower's layout and authentication, safe headers, a thread for each query."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import orjson
import tornado.web
from flower.views import BaseHandler
from tornado.template import Loader

from app.bootstrap import process_of
from app.errors import (
    BrokerUnavailable,
    DefinitionConflict,
    ExecutionNotFound,
    IdempotencyConflict,
    OperationError,
    StoreError,
    TaskNotFound,
    WorkflowNotFound,
    WrongState,
)
from app.flower import safety
from app.flower.navigation import has_workflows
from app.runtime.engine import Engine
from workflows.errors import PodiumError

Result = TypeVar("Result")
TEMPLATES = Path(__file__).parent / "templates"
THREADS = 6
"""Queries at a time; the rest wait, so that the database is not flooded by an open tab on every desk."""
PATIENCE_SECONDS = 20.0
_STATUS: tuple[tuple[type[PodiumError], int], ...] = (
    (ExecutionNotFound, 404),
    (TaskNotFound, 404),
    (WorkflowNotFound, 404),
    (WrongState, 409),
    (DefinitionConflict, 409),
    (IdempotencyConflict, 409),
    (OperationError, 400),
    (StoreError, 503),
    (BrokerUnavailable, 503),
)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="podium-flower")


class _Loader(Loader):
    """Our templates first, then Flower's, which they extend."""

    def __init__(self, flower_templates: str, **kwargs: Any) -> None:
        super().__init__(str(TEMPLATES), **kwargs)
        self._flower = Path(flower_templates)

    def _create_template(self, name: str) -> Any:
        own = TEMPLATES / name
        path = own if own.is_file() else self._flower / name
        return tornado.template.Template(path.read_bytes(), name=name, loader=self)


class Handler(BaseHandler):  # type: ignore[misc]  # Flower has no types
    """Base of all handlers of the section."""

    def set_default_headers(self) -> None:
        """Nothing is stored, framed, guessed, or told to other sites."""
        super().set_default_headers()
        for name in ("Origin", "Headers", "Methods"):
            self.clear_header(f"Access-Control-Allow-{name}")
        self.set_header("Content-Security-Policy", safety.CONTENT_SECURITY_POLICY)
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "same-origin")

    def check_xsrf_cookie(self) -> None:
        """Only our own pages make browsers act, with or without authentication."""
        safety.require_same_origin(self.request)
        if safety.from_browser(self.request):
            tornado.web.RequestHandler.check_xsrf_cookie(self)

    async def run(self, work: Callable[[Engine], Result]) -> Result:
        """Call `work` with the engine of the application that Flower watches, in a thread.

        Raises:
            HTTPError: 503, no answer within `PATIENCE_SECONDS`; else what the error says.
        """
        watched = self.application.capp
        started = asyncio.get_running_loop().run_in_executor(
            _threads(), lambda: work(process_of(watched).engine)
        )
        try:
            return await asyncio.wait_for(started, PATIENCE_SECONDS)
        except TimeoutError:
            raise tornado.web.HTTPError(503, f"no answer within {PATIENCE_SECONDS:.0f} s") from None

    def raw(self, name: str) -> str | None:
        """An argument of the address as it was sent; None: not given, or empty."""
        # Flower's own get_argument escapes for HTML, and `a&b` would never be found.
        return tornado.web.RequestHandler.get_argument(self, name, None) or None

    def number(self, name: str) -> int | None:
        """An argument that is a whole number.

        Raises:
            HTTPError: 400, it is none.
        """
        value = self.raw(name)
        try:
            number = None if value is None else int(value)
        except ValueError:
            raise tornado.web.HTTPError(400, f"{name} must be a whole number, not {value}") from None
        if number is not None and abs(number) >= 2**53:
            raise tornado.web.HTTPError(400, f"{name} is too large")
        return number

    @property
    def user_name(self) -> str:
        """Who asks, for the audit."""
        return safety.user_name(self.application.options, self.request, self.current_user)

    def why_not(self) -> str | None:
        """Why nobody may act here; None: whoever is authenticated may."""
        return safety.why_not(self.application.options, self.request)


class Page(Handler):
    """An HTML page in Flower's layout; what it shows comes from the section's JSON."""

    template = ""
    title = "Workflows"

    def get_template_path(self) -> str:
        """Where our templates are; the loader knows Flower's too."""
        return str(TEMPLATES)

    def create_template_loader(self, template_path: str) -> Loader:
        """A loader of our templates, which extend Flower's."""
        return _Loader(self.application.settings["template_path"], autoescape="xhtml_escape")

    @tornado.web.authenticated
    def get(self, *path: str) -> None:
        """The page."""
        if not has_workflows(self.application.capp):
            raise tornado.web.HTTPError(404)
        self.render(
            self.template,
            page_title=self.title,
            names=path,
            root=self.reverse_url("podium-executions"),
            xsrf=self.xsrf_token.decode(),
            may_not=self.why_not() or "",
        )

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Errors are shown as Flower shows its own, whose pages need what our policy forbids."""
        self.clear_header("Content-Security-Policy")
        super().write_error(status_code, **kwargs)


class Json(Handler):
    """Answers with JSON, errors too: `{"error": sentence}`."""

    def prepare(self) -> Awaitable[None] | None:
        """Refuse who is not authenticated, with 401 and no way to another site."""
        if not self.current_user:
            raise tornado.web.HTTPError(401, "Your session has ended: reload the page to log in")
        if not has_workflows(self.application.capp):
            raise tornado.web.HTTPError(404)
        return None

    def send(self, body: bytes) -> None:
        """Finish with a JSON document, or with 304 where the browser has it."""
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(body)

    async def answer(self, work: Callable[[Engine], Any]) -> None:
        """Finish with what `work` returns, which becomes JSON in its thread."""
        self.send(await self.run(lambda engine: to_json(work(engine))))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The error's sentence as JSON."""
        error = kwargs.get("exc_info", (None, None))[1]
        message = self._reason
        if isinstance(error, PodiumError):
            status_code, message = status_of(error), str(error)
        elif isinstance(error, tornado.web.HTTPError):
            message = error.get_message() or error.reason or self._reason
        elif self.application.options.debug and error is not None:
            message = "".join(traceback.format_exception(error))
        self.set_status(status_code)
        if status_code == 401 and self.application.options.basic_auth:
            # A browser sends credentials to an address that it has not asked for yet only when it is challenged.
            self.set_header("WWW-Authenticate", 'Basic realm="flower"')
        self.send(to_json({"error": message}))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """What people are told in a sentence is no fault of the server's."""
        if not isinstance(value, PodiumError):
            super().log_exception(typ, value, tb)


def status_of(error: PodiumError) -> int:
    """The HTTP status that says what an error says."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 400)


def to_json(value: Any) -> bytes:
    """JSON of dataclasses, named tuples and plain values."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        return value._asdict()
    if hasattr(value, "to_json"):
        return value.to_json()
    raise TypeError(type(value).__name__)
