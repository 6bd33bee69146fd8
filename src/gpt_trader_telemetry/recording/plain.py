"""The plain way of recording: the OpenTelemetry API on a MeterProvider that the caller brought.

Same names and values as the bound way, at the price of that provider's measurements. Its views, readers,
temporality and exemplars apply; its owner exports.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

from gpt_trader_telemetry._version import __version__
from gpt_trader_telemetry.catalog import CATALOG, TELEMETRY_ERRORS, Kind, Metric
from gpt_trader_telemetry.recording.recorder import (
    OVERFLOW,
    Cardinality,
    Faults,
    LabelSet,
    Observe,
    Read,
    Series,
    Take,
    Tap,
)

SCOPE = "gpt_trader_telemetry"
"""The instrumentation scope of everything that this package records."""


def attributes_of(labels: LabelSet) -> dict[str, Any]:
    """Spell a label set as OpenTelemetry attributes."""
    return {OVERFLOW[0][0]: True} if labels == OVERFLOW else dict(labels)


_Known: TypeAlias = tuple[dict[str, Any], Take | None]
"""The attributes of a series and what else takes its values."""


class _Instrument:
    """One instrument of the caller's provider, made when its metric is first met."""

    def __init__(self, metric: Metric, limit: int) -> None:
        self.known: dict[LabelSet, _Known] = {}
        self.zeroed: set[LabelSet] = set()
        self.cardinality = Cardinality(metric, limit)
        self.record: Callable[[float, dict[str, Any]], object] = lambda _value, _attributes: None


class PlainRecorder:
    """Records through the OpenTelemetry API, see the module's text."""

    def __init__(
        self, provider: MeterProvider, faults: Faults, *, cardinality_limit: int = 2000, tap: Tap | None = None
    ) -> None:
        self.faults = faults
        self.metrics: dict[str, Metric] = {}
        self.sites: dict[object, object] = {}
        self._meter = provider.get_meter(SCOPE, __version__)
        self._limit = cardinality_limit
        self._tap = tap
        self._births = threading.RLock()
        self._instruments: dict[Metric, _Instrument] = {}
        self._watched: dict[Metric, dict[LabelSet, Read]] = {}
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
        with self._births:
            reads = self._watched.get(metric)
            if reads is not None:
                reads[labels] = read
                return
            self._watched[metric] = {labels: read}
        self._meter.create_observable_gauge(
            metric.name, [self._observations(metric)], unit=metric.unit, description=metric.help
        )

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
        described = {"unit": metric.unit, "description": metric.help}
        if not metric.exposed:
            return
        try:
            if metric.kind is Kind.COUNTER:
                instrument.record = self._meter.create_counter(metric.name, **described).add
            elif metric.kind is Kind.GAUGE:
                instrument.record = self._meter.create_gauge(metric.name, **described).set
            else:
                instrument.record = self._meter.create_histogram(
                    metric.name, explicit_bucket_boundaries_advisory=metric.buckets, **described
                ).record
        except Exception as error:
            self.faults.note("recording", f"the MeterProvider made no instrument for {metric.name}", error)

    def _observations(self, metric: Metric) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observations(_options: CallbackOptions) -> Iterable[Observation]:
            for labels, read in list(self._watched[metric].copy().items()):
                try:
                    value = read()
                except Exception as error:
                    self.faults.note("pipeline", f"a value for {metric.name} could not be read", error)
                else:
                    if value is not None:
                        yield Observation(value, attributes_of(labels))

        return observations
