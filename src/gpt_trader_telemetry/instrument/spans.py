"""The spans of runs: opened by one tracer, whose errors are counted and kept from the bot.

A span carries names and ids, never a message, an argument or a returned value: these may hold a secret.
"""

from collections import deque
from collections.abc import Callable, Mapping
from time import time_ns
from typing import Any, Final

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, Context, attach, create_key, get_current, set_value
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context

from gpt_trader_telemetry.instrument.binding import attributes_of, bound_attributes
from gpt_trader_telemetry.instrument.innermost import is_finalizing
from gpt_trader_telemetry.recording.recorder import Faults

ERROR_TYPE: Final = "error.type"
EXCEPTION: Final = "exception"
EXCEPTION_TYPE: Final = "exception.type"
# OpenTelemetry's semantic conventions: the name of the event of an exception and of what it carries.

_RUN: Final = create_key("gpt_trader_telemetry_run")
_KINDS: Final = {"client": SpanKind.CLIENT, "internal": SpanKind.INTERNAL}


class RunSpan:
    """The span of one run, and the context inside of that run."""

    __slots__ = ("_around", "_failure", "_inside", "_is_over", "_outer", "_span", "_spans")

    def __init__(self, spans: "Spans", span: Span, around: Context) -> None:
        self._spans = spans
        self._span = span
        self._around: Context | None = None
        outer: Any = around.get(_RUN)
        self._outer: RunSpan | None = _first_going_on(outer)
        self._inside: Context | None = set_span_in_context(span, set_value(_RUN, self, around))
        self._failure: str | None = None
        self._is_over = False

    def enter(self) -> None:
        """Be current in this code from now on."""
        if self._is_over or is_finalizing():
            return
        now = get_current()
        if not self._holds(now) and self._inside is not None:
            self._around = now
            attach(self._inside)

    def leave(self) -> None:
        """Give the code around its own context back; this one's is kept for when it is entered again."""
        if is_finalizing():
            return
        now = get_current()
        if self._holds(now):
            self._inside = now
            self._restore()

    def tell(self, failure: str | None, attributes: Mapping[str, Any]) -> None:
        """Add attributes; ``failure`` is what went wrong, where something did."""
        if failure is not None:
            self._failure = failure
        with self._spans.faults.shield("instrument", "a span did not take an attribute"):
            self._span.set_attributes(attributes_of(attributes))

    def end(self, error: BaseException | None) -> None:
        """End the span and leave it."""
        if self._is_over:
            return
        try:
            self._end(error)
        except BaseException:  # a signal
            if not is_finalizing() and self._holds(get_current()):
                self._restore()
            raise

    def _end(self, error: BaseException | None) -> None:
        self._is_over = True
        failure, self._failure = self._failure, None
        kind = failure if error is None else _name_of(type(error))
        if is_finalizing():
            self._spans.end_later(self._span, kind, is_exception=error is not None)
        else:
            if self._holds(get_current()):
                self._restore()
            self._spans.end(self._span, kind, is_exception=error is not None)
        # The contexts of tasks that were begun inside refer to this: they would hold everything around it.
        self._inside = self._around = None
        self._outer = _first_going_on(self._outer)

    def _holds(self, context: Context) -> bool:
        """Tell whether code with this context is inside of this run."""
        run: Any = context.get(_RUN)
        while run is not None and run is not self:
            run = run._outer
        return run is self

    def _restore(self) -> None:
        # Not by a token: those are for one context, and a run may end in another than it began in.
        if self._around is not None:
            attach(self._around)
            self._around = None


def _first_going_on(run: RunSpan | None) -> RunSpan | None:
    while run is not None and run._is_over:
        run = run._outer
    return run


class Spans:
    """Opens the spans of one recorder's runs."""

    def __init__(self, tracer: Tracer, faults: Faults) -> None:
        self.faults = faults
        self._tracer = tracer
        self._late: deque[tuple[Span, str | None, bool, int]] = deque()
        """Spans that ended in a finalizer, where OpenTelemetry may not be called."""

    def use(self, tracer: Tracer) -> None:
        """Open spans by this tracer from now on."""
        self._tracer = tracer

    def opener(self, name: str, kind: str, attributes: Mapping[str, str]) -> Callable[[Mapping[str, Any]], Any]:
        """Return what opens and enters a span of that name, with these attributes and those that it is given."""
        span_kind, fixed = _KINDS[kind], attributes_of(attributes)

        def open_span(more: Mapping[str, Any]) -> RunSpan | None:
            if self._late:
                self.end_late_ones()
            if is_finalizing():
                return None
            run = None
            try:
                with self.faults.shield("instrument", "a span could not be opened"):
                    around = get_current()
                    if not around.get(_SUPPRESS_INSTRUMENTATION_KEY):
                        attributes = {**fixed, **bound_attributes(), **attributes_of(more)}
                        span = self._tracer.start_span(name, around, span_kind, attributes)
                        run = RunSpan(self, span, around)
                        run.enter()
            except BaseException as interrupt:  # a signal
                if run is not None:
                    run.end(interrupt)
                raise
            return run

        return open_span

    def end(self, span: Span, kind: str | None, *, is_exception: bool, at: int | None = None) -> None:
        """End a span; where ``kind`` says what went wrong, as one that failed."""
        with self.faults.shield("instrument", "a span could not be ended"):
            try:
                if kind is not None and span.is_recording():
                    if is_exception:
                        span.add_event(EXCEPTION, {EXCEPTION_TYPE: kind})
                    span.set_attribute(ERROR_TYPE, kind)
                    span.set_status(StatusCode.ERROR)
            finally:
                span.end(at)

    def end_later(self, span: Span, kind: str | None, *, is_exception: bool) -> None:
        """End a span as of now, when it may be."""
        self._late.append((span, kind, is_exception, time_ns()))

    def end_late_ones(self) -> None:
        """End the spans that could not be ended when they were over."""
        while self._late and not is_finalizing():
            span, kind, is_exception, at = self._late.popleft()
            self.end(span, kind, is_exception=is_exception, at=at)


def _name_of(kind: type[BaseException]) -> str:
    module = type.__getattribute__(kind, "__module__")
    name = type.__getattribute__(kind, "__qualname__")
    return f"{module}.{name}" if isinstance(module, str) and module != "builtins" else str(name)
