"""The plain way of recording: the OpenTelemetry API on a MeterProvider that the caller brought.

Same names and values as the bound way, at the price of that provider's measurements. Its views, readers,
temporality and exemplars apply; its owner exports.
"""

import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation

from gpt_trader_telemetry._version import __version__
from gpt_trader_telemetry.catalog import CATALOG, TELEMETRY_ERRORS, Kind, Metric, served_as
from gpt_trader_telemetry.recording.recorder import (
    OVERFLOW,
    Cardinality,
    Faults,
    LabelSet,
    Observe,
    Read,
    Series,
    Spans,
    Take,
    Tap,
)

SCOPE = "gpt_trader_telemetry"
"""The instrumentation scope of everything that this package records."""


def attributes_of(labels: LabelSet) -> dict[str, Any]:
    """Spell a label set as OpenTelemetry attributes."""
    return {OVERFLOW[0][0]: True} if labels == OVERFLOW else dict(labels)


_Record: TypeAlias = Callable[[float, dict[str, Any]], object]
_Known: TypeAlias = tuple[dict[str, Any], Take | None]
"""The attributes of a series and what else takes its values."""


class _Instrument:
    """One instrument of the caller's provider, made when its metric is first met."""

    def __init__(self, metric: Metric, limit: int) -> None:
        self.known: dict[LabelSet, _Known] = {}
        self.zeroed: set[LabelSet] = set()
        self.cardinality = Cardinality(metric, limit)
        self.record: _Record = lambda _value, _attributes: None


class _Watched:
    """What a provider's observable gauges read. Each is made once: a provider has no second one of the same name.

    Two recorders may have a value for one series; the one that came last is read, and once it has gone the other.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reads: dict[Metric, dict[LabelSet, dict[PlainRecorder, Read]]] = {}

    @classmethod
    def of(cls, provider: MeterProvider) -> "_Watched":
        try:
            return _watched.setdefault(provider, cls())
        except TypeError:  # a provider that can be no key
            return cls()

    def add(self, meter: Meter, metric: Metric, labels: LabelSet, recorder: "PlainRecorder", read: Read) -> None:
        with self._lock:
            is_new = metric not in self._reads
            readers = self._reads.setdefault(metric, {}).setdefault(labels, {})
            readers.pop(recorder, None)
            readers[recorder] = read
        if is_new:
            callback = partial(self._observations, metric)
            for row in served_as(metric):
                meter.create_observable_gauge(row.name, [callback], unit=row.unit, description=row.help)

    def remove(self, recorder: "PlainRecorder") -> None:
        with self._lock:
            for series in self._reads.values():
                for readers in series.values():
                    readers.pop(recorder, None)

    def reset_after_fork(self) -> None:
        self._lock = threading.Lock()

    def _observations(self, metric: Metric, _options: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            latest = [
                (labels, *list(readers.items())[-1]) for labels, readers in self._reads[metric].items() if readers
            ]
        for labels, recorder, read in latest:
            try:
                value = read()
            except Exception as error:
                recorder.faults.note("pipeline", f"a value for {metric.name} could not be read", error)
            else:
                if value is not None:
                    yield Observation(value, attributes_of(labels))


_watched: WeakKeyDictionary[MeterProvider, _Watched] = WeakKeyDictionary()


class PlainRecorder:
    """Records through the OpenTelemetry API, see the module's text."""

    def __init__(
        self, provider: MeterProvider, faults: Faults, *, cardinality_limit: int = 2000, tap: Tap | None = None
    ) -> None:
        self.faults = faults
        self.spans: Spans | None = None
        self.metrics: dict[str, Metric] = {}
        self.sites: dict[object, object] = {}
        self.loads: dict[tuple[str, str], tuple[float | None, int]] = {}
        self._meter = provider.get_meter(SCOPE, __version__)
        self._limit = cardinality_limit
        self._tap = tap
        self._births = threading.RLock()
        self._instruments: dict[Metric, _Instrument] = {}
        self._watched = _Watched.of(provider)
        for metric in CATALOG.values():
            if metric.kind is Kind.COUNTER and not metric.labels:
                self.zero(metric, [()])
        components = TELEMETRY_ERRORS.labels[0].values
        self.zero(TELEMETRY_ERRORS, [(("component", name),) for name in components])
        counts = {name: self.adder(TELEMETRY_ERRORS, (("component", name),)) for name in components}
        self.faults.count_with(lambda component: counts[component](1))

    def events(self, *series: Series) -> Observe:
        """Return what records one event in several series: counters count it, histograms take its value."""
        counters = [self._observe(metric, labels) for metric, labels in series if metric.kind is Kind.COUNTER]
        others = [self._observe(metric, labels) for metric, labels in series if metric.kind is not Kind.COUNTER]

        def observe(value: float) -> None:
            for count in counters:
                count(1)
            for take in others:
                take(value)

        return observe

    def adder(self, metric: Metric, labels: LabelSet) -> Observe:
        """Return what adds an amount to a counter."""
        return self._observe(metric, labels)

    def setter(self, metric: Metric, labels: LabelSet) -> Observe:
        """Return what sets a gauge."""
        return self._observe(metric, labels)

    def watch(self, metric: Metric, labels: LabelSet, read: Read) -> None:
        """Have a gauge read whenever it is collected."""
        self._watched.add(self._meter, metric, labels, self, read)

    def stop_watching(self) -> None:
        """Let go of everything that is read: it belongs to a bot that ends before the provider does."""
        self._watched.remove(self)

    def zero(self, metric: Metric, label_sets: Iterable[LabelSet]) -> None:
        """Show counters at zero, so that ``increase()`` sees their first event."""
        instrument = self._instrument(metric)
        for labels in label_sets:
            if labels not in instrument.zeroed and instrument.cardinality.admits_zero(len(instrument.known)):
                instrument.zeroed.add(labels)
                self._observe(metric, labels)(0)

    def reset_after_fork(self) -> None:
        """Replace a lock that another thread may have held when the process forked."""
        self._births = threading.RLock()
        self._watched.reset_after_fork()

    def _observe(self, metric: Metric, labels: LabelSet) -> Observe:
        instrument = self._instrument(metric)
        attributes, tapped = instrument.known.get(labels) or self._admit(metric, instrument, labels)
        record = instrument.record

        def observe(value: float) -> None:
            try:
                record(value, attributes)
                if tapped is not None:
                    tapped([value])
            except Exception as error:
                self.faults.note("recording", "the MeterProvider did not take a measurement", error)

        return observe

    def _admit(self, metric: Metric, instrument: _Instrument, labels: LabelSet) -> _Known:
        with self._births:
            known = instrument.known
            if labels not in known and not instrument.cardinality.admits(len(known)):
                instrument.cardinality.warn(known.copy())
                labels = OVERFLOW
            if labels not in known:
                tapped = None if self._tap is None or metric.kind is Kind.GAUGE else self._tap(metric, labels)
                known[labels] = (attributes_of(labels), tapped)
            return known[labels]

    def _instrument(self, metric: Metric) -> _Instrument:
        instrument = self._instruments.get(metric)
        if instrument is None:
            with self._births:
                instrument = self._instruments.get(metric)
                if instrument is None:
                    instrument = _Instrument(metric, self._limit)
                    self._make(metric, instrument)
                    self._instruments[metric] = instrument
        return instrument

    def _make(self, metric: Metric, instrument: _Instrument) -> None:
        if not metric.exposed:
            return
        try:
            first, *others = [self._make_one(row) for row in served_as(metric)]
        except Exception as error:
            self.faults.note("recording", f"the MeterProvider made no instrument for {metric.name}", error)
            return
        instrument.record = first if not others else _each_of(first, *others)

    def _make_one(self, row: Metric) -> _Record:
        described = {"unit": row.unit, "description": row.help}
        if row.kind is Kind.COUNTER:
            return self._meter.create_counter(row.name, **described).add
        if row.kind is Kind.GAUGE:
            return self._meter.create_gauge(row.name, **described).set
        return self._meter.create_histogram(
            row.name, explicit_bucket_boundaries_advisory=row.buckets, **described
        ).record


def _each_of(*records: _Record) -> _Record:
    """Return what records in several instruments: a metric's own, and those of names that it had before."""

    def record(value: float, attributes: dict[str, Any]) -> None:
        for one in records:
            one(value, attributes)

    return record
