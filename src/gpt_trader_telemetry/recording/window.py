"""Sliding windows: how many, and which quantile, over the last few minutes.

A window is a ring of slots (5 minutes as 60 slots of 5 s unless told otherwise). A value belongs to the slot in
which it is folded; the window at any moment is the running slot and the 59 before it, so it spans between 59 and
60 slots' time. Values leave with their slot, without anybody having to come by: old slots are told by their number.

What a window keeps is bounded whatever it is fed. A count: 60 amounts. A sketch: 8 bytes for each bucket that a slot
has values in, so at most 8 bytes a value and 10 kB a slot. One that never took a value, or whose values all left,
keeps nothing.
"""

import math
import threading
import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from math import floor
from typing import Final

Clock = Callable[[], float]
"""Seconds of a clock that only goes forward; the windows survive one that does not."""

WINDOW_SECONDS: Final = 300.0
SLOTS: Final = 60

SCALE: Final = 5
"""Buckets of the sketch grow by 2^(2^-SCALE): 32 of them double a value."""

RELATIVE_ERROR: Final = 2.0 ** (2.0**-SCALE) - 1
"""A quantile is never below the true one, and at most this share above it: 2.19 %.

The true quantile is in the bucket (low, high] with high = 2^(2^-SCALE) * low that is answered with ``high``, so the
answer is at most high / low - 1 above it. It is never above the greatest value in the window either: a time-out
that most slow calls run into is answered exactly.
"""

_OCTAVES: Final = 20
_POWERS: Final = range(-_OCTAVES << SCALE, (_OCTAVES << SCALE) + 1)
BOUNDS: Final = (*(2.0 ** (power / (1 << SCALE)) for power in _POWERS), math.inf)
"""Upper bounds of the sketch's buckets: from 2^-20 (a microsecond, if values are seconds) to 2^20 (twelve days).

The error holds between these; values below share one bucket, values above another.
"""

# A bucket's count in one slot, packed: the slot's lowest bits, the bucket, the count.
_SLOT_SHIFT: Final = 48
_SLOT_MASK: Final = 0xFFFF
_BUCKET_SHIFT: Final = 32
_BUCKET_MASK: Final = 0xFFFF
_COUNT_MASK: Final = 0xFFFF_FFFF
MAX_SLOTS: Final = 0x8000


class SlotClock:
    """Numbers the slots of all windows that share it, by whole numbers that never go back.

    A clock that is set back holds time still if it is by less than a slot or so; if it is by more, time goes on
    from the slot that it was in, and nothing is lost or kept for longer. A gap, however long, only ages values.
    """

    __slots__ = ("_clock", "_latest", "_lock", "_shift", "slots", "width")

    def __init__(self, length: float = WINDOW_SECONDS, slots: int = SLOTS, clock: Clock = time.monotonic) -> None:
        assert 0 < slots <= MAX_SLOTS
        self.slots = slots
        """Slots in a window."""
        self.width = length / slots
        """Seconds of a slot."""
        self._clock = clock
        self._shift = 0
        self._latest = self._number()
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Replace a lock that another thread may have held when the process forked."""
        # Reentrant, as all locks here: a signal handler of the bot's may record while its thread is inside.
        self._lock = threading.RLock()

    def slot(self) -> int:
        """Return the running slot's number."""
        number = floor(self._clock() / self.width) + self._shift
        return number if number == self._latest else self._move()

    def _number(self) -> int:
        return floor(self._clock() / self.width) + self._shift

    def _move(self) -> int:
        with self._lock:
            number = self._number()
            if number > self._latest:
                self._latest = number
            elif number < self._latest - 1:
                self._shift += self._latest - number
            return self._latest


class WindowCount:
    """Adds amounts up over the window. Safe to use from any thread."""

    __slots__ = ("_clock", "_latest", "_lock", "_ring")

    def __init__(self, clock: SlotClock) -> None:
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Start again from zero, as in a forked child."""
        self._lock = threading.RLock()
        self._latest = 0
        self._ring: tuple[array[int], array[float]] | None = None

    def take(self, batch: list[float]) -> None:
        """Add the amounts up; zeros leave no trace."""
        amount = batch[0] if len(batch) == 1 else math.fsum(batch)
        if not amount:
            return
        with self._lock:
            slot = self._clock.slot()
            numbers, amounts = self._ring or self._new_ring(slot)
            at = slot % self._clock.slots
            if numbers[at] != slot:
                numbers[at], amounts[at] = slot, 0.0
            amounts[at] += amount
            self._latest = slot

    def total(self) -> float:
        """Return the sum over the window: exact for whole numbers."""
        with self._lock:
            if self._ring is None:
                return 0.0
            oldest = self._clock.slot() - self._clock.slots
            if self._latest <= oldest:
                self._ring = None
                return 0.0
            return math.fsum([amount for number, amount in zip(*self._ring, strict=True) if number > oldest])

    def _new_ring(self, slot: int) -> tuple["array[int]", "array[float]"]:
        slots = self._clock.slots
        self._ring = array("q", [slot - slots]) * slots, array("d", [0.0]) * slots
        return self._ring


class Sketch:
    """Values by the base-2 exponential bucket that they fall in, with the greatest of them."""

    __slots__ = ("counts", "greatest")

    def __init__(self, counts: Mapping[int, int] | None = None, greatest: float = -math.inf) -> None:
        self.counts: dict[int, int] = dict(counts or {})
        """How many values each bucket holds: bucket ``i`` those above ``BOUNDS[i - 1]``, up to ``BOUNDS[i]``."""
        self.greatest = greatest

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(self.counts.values())

    def merge(self, other: "Sketch") -> None:
        """Take in the values of another one."""
        for bucket, count in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count
        self.greatest = max(self.greatest, other.greatest)

    def bucket_of(self, quantile: float) -> int | None:
        """Return the bucket of the value of rank ``ceil(quantile * count)``, counted from 1; None without values."""
        # The product is a little off where the quantile is no binary fraction: 0.95 of 20 is the 19th value.
        rank = max(1, math.ceil(quantile * self.count - 1e-9))
        for bucket in sorted(self.counts):
            rank -= self.counts[bucket]
            if rank <= 0:
                return bucket
        return None

    def quantile(self, quantile: float) -> float | None:
        """Return the value of rank ``ceil(quantile * count)``, at most RELATIVE_ERROR too high; None without values."""
        bucket = self.bucket_of(quantile)
        return None if bucket is None else min(BOUNDS[bucket], self.greatest)

    def count_from(self, bucket: int) -> int:
        """Return how many values are in this bucket or above."""
        return sum(count for number, count in self.counts.items() if number >= bucket)


class WindowSketch:
    """Sketches the distribution of values over the window, none below 0. Safe to use from any thread.

    Counts over the whole window are kept up to date as slots come and go, so reading costs a copy of them.
    """

    __slots__ = ("_clock", "_greatest", "_latest", "_lock", "_log", "_running", "_totals")

    def __init__(self, clock: SlotClock) -> None:
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Start again with no values, as in a forked child."""
        self._lock = threading.RLock()
        self._latest = 0
        self._clear()

    def _clear(self) -> None:
        self._totals: dict[int, int] = {}
        self._running: dict[int, int] = {}
        """Counts of the running slot; those of earlier ones stand in the log, the oldest first."""
        self._log: array[int] | None = None
        self._greatest: array[float] | None = None
        """The greatest value of each slot."""

    def take(self, batch: list[float]) -> None:
        """Take values in; sorts ``batch`` in place."""
        if not batch:
            return
        batch.sort()
        with self._lock:
            slot = self._advance()
            if self._greatest is None:
                self._greatest = array("d", [-math.inf]) * self._clock.slots
            at = slot % self._clock.slots
            self._greatest[at] = max(self._greatest[at], batch[-1])
            running, totals = self._running, self._totals
            start = 0
            while start < len(batch):
                bucket = bisect_left(BOUNDS, batch[start])
                end = bisect_right(batch, BOUNDS[bucket], start)
                running[bucket] = running.get(bucket, 0) + end - start
                totals[bucket] = totals.get(bucket, 0) + end - start
                start = end

    def read(self) -> Sketch:
        """Return what the window holds."""
        with self._lock:
            self._advance()
            return Sketch() if self._greatest is None else Sketch(self._totals, max(self._greatest))

    def _advance(self) -> int:
        """Let go of the slots that have left the window; return the running one."""
        slot, latest, slots = self._clock.slot(), self._latest, self._clock.slots
        if slot == latest:
            return slot
        self._latest = slot
        if slot - latest >= slots:
            self._clear()
        elif self._greatest is not None:
            self._close(latest)
            self._expire(slot)
            for number in range(latest + 1, slot + 1):
                self._greatest[number % slots] = -math.inf
            if not self._totals:
                self._clear()
        return slot

    def _close(self, slot: int) -> None:
        if self._running:
            front = (slot & _SLOT_MASK) << _SLOT_SHIFT
            if self._log is None:
                self._log = array("Q")
            self._log.extend([front | bucket << _BUCKET_SHIFT | count for bucket, count in self._running.items()])
            self._running = {}

    def _expire(self, slot: int) -> None:
        slots, totals, gone = self._clock.slots, self._totals, 0
        for entry in self._log or ():
            if (slot - (entry >> _SLOT_SHIFT)) & _SLOT_MASK < slots:
                break
            bucket = entry >> _BUCKET_SHIFT & _BUCKET_MASK
            totals[bucket] -= entry & _COUNT_MASK
            if not totals[bucket]:
                del totals[bucket]
            gone += 1
        if self._log is not None:
            del self._log[:gone]
