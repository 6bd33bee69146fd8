"""Base-2 exponential buckets: a bounded number of them, at the finest scale that holds all values.

Source: OpenTelemetry's metrics data model, "ExponentialHistogram"; bucket ``i`` at scale ``s`` holds the values
in (base^i, base^(i+1)] with base = 2^(2^-s). Halving the resolution merges buckets ``2i`` and ``2i + 1``.
"""

import math
from bisect import bisect_right
from typing import Final

MAX_BUCKETS: Final = 160
MAX_SCALE: Final = 20
MIN_SCALE: Final = -10


def bucket_index(value: float, scale: int) -> int:
    """Return the bucket of a value above 0.

    >>> bucket_index(1.0, 0), bucket_index(1.5, 0), bucket_index(2.0, 0), bucket_index(2.0, 1)
    (-1, 0, 0, 1)
    """
    fraction, exponent = math.frexp(value)
    if fraction == 0.5:  # noqa: PLR2004 - a power of two is the upper bound of its bucket, exactly
        power = exponent - 1
        return (power << scale) - 1 if scale > 0 else (power - 1) >> -scale
    if scale <= 0:
        return (exponent - 1) >> -scale
    return math.ceil(math.log2(value) * (1 << scale)) - 1


class ExponentialBuckets:
    """Counts of values from 0 on."""

    __slots__ = ("counts", "scale", "zeros")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start again with no values, at the finest scale."""
        self.counts: dict[int, int] = {}
        self.scale = MAX_SCALE
        self.zeros = 0

    def take(self, ordered: list[float]) -> None:
        """Take values in, which are sorted and none below 0."""
        zeros = bisect_right(ordered, 0.0)
        self.zeros += zeros
        if zeros == len(ordered):
            return
        self._make_room(bucket_index(ordered[zeros], self.scale), bucket_index(ordered[-1], self.scale))
        counts, scale = self.counts, self.scale
        for position in range(zeros, len(ordered)):
            index = bucket_index(ordered[position], scale)
            counts[index] = counts.get(index, 0) + 1

    def _make_room(self, low: int, high: int) -> None:
        if self.counts:
            low, high = min(low, *self.counts), max(high, *self.counts)
        shift = 0
        while (high >> shift) - (low >> shift) >= MAX_BUCKETS and self.scale - shift > MIN_SCALE:
            shift += 1
        if shift:
            self.counts = coarser(self.counts, shift)
            self.scale -= shift

    def dense(self) -> tuple[int, list[int]]:
        """Return the first bucket's index and the counts from there on, without a hole."""
        return dense(self.counts)


def coarser(counts: dict[int, int], shift: int) -> dict[int, int]:
    """Return the counts at a scale that is ``shift`` lower."""
    merged: dict[int, int] = {}
    for index, count in counts.items():
        merged[index >> shift] = merged.get(index >> shift, 0) + count
    return merged


def dense(counts: dict[int, int]) -> tuple[int, list[int]]:
    """Return the first bucket's index and the counts from there on, without a hole."""
    if not counts:
        return 0, []
    first, last = min(counts), max(counts)
    return first, [counts.get(index, 0) for index in range(first, last + 1)]
