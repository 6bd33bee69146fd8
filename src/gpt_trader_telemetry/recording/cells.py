"""Cells: where values of one series are summed up, and the feeds that lead to them.

Only a fold writes to a cell, but for a gauge's, which is set by one assignment. Folds are made one at a time
(``BoundRecorder`` holds a lock around them), so cells need no locks of their own. The recording side only ever appends
to a feed's list.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from gpt_trader_telemetry.recording.exemplars import Exemplar, Sample
from gpt_trader_telemetry.recording.exponential import ExponentialBuckets
from gpt_trader_telemetry.recording.recorder import Observe, Take

FOLD_CHUNK = 2048
"""Values folded at a time: this many take a fraction of a millisecond, and then other threads may have their turn."""

EXPONENTIAL_FOLD_CHUNK = 512
"""The same where a value's bucket is a logarithm's, which takes four times as long."""


class CounterCell:
    """A running total: whole as long as only whole numbers are added."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: int | float = 0

    def count(self, batch: list[float]) -> None:
        """Add one for each value, whatever it is."""
        self.value += len(batch)

    def add(self, batch: list[float]) -> None:
        """Add the values up."""
        try:
            self.value += sum(batch)
        except OverflowError:  # whole numbers beyond any float met a fraction
            self.value = math.inf

    def reset(self) -> None:
        """Start again from zero."""
        self.value = 0


class GaugeCell:
    """The last value set, or None while there is none."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float | None = None

    def set(self, value: float) -> None:
        """Replace the value; one assignment, so it needs no lock."""
        self.value = value

    def reset(self) -> None:
        """Forget the value."""
        self.value = None


class HistogramCell:
    """Counts a bucket (the last one is beyond the last bound), sum, least and greatest value.

    The sum is compensated (Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen",
    1974), so that it stays within a few units in the last place however many folds it takes.
    """

    __slots__ = ("_lost", "_sum", "bounds", "counts", "exemplars", "exponential", "greatest", "least")

    def __init__(self, bounds: tuple[float, ...], *, exponential: bool = False) -> None:
        self.bounds = bounds
        self.exponential = ExponentialBuckets() if exponential else None
        """The same values in exponential buckets, where OTLP is to carry those."""
        self.reset()

    def reset(self) -> None:
        """Start again with no values."""
        self.counts = [0] * (len(self.bounds) + 1)
        self._sum = self._lost = 0.0
        self.least = math.inf
        self.greatest = -math.inf
        self.exemplars: dict[int, Exemplar] | None = None
        """The newest exemplar of each bucket that has one."""
        if self.exponential is not None:
            self.exponential.reset()

    @property
    def count(self) -> int:
        """How many values were taken."""
        return sum(self.counts)

    @property
    def sum(self) -> float:
        """Return the sum of the values."""
        return self._sum + self._lost

    def take(self, batch: list[float]) -> None:
        """Take values in; sorts ``batch`` in place."""
        counts, bounds = self.counts, self.bounds
        if len(batch) == 1:  # what most series have between two folds
            least = greatest = amount = batch[0]
            counts[bisect_left(bounds, amount)] += 1
        else:
            batch.sort()
            if len(batch) <= len(bounds):
                for value in batch:
                    counts[bisect_left(bounds, value)] += 1
            else:
                _count_sorted(batch, bounds, counts)
            least, greatest, amount = batch[0], batch[-1], _sum_of(batch)
        self._add_to_sum(amount)
        if least < self.least:  # noqa: PLR1730 - a call of min() takes as long as all of the above
            self.least = least
        if greatest > self.greatest:  # noqa: PLR1730
            self.greatest = greatest
        if self.exponential is not None:
            self.exponential.take(batch)

    def keep(self, exemplar: Exemplar) -> None:
        """Keep an exemplar for its value's bucket, in place of an older one."""
        if self.exemplars is None:
            self.exemplars = {}
        self.exemplars[bisect_left(self.bounds, exemplar.value)] = exemplar

    def _add_to_sum(self, amount: float) -> None:
        total = self._sum + amount
        if math.isinf(total):
            self._sum, self._lost = total, 0.0
            return
        if abs(self._sum) >= abs(amount):
            self._lost += (self._sum - total) + amount
        else:
            self._lost += (amount - total) + self._sum
        self._sum = total


def _count_sorted(values: list[float], bounds: tuple[float, ...], counts: list[int]) -> None:
    below = 0
    for index, bound in enumerate(bounds):
        upto = bisect_right(values, bound, below)
        counts[index] += upto - below
        below = upto
    counts[-1] += len(values) - below


def _sum_of(values: list[float]) -> float:
    try:
        return math.fsum(values)
    except OverflowError:
        return math.inf


class Feed:
    """The list that one recording place appends to, and the cells that its values end up in.

    Appending, taking a slice and deleting one are each atomic: under the GIL because they run in C without
    calling back, and in free-threaded builds under the list's own lock. Appends only ever grow the end, so an
    index below a length once read keeps its value until the folder, of which there is one at a time, deletes it.
    """

    __slots__ = ("bounds", "chunk", "exemplars", "keepers", "pending", "takers")

    def __init__(self, takers: Sequence[Take], keepers: Sequence[HistogramCell] = ()) -> None:
        self.pending: list[float] = []
        self.takers = tuple(takers)
        self.keepers = tuple(keepers)
        """The histograms that keep exemplars of these values."""
        exponential = any(cell.exponential is not None for cell in self.keepers)
        self.chunk = EXPONENTIAL_FOLD_CHUNK if exponential else FOLD_CHUNK
        self.bounds = self.keepers[0].bounds if self.keepers else ()
        self.exemplars: dict[int, Exemplar] = {}
        """The latest exemplar of each bucket since the last fold: many quick values push out no rare slow one.

        Observers hold this very dict, so it is emptied in place. Setting an item and popping one are each atomic.
        """

    def sampling(self, sample: Sample) -> Observe:
        """Return what records a value and the exemplar that ``sample`` gives for it."""
        append, exemplars, bounds = self.pending.append, self.exemplars, self.bounds

        def observe(value: float) -> None:
            append(value)
            exemplar = sample(value)
            if exemplar is not None:
                exemplars[bisect_left(bounds, value)] = exemplar

        return observe

    def fold(self) -> None:
        """Move what is waiting into the cells, from the end, so that each deletion moves only newer values."""
        pending = self.pending
        end = len(pending)
        while end:
            start = max(0, end - self.chunk)
            batch = pending[start:end]
            del pending[start:end]
            for take in self.takers:
                take(batch)
            end = start
        for bucket in list(self.exemplars):
            exemplar = self.exemplars.pop(bucket)
            for cell in self.keepers:
                cell.keep(exemplar)
