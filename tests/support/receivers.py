"""OTLP receivers on loopback, from opentelemetry-proto's own service: real wire, in process."""

import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from support.listening import Quiet, listening

Labels = tuple[tuple[str, str], ...]


class Received:
    """What a receiver was sent."""

    def __init__(self) -> None:
        self.requests: list[ExportMetricsServiceRequest] = []
        self.traces: list[ExportTraceServiceRequest] = []
        self.trace_headers: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.sizes: list[int] = []
        self.endpoint = ""
        self.refusing = False
        self.rejecting: tuple[int, str] = (0, "")
        """Points that every answer says were rejected, and why."""
        self.answering: tuple[int, dict[str, str], bytes] | None = None
        """Status, headers and body of every answer over HTTP, whatever they mean."""

    def response(self) -> ExportMetricsServiceResponse:
        """Return what OTLP answers to a request that is taken."""
        points, why = self.rejecting
        partial = ExportMetricsPartialSuccess(rejected_data_points=points, error_message=why)
        return ExportMetricsServiceResponse(partial_success=partial if points or why else None)

    def trace_response(self) -> ExportTraceServiceResponse:
        """Return the same to a request with spans."""
        spans, why = self.rejecting
        partial = ExportTracePartialSuccess(rejected_spans=spans, error_message=why)
        return ExportTraceServiceResponse(partial_success=partial if spans or why else None)

    def spans(self) -> list:
        """Return every span of every request, oldest first."""
        return [
            span
            for request in self.traces
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def take(self, request: ExportMetricsServiceRequest, headers: dict[str, str], size: int) -> None:
        self.requests.append(request)
        self.headers.append(headers)
        self.sizes.append(size)

    def resources(self) -> list[dict[str, str]]:
        """Return the resource attributes of each request."""
        return [
            {item.key: item.value.string_value for item in resource.resource.attributes}
            for request in self.requests
            for resource in request.resource_metrics
        ]

    def metrics(self) -> Iterator:
        """Yield every metric of every request, oldest first."""
        for request in self.requests:
            for resource in request.resource_metrics:
                for scope in resource.scope_metrics:
                    yield from scope.metrics

    def points(self, name: str) -> dict[Labels, object]:
        """Return the newest point of each series of a metric."""
        found: dict[Labels, object] = {}
        for metric in self.metrics():
            if metric.name == name:
                for point in getattr(metric, metric.WhichOneof("data")).data_points:
                    found[labels_of(point)] = point
        return found

    def all_points(self, name: str, **labels: str) -> list:
        """Return every point of one series, oldest first."""
        wanted = tuple(sorted(labels.items()))
        return [
            point
            for metric in self.metrics()
            if metric.name == name
            for point in getattr(metric, metric.WhichOneof("data")).data_points
            if labels_of(point) == wanted
        ]

    def value(self, name: str, /, **labels: str) -> float | None:
        """Return the newest number of a series, or None."""
        point = self.points(name).get(tuple(sorted(labels.items())))
        return None if point is None else number_of(point)


def labels_of(point) -> Labels:
    """Return a point's attributes as text, as Prometheus would show them."""
    pairs = []
    for item in point.attributes:
        kind = item.value.WhichOneof("value")
        value = getattr(item.value, kind)
        pairs.append((item.key, str(value).lower() if kind == "bool_value" else str(value)))
    return tuple(sorted(pairs))


def number_of(point) -> float:
    """Return a number point's value, whole or not."""
    return getattr(point, point.WhichOneof("value"))


@contextmanager
def grpc_receiver(port: int = 0, received: Received | None = None) -> Iterator[Received]:
    """Run a gRPC receiver with the standard limit of 4 MiB a message."""
    received = received or Received()

    class Service(MetricsServiceServicer):
        def Export(self, request, context):
            headers = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
            received.take(request, headers, request.ByteSize())
            if received.refusing:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "refused")
            return received.response()

    class Traces(TraceServiceServicer):
        def Export(self, request, context):
            received.traces.append(request)
            received.trace_headers.append(dict(context.invocation_metadata()))
            if received.refusing:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "refused")
            return received.trace_response()

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    add_MetricsServiceServicer_to_server(Service(), server)
    add_TraceServiceServicer_to_server(Traces(), server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    received.endpoint = f"http://127.0.0.1:{port}"
    server.start()
    try:
        yield received
    finally:
        server.stop(None).wait()


@contextmanager
def http_receiver(
    port: int = 0, received: Received | None = None, *, tls: ssl.SSLContext | None = None
) -> Iterator[Received]:
    """Run an HTTP/protobuf receiver."""
    received = received or Received()

    class Handler(Quiet):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.body()
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            given = {key.lower(): value for key, value in self.headers.items()}
            right = self.path in {"/v1/metrics", "/v1/traces"} and not received.refusing
            if self.path == "/v1/traces":
                received.traces.append(ExportTraceServiceRequest.FromString(body))
                received.trace_headers.append(given)
                response = received.trace_response()
            else:
                received.take(ExportMetricsServiceRequest.FromString(body), given, len(body))
                response = received.response()
            proper = (200, {"Content-Type": "application/x-protobuf"}, response.SerializeToString())
            self.answer(*(received.answering or (proper if right else (400, {}, b""))))

    with listening(Handler, port, tls=tls) as address:
        received.endpoint = f"{'https' if tls else 'http'}://{address}"
        yield received


RECEIVERS = {"grpc": grpc_receiver, "http/protobuf": http_receiver}


@contextmanager
def black_hole() -> Iterator[str]:
    """Run a socket that accepts connections and never answers."""
    taken = []
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def accept() -> None:
        listener.settimeout(0.05)
        while not stop.is_set():
            try:
                taken.append(listener.accept()[0])
            except TimeoutError:
                continue

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        thread.join()
        for connection in [listener, *taken]:
            connection.close()


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
