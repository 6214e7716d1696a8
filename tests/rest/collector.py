"""A collector of OpenTelemetry: a small HTTP server that reads OTLP's protobuf."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Collector:
    """What was sent to it."""

    def __init__(self) -> None:
        self.url = ""
        self.spans: list[Any] = []
        self._lock = threading.Lock()

    def take(self, body: bytes) -> None:
        """Read one request."""
        sent = ExportTraceServiceRequest.FromString(body)
        with self._lock:
            self.spans += [s for r in sent.resource_spans for scope in r.scope_spans for s in scope.spans]

    def of(self, execution_id: str) -> dict[str, Any]:
        """The spans of a trace by name."""
        with self._lock:
            return {s.name: s for s in self.spans if s.trace_id.hex() == execution_id.replace("-", "")}


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on loopback."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.take(body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
