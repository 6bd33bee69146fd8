"""From recorded events to what the live signals are fed with: the same series, through the same taps.

What a log cannot tell stays unknown. It has every trip of a guard and every order that ended, so none means none; it
has a broker's latencies only where the bot wrote them down, retries only where attempts name their order, and decision
ids only where the bot keeps them.
"""

import math
from collections import deque
from collections.abc import Callable
from typing import Final

from gpt_trader_telemetry.catalog import (
    BROKER_CALL_LATENCY,
    GUARD_CHECKS,
    GUARD_TRIPS,
    ORDER_MISSING_DECISION_ID,
    ORDER_RETRIES,
    ORDER_SUBMISSION,
    Metric,
)
from gpt_trader_telemetry.health.signals import Signals
from gpt_trader_telemetry.recording.recorder import LabelSet
from gpt_trader_telemetry.recording.window import SLOTS
from gpt_trader_telemetry.replay.orders import Remembered, order_id, outcome_of
from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.values import finite, text
from gpt_trader_telemetry.thresholds import (
    MARKET_DATA_STALENESS_SECONDS,
    MISSING_DECISION_IDS,
    ORDER_RETRY_RATE,
    WS_STALENESS_SECONDS,
    Thresholds,
)

FORGOTTEN_AFTER: Final = 86_400.0
"""Seconds without a price after which a symbol is no longer traded."""
MAX_SYMBOLS: Final = 1000
MAX_GUARDS: Final = 500
_OTHERS: Final = "(others)"

_LATENCIES: Final = (("latency_ms", 0.001), ("broker_latency_ms", 0.001), ("latency_seconds", 1.0))
_OPERATIONS: Final = {"order_preview": "preview", "preview_reject": "preview"}


class Inputs:
    """Feeds the signals of one run of the bot."""

    def __init__(self, thresholds: Thresholds, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.signals = Signals(
            thresholds, clock=clock, ws_staleness=self._ws_age, market_data_staleness=self._market_data_age
        )
        self.signals.tap(GUARD_CHECKS, ())  # its guards are known, if only by their trips
        self.untold = {ORDER_RETRY_RATE, MISSING_DECISION_IDS}
        """Signals of which the log has told nothing yet, though their windows read zero."""
        self._width = thresholds.window_seconds / SLOTS
        self._changed: deque[int] = deque()
        """The steps in which the windows took something in."""
        self._ws_at: float | None = None
        self._prices: dict[str, float] = {}
        self._attempts = Remembered()
        self._ended = Remembered()
        self._traces_tell = False
        self._guards: set[str] = set()
        self._takers: dict[str, Callable[[Event, float], object]] = {
            "price_tick": self._price,
            "websocket_reconnect": self._reconnect,
            "guard_triggered": self._guard,
            "order_submission_attempt": self._attempt,
            "order_decision_trace": self._trace,
            "trade": self._trade,
            "order_rejected": self._order,
            "api_error": self._order,
            "error": self._order,
            "order_preview": self._latency,
            "preview_reject": self._latency,
        }

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of events that are fed."""
        return frozenset(self._takers)

    def take(self, event: Event) -> None:
        """Feed an event, at the time that the clock says."""
        taker = self._takers.get(event.kind)
        if taker is not None:
            taker(event, self._clock() if event.at is None else event.at)

    def changes_in(self, step: int) -> bool:
        """Tell whether a window may hold something else in this step than in the one before: came, or left."""
        changed = self._changed
        while changed and changed[0] < step - SLOTS:
            changed.popleft()
        return bool(changed) and (changed[0] == step - SLOTS or changed[-1] == step)

    def ages(self) -> dict[str, float | None]:
        """Return how old the newest message and the stalest price are."""
        return {WS_STALENESS_SECONDS: self._ws_age(), MARKET_DATA_STALENESS_SECONDS: self._market_data_age()}

    def _told(self, signal: str) -> None:
        if signal in self.untold:
            self.untold.remove(signal)
            self._mark()

    def _mark(self) -> None:
        self._changed.append(math.floor(self._clock() / self._width))

    def _record(self, metric: Metric, labels: LabelSet, value: float = 1.0) -> None:
        self._mark()
        take = self.signals.tap(metric, labels)
        if take is not None:
            take([value])

    def _price(self, event: Event, at: float) -> None:
        self._ws_at = max(at, self._ws_at or at)
        symbol = text(event.payload.get("symbol"))
        if symbol is not None and (symbol in self._prices or len(self._prices) < MAX_SYMBOLS):
            self._prices[symbol] = max(at, self._prices.get(symbol, at))

    def _reconnect(self, event: Event, at: float) -> None:
        if event.payload.get("connected") is not False:
            self._ws_at = max(at, self._ws_at or at)

    def _guard(self, event: Event, at: float) -> None:
        guard = text(event.payload.get("guard")) or "unknown"
        if guard not in self._guards and len(self._guards) >= MAX_GUARDS:
            guard = _OTHERS
        self._guards.add(guard)
        given = (("category", text(event.payload.get("category"))), ("recoverable", event.payload.get("recoverable")))
        labels = {name: value for name, value in given if isinstance(value, str | bool)}
        self._record(GUARD_TRIPS, GUARD_TRIPS.label_set({"guard": guard, **labels}))

    def _attempt(self, event: Event, at: float) -> None:
        name = order_id(event.payload)
        if name is not None:
            self._told(ORDER_RETRY_RATE)
            if not self._attempts.add(name):
                self._record(ORDER_RETRIES, ())
        self._latency(event, at)

    def _trace(self, event: Event, at: float) -> None:
        if "decision_id" in event.payload:
            self._traces_tell = True
            self._decision(event)

    def _trade(self, event: Event, at: float) -> None:
        if self._order(event, at) and "decision_id" in event.payload and not self._traces_tell:
            self._decision(event)

    def _decision(self, event: Event) -> None:
        self._told(MISSING_DECISION_IDS)
        if text(event.payload.get("decision_id")) is None:
            self._record(ORDER_MISSING_DECISION_ID, ())

    def _order(self, event: Event, at: float) -> bool:
        """Count an order that ended; tell whether this was the first word of it."""
        labels = outcome_of(event)
        self._latency(event, at)
        if labels is None:
            return False
        name = order_id(event.payload)
        is_new = name is None or self._ended.add(name)
        if is_new:
            self._record(ORDER_SUBMISSION, labels)
        return is_new

    def _latency(self, event: Event, at: float) -> None:
        for name, unit in _LATENCIES:
            value = finite(event.payload.get(name))
            if value is not None and value >= 0:
                failed = event.kind in {"api_error", "error"}
                operation = _OPERATIONS.get(event.kind, "submit")
                outcome = (
                    {"outcome": "failure", "reason": "error"} if failed else {"outcome": "success", "reason": "none"}
                )
                labels = BROKER_CALL_LATENCY.label_set({"operation": operation, **outcome})
                self._record(BROKER_CALL_LATENCY, labels, value * unit)
                return

    def _ws_age(self) -> float | None:
        return None if self._ws_at is None else self._clock() - self._ws_at

    def _market_data_age(self) -> float | None:
        if not self._prices:
            return None
        now, newest = self._clock(), max(self._prices.values())
        age = now - min(self._prices.values())
        if age > FORGOTTEN_AFTER:
            kept = {symbol: at for symbol, at in self._prices.items() if now - at <= FORGOTTEN_AFTER or at == newest}
            self._prices, age = kept, now - min(kept.values())
        return age
