"""OTLP over gRPC."""

from typing import Any, Final

import grpc  # type: ignore[import-untyped]
from opentelemetry.exporter.otlp.proto.grpc.exporter import OTLPExporterMixin
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricExportResult

from gpt_trader_telemetry.pipeline.answers import Answer, Outcome, answer_of, printable
from gpt_trader_telemetry.pipeline.sender import Ear, RequestTooLargeError, hushed

_LOGGER: Final = OTLPExporterMixin.__module__
_SILENT: Final = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}


class GrpcSender:
    """Sends with OpenTelemetry's exporter of points or of spans."""

    def __init__(self, items: str = "points", **options: Any) -> None:
        self._ear = Ear(items)
        self._exporter = _EXPORTERS[items](self._ear, **options)

    def send(self, data: Any, limit: int | None) -> Answer:
        """Send ``data``, unless it takes more than ``limit`` bytes before compression."""
        self._ear.listen(limit)
        with hushed(_LOGGER) as lines:
            try:
                result: Any = self._exporter.export(data)
            except RequestTooLargeError:
                result = MetricExportResult.FAILURE
            return self._ear.judge(result, lines)

    def shutdown(self) -> None:
        """Close the connection."""
        with hushed(_LOGGER):
            self._exporter.shutdown()


class _Heard:
    """Calls its stub through one of ours, also after it has connected anew."""

    _client: Any

    def __init__(self, ear: Ear, **options: Any) -> None:
        self._ear = ear
        super().__init__(**options)

    def _initialize_channel_and_stub(self) -> None:
        super()._initialize_channel_and_stub()  # type: ignore[misc]
        self._client = _Stub(self._client, self._ear)


class _MetricExporter(_Heard, OTLPMetricExporter):
    pass


class _SpanExporter(_Heard, OTLPSpanExporter):
    pass


_EXPORTERS: Final[dict[str, Any]] = {"points": _MetricExporter, "spans": _SpanExporter}


class _Stub:
    """Stands between the exporter and its stub."""

    def __init__(self, stub: Any, ear: Ear) -> None:
        self._stub = stub
        self._ear = ear

    def Export(self, request: Any, **options: Any) -> Any:  # noqa: N802 - the service's own name
        size = request.ByteSize()
        self._ear.measure(size)
        try:
            response = self._stub.Export(request, **options)
        except grpc.RpcError as error:
            self._ear.heard = _refusal(error, size)
            raise
        self._ear.heard = answer_of(response, size, items=self._ear.items)
        return response


def _refusal(error: Any, size: int) -> Answer:
    outcome = Outcome.NO_ANSWER if error.code() in _SILENT else Outcome.REFUSED
    return Answer(outcome, printable(f"{error.code().name} {error.details() or ''}"), size)
