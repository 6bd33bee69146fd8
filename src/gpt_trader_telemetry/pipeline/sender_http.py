"""OTLP over HTTP."""

import zlib
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from gpt_trader_telemetry.pipeline.answers import Answer, Outcome, answer_over_http, printable
from gpt_trader_telemetry.pipeline.sender import Ear, hushed

_EXPORTERS: Final[dict[str, Any]] = {"points": OTLPMetricExporter, "spans": OTLPSpanExporter}
_EITHER_HEADER: Final = 32 + zlib.MAX_WBITS
"""How zlib is told to find out by itself whether it reads gzip or deflate."""


class HttpSender:
    """Sends with OpenTelemetry's exporter of points or of spans."""

    def __init__(self, items: str = "points", **options: Any) -> None:
        self._ear = Ear(items)
        self._exporter = _EXPORTERS[items](**options)
        self._logger: str = _EXPORTERS[items].__module__
        client: Any = getattr(self._exporter, "_client", None)
        if hasattr(client, "_transport"):
            _trust_what_was_named(getattr(client._transport, "_session", None))
            client._transport = _Transport(client._transport, self._ear)

    def send(self, data: Any, limit: int | None) -> Answer:
        """Send ``data``, unless it takes more than ``limit`` bytes before compression."""
        self._ear.listen(limit)
        with hushed(self._logger) as lines:
            return self._ear.judge(self._exporter.export(data), lines)

    def shutdown(self) -> None:
        """Close the connection."""
        with hushed(self._logger):
            self._exporter.shutdown()


def _trust_what_was_named(session: Any) -> None:
    """Let the certificate that was asked for win over REQUESTS_CA_BUNDLE; for a session's own requests lets it lose."""
    merge = getattr(session, "merge_environment_settings", None)
    if merge is not None:

        def merged(url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
            return merge(url, proxies, stream, session.verify if verify is None else verify, cert)

        session.merge_environment_settings = merged


class _Transport:
    """Stands between the exporter and its transport."""

    def __init__(self, transport: Any, ear: Ear) -> None:
        self._transport = transport
        self._ear = ear

    def request(self, method: str, url: str, *, headers: Any = None, data: bytes = b"", **options: Any) -> Any:
        size = _encoded_bytes(data, headers or {})
        self._ear.measure(size)
        result = self._transport.request(method, url, headers=headers, data=data, **options)
        if result.error is not None or result.status_code is None:
            self._ear.heard = Answer(Outcome.NO_ANSWER, _cause_of(result.error), size)
        else:
            kind = result.headers().get("content-type", "")
            self._ear.heard = answer_over_http(
                result.status_code, result.reason or "", kind, result.content(), size, items=self._ear.items
            )
        return result

    def is_connection_error(self, error: Exception | None) -> bool:
        return bool(self._transport.is_connection_error(error))

    def close(self) -> None:
        self._transport.close()


def _cause_of(error: BaseException | None) -> str:
    """Return what is at the bottom of an error; the text of what is above it quotes the address, query and all."""
    cause = error
    while cause is not None and (cause.__cause__ or cause.__context__):
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__ if cause is error else printable(f"{type(cause).__name__}: {cause}")


def _encoded_bytes(data: bytes, headers: Any) -> int:
    compressed = any(name.lower() == "content-encoding" for name in headers)
    return len(zlib.decompress(data, _EITHER_HEADER)) if compressed else len(data)
