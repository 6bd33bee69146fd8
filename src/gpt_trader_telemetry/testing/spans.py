"""Spans read back: what a test recorded, as a tree."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from gpt_trader_telemetry.catalog import text_of
from gpt_trader_telemetry.instrument.binding import PREFIX

_ERROR_TYPE: Final = "error.type"


@dataclass(frozen=True, slots=True)
class RecordedSpan:
    """One span that has ended. Two readings of one are equal."""

    name: str = field(compare=False)
    kind: str = field(compare=False)
    """``client`` or ``internal``, for spans of the bot's own any other of OpenTelemetry's kinds."""
    attributes: Mapping[str, Any] = field(compare=False)
    """By full name: ``gpt_trader.side``, ``error.type`` ..."""
    failed: bool = field(compare=False)
    """Whether its status is that of an error."""
    parent: "RecordedSpan | None" = field(compare=False, repr=False)
    """The span around it, where that has ended too."""
    trace_id: str = field(repr=False)
    span_id: str = field(repr=False)

    @property
    def error_type(self) -> str | None:
        """The exception's type, or the reason where none was raised."""
        return self.attributes.get(_ERROR_TYPE)

    def has(self, attributes: Mapping[str, object]) -> bool:
        """Tell whether it has all these attributes; ours are named without ``gpt_trader.``."""
        missing = object()
        return all(
            text_of(self.attributes.get(PREFIX + name, self.attributes.get(name, missing))) == text_of(value)
            for name, value in attributes.items()
        )

    def __str__(self) -> str:
        ours = (
            f"{name.removeprefix(PREFIX)}={value}" for name, value in self.attributes.items() if name != _ERROR_TYPE
        )
        failure = [f"failed: {self.error_type}"] if self.failed else []
        return "  ".join([self.name, *ours, *failure])


class RecordedSpans(tuple[RecordedSpan, ...]):
    """The spans that have ended, in the order in which they began; as text, a tree."""

    __slots__ = ()

    def all(self, name: str, /, **attributes: object) -> "RecordedSpans":
        """Return those of that name that have all these attributes: ``spans.all("cycle", decision_id="d-1")``."""
        return RecordedSpans(span for span in self if span.name == name and span.has(attributes))

    def one(self, name: str, /, **attributes: object) -> RecordedSpan:
        """Return the one span of that name that has all these attributes.

        Raises:
            AssertionError: there is none, or more than one; it shows every span.
        """
        found = self.all(name, **attributes)
        if len(found) != 1:
            asked = "  ".join([name, *(f"{key}={text_of(value)}" for key, value in attributes.items())])
            raise AssertionError(f"one span was expected, {len(found)} were recorded: {asked}\n{self}")
        return found[0]

    def __str__(self) -> str:
        return "\n".join(["spans recorded:", *self._lines(None, "  ")]) if self else "no span was recorded"

    __repr__ = __str__

    def _lines(self, parent: RecordedSpan | None, indent: str) -> Iterator[str]:
        shown = {id(span) for span in self}
        for span in self:
            around = span.parent if id(span.parent) in shown else None
            if around is parent:
                yield f"{indent}{span}"
                yield from self._lines(span, indent + "  ")


class SpanStore:
    """A TracerProvider that keeps what ended, whatever the environment says."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=ALWAYS_ON, resource=Resource.get_empty(), shutdown_on_exit=False)
        # OTEL_SDK_DISABLED is for what leaves the process; from here nothing does.
        self.provider._disabled = False
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def read(self) -> RecordedSpans:
        """Return what has ended so far."""
        read: dict[tuple[int, int], RecordedSpan] = {}
        ended = sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)
        waiting = list(ended)
        keys = {_key(span): span for span in ended}
        # A parent may have begun in the same nanosecond as its child.
        while waiting:
            span = waiting.pop(0)
            around = None if span.parent is None else (span.parent.trace_id, span.parent.span_id)
            if around in keys and around not in read:
                waiting.append(span)
                continue
            read[_key(span)] = _recorded(span, None if around is None else read.get(around))
        return RecordedSpans(read[_key(span)] for span in ended)


def _key(span: ReadableSpan) -> tuple[int, int]:
    assert span.context is not None
    return span.context.trace_id, span.context.span_id


def _recorded(span: ReadableSpan, parent: RecordedSpan | None) -> RecordedSpan:
    trace_id, span_id = _key(span)
    return RecordedSpan(
        name=span.name,
        kind=span.kind.name.lower(),
        attributes=dict(span.attributes or {}),
        failed=not span.status.is_ok,
        parent=parent,
        trace_id=f"{trace_id:032x}",
        span_id=f"{span_id:016x}",
    )
