"""What a receiver made of one OTLP request, read from its answer and not from the exporter's word for it.

OpenTelemetry's exporters hold any answer below 400 for a delivery. The OTLP specification does not: a receiver may
take a request and reject points of it, and what answers a redirect or a page is no receiver of ours.
"""

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

_MOST_SHOWN: Final = 200
_OK: Final = range(200, 300)
_RESPONSES: Final[dict[str, Any]] = {"points": ExportMetricsServiceResponse, "spans": ExportTraceServiceResponse}


class Outcome(Enum):
    """What became of one request."""

    DELIVERED = "was delivered"
    REJECTED = "was rejected in part"
    """The receiver has the rest; the specification forbids to send the request again."""
    REFUSED = "was refused"
    NO_ANSWER = "was not answered"
    TOO_LARGE = "was too large to be sent"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one request, what the receiver said of it, and how many bytes it took where that is known."""

    outcome: Outcome
    said: str = ""
    size: int = 0

    @property
    def taken(self) -> bool:
        """Whether the receiver has what it wanted of the request."""
        return self.outcome in {Outcome.DELIVERED, Outcome.REJECTED}


def answer_of(response: Any, size: int, *, items: str = "points") -> Answer:
    """Return what a receiver's response says, of points or of spans."""
    partial = response.partial_success
    rejected = partial.rejected_data_points if items == "points" else partial.rejected_spans
    return _answer(rejected, partial.error_message, size, items)


def _answer(rejected: int, message: str, size: int, items: str) -> Answer:
    said = printable(message)
    if rejected > 0:
        return Answer(Outcome.REJECTED, f"{rejected} {items} were rejected: {said or 'it does not say why'}", size)
    return Answer(Outcome.DELIVERED, said, size)


def answer_over_http(status: int, reason: str, kind: str, body: bytes, size: int, *, items: str = "points") -> Answer:
    """Return what an answer over HTTP says: its status, its content type and its body."""
    if status not in _OK:
        said = f"HTTP status {status} {printable(reason)}".rstrip()
        return Answer(Outcome.REFUSED, said + _explained(kind, body), size)
    try:
        if kind.partition(";")[0].strip().lower() == "application/json":
            partial = json.loads(body or b"{}").get("partialSuccess") or {}
            rejected = partial.get("rejectedDataPoints" if items == "points" else "rejectedSpans")
            return _answer(int(rejected or 0), str(partial.get("errorMessage") or ""), size, items)
        return answer_of(_RESPONSES[items].FromString(body), size, items=items)
    except (DecodeError, ValueError, TypeError, AttributeError):
        said = f"HTTP status {status} with {printable(kind) or 'a body'} that is no answer of OTLP"
        return Answer(Outcome.REFUSED, said, size)


def _explained(kind: str, body: bytes) -> str:
    text = printable(body[: 4 * _MOST_SHOWN].decode("utf-8", "replace")) if kind.startswith("text/plain") else ""
    return f": {text}" if text else ""


def printable(text: object) -> str:
    """Return a text of somebody else's as one short line that steers no terminal."""
    line = " ".join("".join(character if character.isprintable() else " " for character in str(text)[:1000]).split())
    return line if len(line) <= _MOST_SHOWN else line[: _MOST_SHOWN - 1] + "…"
