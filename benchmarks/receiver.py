"""An OTLP receiver in a process of its own, so that its work is not counted as the sender's."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from benchmarks.beside import served

Request = tuple[int, dict[str, int]]
"""The size of a request, and how many points of each metric it had."""


class Receiver:
    """The sender's end of it."""

    def __init__(self, endpoint: str, link: Connection) -> None:
        self.endpoint = endpoint
        self._link = link

    def taken(self) -> list[Request]:
        """Return what was received since the last time this was asked."""
        self._link.send("taken")
        answer: list[Request] = self._link.recv()
        return answer


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    """Run a receiver of OTLP over HTTP."""
    with served(_serve) as link:
        yield Receiver(link.recv(), link)


def _serve(link: Connection) -> None:
    taken: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.append((len(body), _points(ExportMetricsServiceRequest.FromString(body))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    link.send(f"http://127.0.0.1:{server.server_address[1]}")
    with contextlib.suppress(EOFError):
        while True:
            link.recv()
            link.send(list(taken))
            taken.clear()


def _points(request: ExportMetricsServiceRequest) -> dict[str, int]:
    return {
        metric.name: len(getattr(metric, metric.WhichOneof("data")).data_points)
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
