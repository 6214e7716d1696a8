"""A service on loopback, for the HTTP operator to call."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ORDER = b'{"id": 42, "total": 30.5}'
ANSWERS: dict[str, tuple[int, str, bytes]] = {
    "/orders/42": (200, "application/json", ORDER),
    "/orders/43": (404, "text/plain", b"no such order"),
    "/list": (200, "application/json", b"[1, 2]"),
    "/number": (200, "application/json", b"7"),
    "/string": (200, "application/json", b'"seven"'),
    "/true": (200, "application/json", b"true"),
    "/text": (200, "text/plain; charset=latin-1", "Grüße".encode("latin-1")),
    "/empty": (204, "text/plain", b""),
    "/moved": (302, "text/plain", b""),
    "/gone": (303, "text/plain", b"look elsewhere"),
    "/broken": (500, "text/plain", b""),
    "/large": (200, "text/plain", b"x" * (10 * 1024 * 1024 + 1)),
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: OrdersServer

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append(
            {"method": self.command, "path": self.path, "body": body, "client": self.client_address}
        )
        if self.path == "/silent":
            self.server.released.wait(10)
            self.close_connection = True
            return
        status, kind, content = ANSWERS.get(self.path, (200, "application/json", b""))
        if self.path == "/echo":
            content = json.dumps({"headers": sorted(self.headers.items()), "body": body.decode()}).encode()
        # Without the Date and Server headers of `send_response`, so that an example can show the whole
        # output.
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if self.path == "/cookies":
            self.send_header("Set-Cookie", "session=1")
            self.send_header("Set-Cookie", "colour=blue")
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the tests read `seen`."""


class OrdersServer(ThreadingHTTPServer):
    """Answers `ANSWERS`, `/echo`, `/cookies` and (never) `/silent`; `seen` holds the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[dict[str, Any]] = []
        self.released = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> OrdersServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self.shutdown()
        self._thread.join()
        self.server_close()
