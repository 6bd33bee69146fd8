"""What could not be read, and why."""

from collections import Counter
from enum import StrEnum

__all__ = ["Skipped", "Why"]


class Why(StrEnum):
    """Why a record was skipped: a closed set."""

    ENCODING = "encoding"
    """It is not UTF-8."""
    JSON = "json"
    """It is not JSON, or nested beyond reason."""
    HALF = "half"
    """It ends in the middle: the last line of a file, a file that is being rewritten."""
    SHAPE = "shape"
    """It is JSON, and no object; or an object without a type; or a column holds something else than text."""
    SIZE = "size"
    """It is larger than any record that a bot writes."""
    VALUE = "value"
    """A field that should hold a number or a name holds something else; the rest of its record is used."""
    TIME = "time"
    """It has no time that can be read, where one is needed to place it."""
    DUPLICATE = "duplicate"
    """The same metric line again: the oldest writer wrote each one twice."""
    DAMAGED = "damaged"
    """It stood in a part of the file that is damaged; counted by the ids that are missing."""
    PRUNED = "pruned"
    """The bot deleted it before it was read."""


class Skipped:
    """Counts of what was skipped, by source and reason.

    >>> skipped = Skipped()
    >>> skipped.add("events_jsonl", Why.HALF)
    >>> skipped.total, str(skipped)
    (1, '1 in events_jsonl (half)')
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, Why]] = Counter()

    def __str__(self) -> str:
        return ", ".join(f"{count:,} in {source} ({why})" for (source, why), count in sorted(self.counts.items()))

    def add(self, source: str, why: Why, count: int = 1) -> None:
        """Count skipped records."""
        self.counts[source, why] += count

    @property
    def total(self) -> int:
        """How many were skipped in all."""
        return self.counts.total()
