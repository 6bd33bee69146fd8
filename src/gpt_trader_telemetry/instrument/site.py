"""One decorated place (a site) and one run of it (a scope)."""

from collections.abc import Mapping
from time import perf_counter
from types import CodeType, FunctionType, TracebackType
from typing import Any, Final, Self, TypeVar
from weakref import WeakSet

from gpt_trader_telemetry.instrument.binding import spelled
from gpt_trader_telemetry.instrument.innermost import first_open, follow_collections, step_into, step_out_of
from gpt_trader_telemetry.interrupts import interrupts
from gpt_trader_telemetry.recording.recorder import Observe, OpenSpan, Recorder, SpanOfRun

NOTHING: Final = object()
"""Stands for "no value was returned", since None is a value."""


def discard(_value: float) -> None:
    """Take a value where there is no Telemetry."""


class Place:
    """What a wrapped callable knows of where its runs are recorded."""

    __slots__ = ("__weakref__",)

    judges_runs: bool = False
    """Whether the outcome depends on the arguments or the returned value: then each run has a scope."""

    judges_values: bool = False
    """Whether it depends on the returned value: then the scope keeps it."""

    open_span: OpenSpan | None = None
    """Opens and enters the span of a run, where its runs have spans."""

    def begin(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> "Scope":
        """Begin a run with these arguments and enter it.

        Raises only what a signal handler raises meanwhile; then no scope is left open.
        """
        scope = self.open(args, kwargs)
        try:
            return scope.__enter__()
        except BaseException as interrupt:  # what a subclass does when it is entered may come after that
            scope.forget(interrupt)
            raise

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> "Scope":
        """Begin a run with these arguments. Never raises."""
        raise NotImplementedError


class Site(Place):
    """A decorated place, bound to a recorder when there is one.

    ``succeeded`` is what the hot path calls with the seconds of a run that went well: mostly the ``append`` of a
    list. Nothing here raises into the code that it wraps.
    """

    __slots__ = ("_bodies", "_wrappers", "open_span", "recorder", "succeeded")

    def __init__(self) -> None:
        self.recorder: Recorder | None = None
        self.succeeded: Observe = discard
        self.open_span = None
        self._wrappers: WeakSet[FunctionType] | None = None
        self._bodies: tuple[CodeType, CodeType] | None = None

    def attach(self, recorder: Recorder | None) -> None:
        """Record into ``recorder`` from now on."""
        self.recorder = None
        self.succeeded = discard
        self.open_span = None
        if recorder is not None:
            follow_collections(traced=recorder.spans is not None)
            with recorder.faults.shield("instrument", "a decorated place could not be bound"):
                self.bind(recorder)
                if recorder.spans is not None:
                    self.open_span = recorder.spans.opener(*self.describe_span())
        self._choose_bodies()
        # Last, since a run that sees a recorder finds everything bound.
        self.recorder = recorder

    def adopt(self, wrapper: FunctionType, scoped: CodeType) -> None:
        """Give ``wrapper`` the body ``scoped`` while there is a tracer: only in a scope is there a span.

        So without one nothing is asked at a call. Both bodies have the same closure.
        """
        if self._wrappers is None:
            self._wrappers = WeakSet()
            self._bodies = (wrapper.__code__, scoped)
        self._wrappers.add(wrapper)
        self._choose_bodies()

    def _choose_bodies(self) -> None:
        if self._wrappers is not None and self._bodies is not None:
            body = self._bodies[self.open_span is not None]
            for wrapper in list(self._wrappers):
                if wrapper.__code__ is not body:
                    wrapper.__code__ = body

    def raised(self, error: BaseException, seconds: float) -> None:
        """Record a run that raised."""
        recorder = self.recorder
        if recorder is not None:
            with recorder.faults.shield("instrument", "a raised exception could not be recorded"):
                self.record_error(error, seconds)

    def bind(self, recorder: Recorder) -> None:
        """Bind the series of this place; set ``succeeded``."""
        raise NotImplementedError

    def describe_span(self) -> tuple[str, str, Mapping[str, str]]:
        """Return the name, the kind and the attributes of the spans of this place."""
        raise NotImplementedError

    def record_error(self, error: BaseException, seconds: float) -> object:
        """Record a run that raised."""
        raise NotImplementedError


class Scope:
    """One run: a context manager that times it and tells its site how it ended.

    ``outer`` links the scopes of one context, so that a guard finds the order it belongs to.
    """

    # What every run sets is in slots; what few runs set stands on the class until then. No `__init__`, which alone
    # would cost as much as all the rest of making one: `opened` fills it.
    __slots__ = ("__dict__", "closed", "outer", "site", "start")

    site: Any
    outer: "Scope | None"
    closed: bool
    start: float

    value: Any = NOTHING
    owner: object = None
    span: SpanOfRun | None = None

    def resumed(self, start: float) -> Self:
        """Count from ``start``, for a run that is finished elsewhere than where it began."""
        self.start = start
        return self

    def __enter__(self) -> Self:
        begun = self.start
        try:
            step_into(self)
            if not begun:
                if self.site.open_span is not None:
                    self.span = self.site.open_span(self.span_attributes())
                self.start = perf_counter()
            elif self.span is not None:
                self.span.enter()
        except BaseException as interrupt:  # a signal: one that was not begun is no run
            if begun:
                self.finish(interrupt)
            else:
                self.forget(interrupt)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.finish(error)
        except BaseException as interrupt:
            self.finish(interrupt)
            raise

    def forget(self, interrupt: BaseException) -> None:
        """Close a run that a signal kept from beginning: nothing is recorded of it."""
        if not self.closed:
            self.closed = True
            step_out_of(self)
            self._end_span(interrupt)

    def leave(self) -> None:
        """Step out of this context; the run goes on and is finished elsewhere.

        What was begun inside, as what follows a future is, still finds what was around it.
        """
        step_out_of(self)
        if self.outer is not None:
            self.outer = first_open(self.outer)
        if self.span is not None:
            self.span.leave()

    def identify(self, *, order_id: object = None, symbol: object = None, decision_id: object = None) -> None:
        """Say which order this is about: attributes of its span, and of no metric. Without a span it does nothing."""
        if self.span is not None:
            given = {"order_id": order_id, "symbol": symbol, "decision_id": decision_id}
            self.span.tell(None, spelled(self.site.recorder, given))

    def span_attributes(self) -> Mapping[str, Any]:
        """Return what this run's span carries beside what all of its place carry."""
        return {}

    def tell(self, failure: str | None, **attributes: object) -> None:
        """Say on the span, where there is one, how the run ended; ``failure`` where it did not go well."""
        if self.span is not None:
            self.span.tell(failure, attributes)

    def returned(self, value: Any) -> None:
        """Keep what the run returned, where that decides how it ended."""
        if self.site.judges_values:
            self.value = value

    def finish(self, error: BaseException | None) -> None:
        """End the run and record it, once. Raises only what a signal handler raises meanwhile."""
        if self.closed:
            return
        seconds = perf_counter() - self.start
        self.closed = True
        recorder = self.site.recorder
        recording = recorded = False
        try:
            step_out_of(self)
            if self.span is not None:
                self.span.enter()  # an exemplar is taken from the span that is current
            if recorder is not None:
                recording = True
                self.record(error, seconds)
                recorded = True
            if self.span is not None:
                self._end_span(error)
        except BaseException as fault:
            if interrupts(fault):
                # A signal came, maybe while the returned value was judged: the bot gets this instead of it.
                self._interrupted(fault, seconds, recorded=recorded or (recording and self.value is NOTHING))
                raise
            try:
                if recorder is not None:
                    recorder.faults.note("instrument", "a run could not be recorded", fault)
            finally:
                self._end_span(error)
        # Tasks that overlap would else hold one another's scopes, and what they returned, for ever.
        if self.outer is not None:
            self.outer = first_open(self.outer)
        if self.value is not NOTHING:
            self.value = NOTHING

    def _interrupted(self, interrupt: BaseException, seconds: float, *, recorded: bool) -> None:
        step_out_of(self)
        recorder = self.site.recorder
        if recorder is not None and not recorded:
            self.value = NOTHING
            with recorder.faults.shield("instrument", "an interrupted run could not be recorded"):
                self.record(interrupt, seconds)
        self._end_span(interrupt)

    def _end_span(self, error: BaseException | None) -> None:
        if self.span is not None:
            self.span.end(error)
            self.span = None

    def record(self, error: BaseException | None, seconds: float) -> None:
        """Record the run; may raise."""
        if error is not None:
            self.site.record_error(error, seconds)
        else:
            self.site.succeeded(seconds)


ScopeT = TypeVar("ScopeT", bound=Scope)


def opened(scope: ScopeT, site: Site) -> ScopeT:
    """Return a scope that was just made as the run of ``site`` that begins now."""
    scope.site = site
    scope.outer = None
    scope.closed = False
    scope.start = 0.0
    return scope
