"""What is known of one profile: figures, counts and the newest events, taken in one event at a time."""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, Self

from gpt_trader_telemetry.exporter.shown import without_secrets
from gpt_trader_telemetry.health.scrub import scrub_text
from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.log import Counted
from gpt_trader_telemetry.runtime_data.metrics import CycleMetrics, MetricsFile, numbers_of
from gpt_trader_telemetry.runtime_data.record import CYCLE_METRICS, METRIC
from gpt_trader_telemetry.runtime_data.skipped import Why
from gpt_trader_telemetry.runtime_data.trades import EXECUTED, TRADE, is_executed
from gpt_trader_telemetry.runtime_data.values import text

__all__ = ["COUNTED", "COUNTED_ROWS", "KINDS", "FileCounter", "Tally"]

COUNTED: Final[Mapping[str, str]] = {
    "preview_reject": "order_preview_failures_total",
    TRADE: "trades_executed_total",
    "trade_gate_blocked": "trades_blocked_total",
    "websocket_reconnect": "websocket_reconnects_total",
    "stale_mark_detected": "stale_marks_total",
    "unfilled_order_alert": "unfilled_orders_total",
}
"""The counter of each kind of event that is counted."""

COUNTED_ROWS: Final[Counted] = {kind: EXECUTED if kind == TRADE else () for kind in COUNTED}
"""The same as what the database counts by itself; trades of other statuses are looked at one by one."""

FROM_FILE: Final[Mapping[str, str]] = {
    "trades_executed_total": "trades_executed",
    "trades_blocked_total": "trades_blocked",
}
"""Counters that ``metrics.json`` may have, by its name for them."""

_TRIGGERED: Final = "circuit_breaker_triggered"
_CLEARED: Final = "circuit_breaker_cleared"
_PREVIEW: Final = "order_preview"
_ACCOUNT: Final = "account_snapshot"
_MOST_RULES: Final = 1000

KINDS: Final = frozenset(COUNTED) | {_TRIGGERED, _CLEARED, _PREVIEW, _ACCOUNT, METRIC, CYCLE_METRICS}
"""The types of rows that matter here; the others are not read."""

Note = Callable[[Why], object]


@dataclass(slots=True)
class FileCounter:
    """A counter of the bot's process as one that never falls: when the bot starts again, it goes on.

    >>> counter = FileCounter()
    >>> for value in (5, 7, 2):
    ...     counter.take(value)
    >>> counter.total
    9
    """

    total: float = 0
    last: float | None = None

    def take(self, value: float) -> None:
        """Take in what the file says now."""
        if value < 0:
            return
        value = int(value) if value == int(value) else value
        self.total += value if self.last is None or value < self.last else value - self.last
        self.last = value


@dataclass(slots=True)
class Tally:
    """Everything that a scrape shows of one profile."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED.values(), 0))
    """Events counted, by the counter's name."""
    open_rules: list[str] = field(default_factory=list)
    """Rules whose circuit breaker was triggered and not cleared yet."""
    cycles: CycleMetrics = field(default_factory=CycleMetrics)
    """From the log's cycle metrics and account snapshots."""
    others: CycleMetrics = field(default_factory=CycleMetrics)
    """From other metric rows, which count as long as there are no cycle metrics."""
    file: CycleMetrics = field(default_factory=CycleMetrics)
    """From ``metrics.json``."""
    file_counters: dict[str, FileCounter] = field(default_factory=dict)
    counter_sources: dict[str, str] = field(default_factory=dict)
    """``metrics`` or ``events``, for each counter that may come from either; decided once."""
    latest_order_preview: Mapping[str, Any] | None = None
    latest_account_snapshot: Mapping[str, Any] | None = None

    def take(self, event: Event, note: Note) -> None:
        """Take in the next event of the log."""
        kind = event.kind
        counter = COUNTED.get(kind)
        if counter is not None:
            self.counts[counter] += kind != TRADE or is_executed(event.payload)
        elif kind == CYCLE_METRICS:
            self.cycles.take(event.payload, event.at, note)
        elif kind in (_TRIGGERED, _CLEARED):
            self._take_breaker(kind, _known_by(text(event.payload.get("rule")) or ""))
        elif kind == _ACCOUNT:
            self.cycles.take_account(event.payload, event.at, note)
            self.latest_account_snapshot = _shown(event)
        else:
            if kind == _PREVIEW:
                self.latest_order_preview = _shown(event)
            if event.wrapped and not self.cycles.latest and numbers_of(event.payload):
                self.others.take(event.payload, event.at, note)

    def _take_breaker(self, kind: str, rule: str) -> None:
        if kind == _TRIGGERED:
            if rule not in self.open_rules and len(self.open_rules) < _MOST_RULES:
                self.open_rules.append(rule)
        else:  # what was triggered without a rule is cleared by any, and a clearing without one clears all
            self.open_rules = [still for still in self.open_rules if rule and still not in {"", rule}]

    def take_file(self, file: MetricsFile, note: Note) -> None:
        """Take in ``metrics.json`` as it stands now."""
        self.file.take(file.content, file.at, note)
        numbers = numbers_of(file.content)
        for counter, name in FROM_FILE.items():
            if name in numbers:
                self.file_counters.setdefault(counter, FileCounter()).take(numbers[name])

    def choose_sources(self) -> None:
        """Decide where counters come from, now that there has been a chance to read either source."""
        for counter in FROM_FILE:
            self.counter_sources.setdefault(counter, "metrics" if counter in self.file_counters else "events")

    def count_of(self, counter: str) -> float | None:
        """Return a counter's value; None while its source is not decided."""
        if counter not in FROM_FILE:
            return self.counts[counter]
        source = self.counter_sources.get(counter)
        if source is None:
            return None
        return self.counts[counter] if source == "events" else self.file_counters[counter].total

    @property
    def logged(self) -> tuple[CycleMetrics, ...]:
        """The log's figures; account snapshots count whether or not there are cycle metrics."""
        return (self.cycles,) if self.cycles.latest else (self.cycles, self.others)

    def copy(self) -> Self:
        """Return one that taking events changes apart; what the bot wrote is shared, and never changed."""
        return replace(
            self,
            counts=dict(self.counts),
            open_rules=list(self.open_rules),
            cycles=self.cycles.copy(),
            others=self.others.copy(),
            counter_sources=dict(self.counter_sources),
        )

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON types; of what the bot wrote only what ``/metrics.json`` shows."""
        return {
            "counts": self.counts,
            "open_rules": self.open_rules,
            "cycles": _metrics_json(self.cycles),
            "others": _metrics_json(self.others),
            "file": _metrics_json(self.file),
            "file_counters": {name: [item.total, item.last] for name, item in self.file_counters.items()},
            "counter_sources": self.counter_sources,
            "latest_order_preview": self.latest_order_preview and without_secrets(self.latest_order_preview),
            "latest_account_snapshot": self.latest_account_snapshot and without_secrets(self.latest_account_snapshot),
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Self:
        """Return what ``as_json`` gave."""
        return cls(
            counts={**dict.fromkeys(COUNTED.values(), 0), **saved["counts"]},
            open_rules=saved["open_rules"],
            cycles=CycleMetrics(**saved["cycles"]),
            others=CycleMetrics(**saved["others"]),
            file=CycleMetrics(**saved["file"]),
            file_counters={name: FileCounter(*item) for name, item in saved["file_counters"].items()},
            counter_sources=saved["counter_sources"],
            latest_order_preview=saved["latest_order_preview"],
            latest_account_snapshot=saved["latest_account_snapshot"],
        )


def newest_first(metrics: tuple[CycleMetrics, ...], name: str) -> list[CycleMetrics]:
    """Return the sources that have a field, the one that had it last before the others."""
    having = [item for item in metrics if name in item.times]
    return sorted(having, key=lambda item: _or_long_ago(item.times[name]), reverse=True)


def _or_long_ago(at: float | None) -> float:
    return -math.inf if at is None else at


def _shown(event: Event) -> dict[str, Any]:
    return {**event.payload, "type": event.kind, "timestamp": event.at}


@lru_cache(maxsize=1024)
def _known_by(rule: str) -> str:
    """Return what a rule is known by, in the cursor file too: its name, or a digest where that looks like a secret."""
    return rule if scrub_text(rule) == rule else hashlib.sha256(rule.encode()).hexdigest()[:16]


def _metrics_json(metrics: CycleMetrics) -> dict[str, Any]:
    fields = {name: getattr(metrics, name) for name in CycleMetrics.__slots__}
    return {**fields, "latest": without_secrets(metrics.latest)}
