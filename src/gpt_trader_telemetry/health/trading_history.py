"""The last fifteen minutes of trading, for the page: orders by what became of them, and broker latency."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from gpt_trader_telemetry.catalog import ORDER_SUBMISSION, TRADES_BLOCKED, Metric
from gpt_trader_telemetry.health.signal_report import SignalsReport
from gpt_trader_telemetry.health.signals import HISTORY_POINTS, HISTORY_STEP
from gpt_trader_telemetry.recording.recorder import LabelSet, Take
from gpt_trader_telemetry.thresholds import BROKER_LATENCY_P95_MS

RESULTS: Final = (*ORDER_SUBMISSION.labels[0].values, "blocked")
_MOST_OPERATIONS: Final = 6


class TradingHistory:
    """Points of 5 s, as many as the signals' history has; kept whether or not anybody looks."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Start again with no history."""
        self._lock = threading.Lock()
        self._running = dict.fromkeys(RESULTS, 0.0)
        self._latency: dict[str, float] = {}
        self._step = self._now()
        self._points: deque[tuple[int, dict[str, float], dict[str, float]]] = deque(maxlen=HISTORY_POINTS)

    def _now(self) -> int:
        return math.floor(self._clock() / HISTORY_STEP)

    def tap(self, metric: Metric, labels: LabelSet) -> Take | None:
        """Return what counts a series' orders, if it is one of orders."""
        if metric is TRADES_BLOCKED:
            return self._counting("blocked")
        return self._counting(dict(labels).get("result", "")) if metric is ORDER_SUBMISSION else None

    def _counting(self, result: str) -> Take | None:
        if result not in RESULTS:
            return None

        def take(batch: list[float]) -> None:
            with self._lock:
                self._running[result] += sum(batch)

        return take

    def sample(self, report: SignalsReport) -> None:
        """Close the step that has passed, and take the latencies of ``report``: to be called about once a second."""
        latency = report[BROKER_LATENCY_P95_MS].measure.details.get("operations", {})
        with self._lock:
            step = self._now()
            if step != self._step:
                self._points.append((self._step, self._running, self._latency))
                self._running, self._latency, self._step = dict.fromkeys(RESULTS, 0.0), {}, step
            self._latency = {name: float(shown["p95_ms"]) for name, shown in list(latency.items())[:_MOST_OPERATIONS]}

    def as_json(self) -> dict[str, Any]:
        """Return lists of points, the oldest first; None where the bot did not run."""
        with self._lock:
            steps = {step: (orders, latency) for step, orders, latency in self._points}
            end = self._step
        line = [steps.get(step) for step in range(end - HISTORY_POINTS, end)]
        operations = sorted({name for point in line if point for name in point[1]})[:_MOST_OPERATIONS]
        return {
            "orders": {result: [point and point[0][result] for point in line] for result in RESULTS},
            "latency_p95_ms": {name: [point and point[1].get(name) for point in line] for name in operations},
        }
