"""What the tests of the signals share: every signal computed by brute force."""

import math
from collections import defaultdict

from gpt_trader_telemetry.catalog import (
    BROKER_CALL_LATENCY,
    GUARD_TRIPS,
    ORDER_MISSING_DECISION_ID,
    ORDER_RETRIES,
    ORDER_SUBMISSION,
)
from gpt_trader_telemetry.recording.recorder import OVERFLOW
from support.timing import Clock

SLOT_SECONDS = 5.0
SLOTS = 60


def order(result: str = "success", reason: str = "none", side: str = "buy"):
    return (("result", result), ("reason", reason), ("side", side))


def call(operation: str = "submit", outcome: str = "success", reason: str = "none"):
    return (("operation", operation), ("outcome", outcome), ("reason", reason))


def trip(guard: str = "daily_loss", category: str = "limit", recoverable: str = "true"):
    return (("guard", guard), ("category", category), ("recoverable", recoverable))


def nearest_rank(values, quantile: float = 0.95) -> float:
    """The value of rank ceil(q * n): of 20 values the 19th, of 100 the 95th."""
    rank = -(-round(quantile * 100) * len(values) // 100)
    return sorted(values)[max(1, rank) - 1]


class Slots:
    """Numbers slots as the windows should, from every reading of the clock in order.

    The number of the slot that a reading falls in, never less than before; a clock set back by more than a slot
    goes on from the slot that it was in.
    """

    def __init__(self, clock: Clock, width: float = SLOT_SECONDS) -> None:
        self._clock = clock
        self._width = width
        self._set_back = 0
        self.now = math.floor(clock() / width)

    def __call__(self) -> int:
        number = math.floor(self._clock() / self._width) + self._set_back
        if number < self.now - 1:
            self._set_back += self.now - number
        self.now = max(self.now, number)
        return self.now


class BruteForce:
    """Keeps every value with the slot that it came in, and computes each signal from all of them."""

    def __init__(self, clock: Clock, *, slots: int = SLOTS, width: float = SLOT_SECONDS) -> None:
        self._slot = Slots(clock, width)
        self._slots = slots
        self._events: list[tuple[int, object, tuple, float]] = []

    def record(self, metric, labels, values) -> None:
        slot = self._slot()
        self._events += [(slot, metric, labels, value) for value in values]

    def look(self) -> None:
        """Read the clock, as an evaluation does."""
        self._slot()

    def live(self, metric):
        slot = self._slot()
        return [
            (labels, value)
            for came, kind, labels, value in self._events
            if kind is metric and slot - self._slots < came <= slot
        ]

    def order_error_rate(self, minimum: int = 10):
        orders = self.live(ORDER_SUBMISSION)
        bad = sum(value for labels, value in orders if ("result", "success") not in labels)
        total = sum(value for _, value in orders)
        return bad / total if total and total >= minimum else None

    def order_retry_rate(self, minimum: int = 10):
        total = sum(value for _, value in self.live(ORDER_SUBMISSION))
        retries = sum(value for _, value in self.live(ORDER_RETRIES))
        return retries / total if total and total >= minimum else None

    def broker_latency_p95_ms(self, minimum: int = 20):
        operations = defaultdict(list)
        for labels, value in self.live(BROKER_CALL_LATENCY):
            operations[labels[0][1] if labels != OVERFLOW else OVERFLOW].append(value)
        judged = [nearest_rank(values) for values in operations.values() if len(values) >= minimum]
        return max(judged) * 1000 if judged else None

    def guard_trip_count(self):
        return sum(value for _, value in self.live(GUARD_TRIPS))

    def missing_decision_ids(self):
        return sum(value for _, value in self.live(ORDER_MISSING_DECISION_ID))
