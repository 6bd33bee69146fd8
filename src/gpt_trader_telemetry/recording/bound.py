"""Our own way of recording: series are bound beforehand, the hot path only appends to a list.

A stock OpenTelemetry measurement cleans and hashes its attributes each time. Here a decorated function holds
the ``append`` of its series' feed; a background tick and every collection fold what waits there into cells.

Two locks: ``_births`` is held for the moment in which a series is made, and may be taken by the bot's threads;
``_folding`` is held while values are folded and read, and is never taken by them.
"""

import threading
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from gpt_trader_telemetry.catalog import CATALOG, TELEMETRY_ERRORS, Kind, Metric, served_as
from gpt_trader_telemetry.recording.cells import CounterCell, Feed, GaugeCell, HistogramCell
from gpt_trader_telemetry.recording.exemplars import Exemplar, Sample
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

Cell: TypeAlias = CounterCell | GaugeCell | HistogramCell


class Family:
    """One metric and the cells of its label sets."""

    def __init__(self, metric: Metric, limit: int, *, exponential: bool) -> None:
        self.metric = metric
        self._exponential = exponential
        self.cells: dict[LabelSet, Cell] = {}
        self.reads: dict[LabelSet, Read] = {}
        self.was_read: set[LabelSet] = set()
        """Label sets whose present value was read, not set."""
        self.cardinality = Cardinality(metric, limit)

    def new_cell(self) -> Cell:
        """Make an empty cell of the metric's kind."""
        if self.metric.kind is Kind.COUNTER:
            return CounterCell()
        if self.metric.kind is Kind.GAUGE:
            return GaugeCell()
        return HistogramCell(self.metric.buckets, exponential=self._exponential)


@dataclass(frozen=True, slots=True)
class Collected:
    """One metric as it stands at one moment, its cells valid only while the collection is held."""

    metric: Metric
    cells: dict[LabelSet, Cell]


@dataclass(slots=True)
class _Structure:
    """What grows as new series are met."""

    families: dict[Metric, Family] = field(default_factory=dict)
    feeds: dict[object, Feed] = field(default_factory=dict)


class BoundRecorder:
    """Records into cells of its own, see the module's text."""

    def __init__(
        self,
        *,
        cardinality_limit: int = 2000,
        exponential: bool = False,
        tap: Tap | None = None,
        sample: Sample | None = None,
    ) -> None:
        self.faults = Faults()
        self.spans: Spans | None = None
        self.metrics: dict[str, Metric] = {}
        self.sites: dict[object, object] = {}
        self.loads: dict[tuple[str, str], tuple[float | None, int]] = {}
        self.start_time_ns = time.time_ns()
        self._limit = cardinality_limit
        self._exponential = exponential
        self._tap = tap
        self._sample = sample
        self._structure = _Structure()
        # Reentrant: a finalizer or signal handler may record while its thread is inside.
        self._births = threading.RLock()
        self._folding = threading.Lock()
        self._start_counters()

    def _start_counters(self) -> None:
        for metric in CATALOG.values():
            if metric.kind is Kind.COUNTER and not metric.labels:
                self.zero(metric, [()])
        components = TELEMETRY_ERRORS.labels[0].values
        counts = {name: self.events((TELEMETRY_ERRORS, (("component", name),))) for name in components}
        self.faults.count_with(lambda component: counts[component](1))

    def events(self, *series: Series) -> Observe:
        """Return what records one event in several series: counters count it, histograms take its value."""
        feed = self._structure.feeds.get(series) or self._new_feed(series)
        return feed.pending.append if self._sample is None or not feed.keepers else feed.sampling(self._sampled)

    def adder(self, metric: Metric, labels: LabelSet) -> Observe:
        """Return what adds an amount to a counter."""
        feed = self._structure.feeds.get((metric, labels, "amount"))
        if feed is None:
            labels, cell = self._cell(metric, labels)
            assert isinstance(cell, CounterCell)
            feed = self._feed((metric, labels, "amount"), [*self._tapped(metric, labels), cell.add])
        return feed.pending.append

    def setter(self, metric: Metric, labels: LabelSet) -> Observe:
        """Return what sets a gauge."""
        _, cell = self._cell(metric, labels)
        assert isinstance(cell, GaugeCell)
        return cell.set

    def watch(self, metric: Metric, labels: LabelSet, read: Read) -> None:
        """Have a gauge read whenever it is collected."""
        labels, _ = self._cell(metric, labels)
        self._family(metric).reads[labels] = read

    def zero(self, metric: Metric, label_sets: Iterable[LabelSet]) -> None:
        """Show counters at zero, so that ``increase()`` sees their first event."""
        family = self._family(metric)
        for labels in label_sets:
            if family.cardinality.admits_zero(len(family.cells)):
                self._cell(metric, labels)

    def fold(self) -> None:
        """Move everything that waits into the cells."""
        with self._folding:
            self._fold_feeds()

    @contextmanager
    def collected(self) -> Generator[list[Collected]]:
        """Hold all series still and give them: one consistent snapshot, whoever else is collecting."""
        self._read_gauges()
        with self._folding:
            self._fold_feeds()
            # A dict's copy is made at one go; its items are not, since the garbage collector may run in between.
            families = [family for family in list(self._structure.families.copy().values()) if family.metric.exposed]
            yield [Collected(row, family.cells.copy()) for family in families for row in served_as(family.metric)]

    def _read_gauges(self) -> None:
        # Outside the lock: this is the bot's own code and may be slow.
        for family in list(self._structure.families.copy().values()):
            for labels, read in list(family.reads.copy().items()):
                try:
                    value = read()
                except Exception as error:
                    value = None
                    self.faults.note("pipeline", f"a value for {family.metric.name} could not be read", error)
                _show_read(family, labels, value)

    def _fold_feeds(self) -> None:
        for feed in self._structure.feeds.copy().values():
            if feed.pending:
                feed.fold()

    def reset_after_fork(self) -> None:
        """Start the child from zero. Lists are emptied in place: decorated functions hold their ``append``."""
        # Reentrant: a finalizer or signal handler may record while its thread is inside.
        self._births = threading.RLock()
        self._folding = threading.Lock()
        self.start_time_ns = time.time_ns()
        for feed in self._structure.feeds.values():
            feed.pending.clear()
            feed.exemplars.clear()
        for family in self._structure.families.values():
            for cell in family.cells.values():
                cell.reset()

    def _family(self, metric: Metric) -> Family:
        families = self._structure.families
        family = families.get(metric)
        if family is None:
            with self._births:
                family = families.setdefault(metric, Family(metric, self._limit, exponential=self._exponential))
        return family

    def _cell(self, metric: Metric, labels: LabelSet) -> tuple[LabelSet, Cell]:
        family = self._family(metric)
        cell = family.cells.get(labels)
        if cell is not None:
            return labels, cell
        with self._births:
            if labels not in family.cells and not family.cardinality.admits(len(family.cells)):
                family.cardinality.warn(family.cells.copy())
                labels = OVERFLOW
            return labels, family.cells.setdefault(labels, family.new_cell())

    def _new_feed(self, series: tuple[Series, ...]) -> Feed:
        admitted: list[Series] = []
        takers: list[Take] = []
        keepers: list[HistogramCell] = []
        for metric, labels in series:
            labels_admitted, cell = self._cell(metric, labels)
            admitted.append((metric, labels_admitted))
            taps = self._tapped(metric, labels_admitted)
            if isinstance(cell, CounterCell):
                takers += [_counting(tap) for tap in taps]
                takers.append(cell.count)
            elif isinstance(cell, HistogramCell):
                takers += [*taps, cell.take]
                keepers.append(cell)
        return self._feed(tuple(admitted), takers, keepers)

    def _tapped(self, metric: Metric, labels: LabelSet) -> list[Take]:
        take = None if self._tap is None else self._tap(metric, labels)
        return [] if take is None else [take]

    def _sampled(self, value: float) -> Exemplar | None:
        try:
            return None if self._sample is None else self._sample(value)
        except Exception as fault:
            self.faults.note("recording", "an exemplar could not be taken", fault)
            return None

    def _feed(self, key: object, takers: Iterable[Take], keepers: Sequence[HistogramCell] = ()) -> Feed:
        # Kept under the admitted label sets: a million refused ones share one feed and leave no trace.
        with self._births:
            feeds = self._structure.feeds
            # A signal handler or finalizer may have made it in between: the first one stays.
            return feeds.get(key) or feeds.setdefault(key, Feed(tuple(takers), keepers))

    def __iter__(self) -> Iterator[Metric]:
        """Iterate over the metrics that have series."""
        return iter([family.metric for family in list(self._structure.families.copy().values()) if family.cells])


def _show_read(family: Family, labels: LabelSet, value: float | None) -> None:
    """Show what was read; where nothing is known, what the bot has set by itself stays."""
    cell = family.cells[labels]
    assert isinstance(cell, GaugeCell)
    if value is not None:
        cell.value = value
        family.was_read.add(labels)
    elif labels in family.was_read:
        family.was_read.discard(labels)
        cell.value = None


def _counting(take: Take) -> Take:
    """Return what hands ``take`` an amount of one for each event, whatever value the event has."""
    return lambda batch: take([1.0] * len(batch))
