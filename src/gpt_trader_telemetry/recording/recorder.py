"""The interface between what a bot decorates and what collects it.

There are two ways of recording behind it: ``BoundRecorder`` (ours: values wait in lists and are folded into
cells) and ``PlainRecorder`` (the OpenTelemetry API on a MeterProvider of the caller's own). Same names, same
values; one conformance suite holds both to it.
"""

import logging
import os
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

from gpt_trader_telemetry.catalog import Metric
from gpt_trader_telemetry.errors import TelemetryError, UsageError
from gpt_trader_telemetry.interrupts import interrupts, is_of_handler

LabelSet: TypeAlias = tuple[tuple[str, str], ...]
"""Label names and values, in the catalogue's order."""

Series: TypeAlias = tuple[Metric, LabelSet]
"""One metric under one label set."""

Observe: TypeAlias = Callable[[float], object]
"""Take one value. Never raises, never blocks; what it returns means nothing."""

Read: TypeAlias = Callable[[], float | None]
"""Give a gauge's value when it is collected; None while it is not known."""

Take: TypeAlias = Callable[[list[float]], None]
"""Takes a batch of values in."""

Tap: TypeAlias = Callable[[Metric, LabelSet], Take | None]
"""Asked once for each new series of a counter or histogram: what else is to take its amounts or values, if anything.
What it gives is called from whichever thread folds or records, and may keep or change the batch."""


def each_of(*taps: Tap) -> Tap:
    """Return one tap that asks all of these."""

    def tap(metric: Metric, labels: LabelSet) -> Take | None:
        takes = [take for each in taps if (take := each(metric, labels)) is not None]

        def take_all(batch: list[float]) -> None:
            for take in takes:
                take(batch)

        return take_all if len(takes) > 1 else takes[0] if takes else None

    return tap


OVERFLOW: Final[LabelSet] = (("otel.metric.overflow", "true"),)
"""The one label set that takes what comes after a metric's cap, as OpenTelemetry's specification names it."""

_FRAMES_LOGGED: Final = 20
"""Of a fault, the innermost."""
_logger = logging.getLogger("gpt_trader_telemetry")

Listener: TypeAlias = Callable[[str, str, BaseException | None], object]
"""Takes a fault's component, what could not be done, and the error where there was one."""


class SpanOfRun(Protocol):
    """The span of one run. Nothing of it raises but what a signal handler does."""

    def enter(self) -> None:
        """Be current in this code from now on."""

    def leave(self) -> None:
        """Be current no more, until it is entered again."""

    def tell(self, failure: str | None, attributes: Mapping[str, Any]) -> None:
        """Add attributes; ``failure`` is what went wrong, where something did."""

    def end(self, error: BaseException | None) -> None:
        """End it and leave it."""


OpenSpan: TypeAlias = Callable[[Mapping[str, Any]], SpanOfRun | None]
"""Opens and enters a span with these attributes; None where that cannot be."""


class Spans(Protocol):
    """What opens spans."""

    def opener(self, name: str, kind: str, attributes: Mapping[str, str]) -> OpenSpan:
        """Return what opens spans of that name, of the kind client or internal."""


class Recorder(Protocol):
    """What the instruments record into. Label sets given here are already spelled by the catalogue."""

    faults: "Faults"
    spans: Spans | None
    """Opens the spans of runs, where there is a tracer; set before anything is recorded."""
    metrics: dict[str, Metric]
    """Metrics of the caller's own, by name."""
    sites: dict[object, object]
    loads: dict[tuple[str, str], tuple[float | None, int]]
    """The score and the number of issues of the last load of candles, by symbol and interval."""
    """Bound places of ``with`` statements, kept so that entering one again costs little."""

    def events(self, *series: Series) -> Observe:
        """Return what records one event in several series: counters count it, histograms take its value."""

    def adder(self, metric: Metric, labels: LabelSet) -> Observe:
        """Return what adds an amount to a counter."""

    def setter(self, metric: Metric, labels: LabelSet) -> Observe:
        """Return what sets a gauge."""

    def watch(self, metric: Metric, labels: LabelSet, read: Read) -> None:
        """Have a gauge read whenever it is collected."""

    def zero(self, metric: Metric, label_sets: Iterable[LabelSet]) -> None:
        """Show counters at zero, so that ``increase()`` sees their first event."""


@runtime_checkable
class OfOneProcess(Protocol):
    """What is kept by a recorder and begins anew in a forked child."""

    def reset_after_fork(self) -> None:
        """Start the child from nothing."""


_errno: Final = vars(OSError)["errno"].__get__


def frames_of(error: BaseException) -> str:
    """Return where an error came from and of which type it is, and nothing that it says.

    Its text, what it was raised from and what it was raised during may hold a key, or the address of a signed request.
    Errors of this package say what they say of themselves, and those of the operating system what their number means.
    """
    lines = traceback.format_list(traceback.extract_tb(error.__traceback__, limit=-_FRAMES_LOGGED))
    module = type.__getattribute__(type(error), "__module__")
    name = f"{module}.{type.__getattribute__(type(error), '__qualname__')}".removeprefix("builtins.")
    said = f": {error}" if isinstance(error, TelemetryError) and name.startswith("gpt_trader_telemetry.") else ""
    if isinstance(error, OSError) and type(number := _errno(error)) is int:
        said = f": [Errno {number}] {os.strerror(number)}"
    return f"Traceback (most recent call last):\n{''.join(lines)}{name}{said}"


class Faults:
    """Errors inside this library: each is counted and kept from the bot, the first of a kind is logged."""

    KINDS_LOGGED: Final = 256

    def __init__(self) -> None:
        self._count: Callable[[str], object] = lambda _component: None
        self._logged: set[tuple[str, object, str]] = set()
        self._busy = threading.local()
        self.listener: Listener | None = None
        """Told of every fault, logged before or not: what tests look at."""

    def count_with(self, count: Callable[[str], object]) -> None:
        """Say what counts a fault of a component."""
        self._count = count

    def shield(self, component: str, what: str) -> "Shield":
        """Return a ``with`` block that keeps its errors from the bot."""
        return Shield(self, component, what)

    def note(self, component: str, what: str, error: BaseException | None = None, *, kind: object = None) -> None:
        """Count a fault and log it if it is the first of its kind, which is ``what`` unless given.

        Raises only what a signal handler raises or has raised: ``error`` itself where that is no fault but the bot's.
        """
        if error is not None and is_of_handler(error):
            raise error
        if getattr(self._busy, "noting", False):
            return  # counting or logging a fault has failed itself
        self._busy.noting = True
        try:
            self._count(component)
            if self.listener is not None:
                self.listener(component, what, error)
            known = (component, what if kind is None else kind, type(error).__name__)
            if known not in self._logged and len(self._logged) < self.KINDS_LOGGED:
                self._logged.add(known)
                _logger.warning(
                    '%s: %s. Kept from the bot; counted in gpt_trader_telemetry_errors_total{component="%s"}, and '
                    "logged this once. What to do: docs/runbooks.md#telemetry-errors%s", component, what, component,
                    "" if error is None else f"\n{frames_of(error)}",
                )  # fmt: skip
        except Exception as failure:  # the bot's own log handler or counter is broken: nowhere left to say so
            if interrupts(failure):
                raise
        finally:
            self._busy.noting = False


class Shield:
    """A ``with`` block of our own code whose errors are counted and kept from the bot.

    Misuse of this library (UsageError) is logged by its message, anything else as a fault.
    """

    __slots__ = ("_component", "_faults", "_what")

    def __init__(self, faults: Faults, component: str, what: str) -> None:
        self._faults = faults
        self._component = component
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None or interrupts(error):
            return False
        if isinstance(error, UsageError):
            # One place in the code is one kind of misuse, whatever the values that its message names.
            self._faults.note(self._component, str(error), kind=_place(trace))
        else:
            self._faults.note(self._component, self._what, error)
        return True


def _place(trace: TracebackType | None) -> object:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return None if trace is None else (trace.tb_frame.f_code.co_qualname, trace.tb_lineno)


class Cardinality:
    """The cap on the label sets of one metric.

    What comes after the cap shares one overflow series, and one warning names the label that is to blame.
    """

    def __init__(self, metric: Metric, limit: int) -> None:
        self._metric = metric
        self._limit = limit
        self._warned = False

    def admits(self, known: int) -> bool:
        """Tell whether a metric with ``known`` label sets may have one more."""
        return known < self._limit

    def admits_zero(self, known: int) -> bool:
        """Tell whether one more may be shown at zero: the upper half is kept for what really happens."""
        return known < max(1, self._limit // 2)

    def warn(self, known: Iterable[LabelSet]) -> None:
        """Name the label with the most distinct values, once."""
        if self._warned:
            return
        self._warned = True
        values: dict[str, set[str]] = {}
        for labels in list(known):
            for name, value in labels:
                values.setdefault(name, set()).add(value)
        guilty = max(values, key=lambda name: len(values[name]), default="?")
        _logger.warning(
            "%s has reached its %d label sets, %d of them by the label %r; further ones are added to one series "
            "with otel.metric.overflow=true. Give the label fewer values or raise GPT_TRADER_CARDINALITY_LIMIT.",
            self._metric.name, self._limit, len(values.get(guilty, ())), guilty,
        )  # fmt: skip
