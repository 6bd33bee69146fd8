"""The figures of a trading cycle, from ``metrics.json`` or from the log's cycle metrics."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from gpt_trader_telemetry.runtime_data.database import UnreadableError, open_file, trouble_of_os
from gpt_trader_telemetry.runtime_data.skipped import Skipped, Why
from gpt_trader_telemetry.runtime_data.values import fields_of, finite, text, unix_time

__all__ = [
    "METRICS_JSON",
    "NUMBERS",
    "Account",
    "CycleMetrics",
    "MetricsFile",
    "numbers_of",
    "read_account",
    "read_metrics_file",
]

METRICS_JSON: Final = "metrics_json"
"""What this source is called."""
LARGEST: Final = 16 << 20
"""Bytes of ``metrics.json``; one with a thousand positions has 100 kB."""

EXECUTED: Final = "gpt_trader_trades_executed_total"
BLOCKED: Final = "gpt_trader_trades_blocked_total"

NUMBERS: Final[Mapping[str, Mapping[str, str]]] = {
    "": {"equity": "equity", "open_orders": "open_orders", "cycle_latency_ms": "cycle_latency_ms"},
    "account": {"equity": "equity"},
    "system": {
        "cpu_percent": "cpu_percent",
        "memory_percent": "memory_percent",
        "disk_percent": "disk_percent",
        "disk_used_gb": "disk_used_gb",
        "disk_gb": "disk_used_gb",
        "network_sent_mb": "network_sent_mb",
        "network_recv_mb": "network_recv_mb",
    },
    "pnl": {"total": "total_pnl", "realized": "realized_pnl", "unrealized": "unrealized_pnl", "funding": "funding_pnl"},
    "counters": {EXECUTED: "trades_executed", BLOCKED: "trades_blocked"},
}
"""Each part of a record ("" is the record itself), its fields, and what the number there is called here.

Where two fields have one name, the first that holds a number is taken.
"""

_LIMITS: Final = ("remaining", "remaining_balance", "available", "max_order", "available_trading_balance")
_TRADING_LIMITS: Final = ("max_order", "remaining", "available")

Note = Callable[[Why], object]


@dataclass(frozen=True, slots=True)
class Account:
    """What an account snapshot says; None for what it does not."""

    fee_tier: str | None = None
    limit_remaining: float | None = None


def read_account(snapshot: object, note: Note = lambda _why: None) -> Account:
    """Read an account snapshot, which is a part of the metrics or an event of its own.

    >>> read_account({"fee_schedule": {"tier": "Advanced 1"}, "limits": {"remaining": "2500"}})
    Account(fee_tier='Advanced 1', limit_remaining=2500.0)
    """
    fields = fields_of(snapshot)
    tier = fields_of(fields.get("fee_schedule")).get("tier")
    limits = fields_of(fields.get("limits"))
    trading = fields_of(limits.get("trading_limits")) or fields_of(fields.get("trading_limits"))
    candidates = [limits.get(name) for name in _LIMITS] + [trading.get(name) for name in _TRADING_LIMITS]
    balances = trading.get("remaining_balances")
    if isinstance(balances, list) and balances:
        candidates.append(fields_of(balances[0]).get("amount"))
    return Account(_name(tier, note), _first_number(candidates, note))


@dataclass(slots=True)
class CycleMetrics:
    """The newest usable value of each field over any number of records, which are taken oldest first.

    A field that a record lacks, or that holds nothing usable there, keeps its value from the record before.

    >>> metrics = CycleMetrics()
    >>> metrics.take({"equity": "1000.5", "open_orders": 2}, at=1.0)
    >>> metrics.take({"equity": None, "open_orders": 3}, at=2.0)
    >>> metrics.numbers["equity"], metrics.numbers["open_orders"], metrics.at
    (1000.5, 3.0, 2.0)
    """

    at: float | None = None
    """When the newest record was written."""
    numbers: dict[str, float] = field(default_factory=dict)
    """By the names in NUMBERS."""
    times: dict[str, float | None] = field(default_factory=dict)
    """When the record was written that each field is from: those of ``numbers``, ``positions``, ``symbol_pnl``,
    ``fee_tier`` and ``limit_remaining``."""
    exposures: dict[str, float] | None = None
    """US dollars by symbol, of the positions that the newest record with positions lists."""
    symbol_pnl: dict[str, float] | None = None
    fee_tier: str | None = None
    limit_remaining: float | None = None
    latest: Mapping[str, Any] = field(default_factory=dict)
    """The newest record as it was written."""

    def take(self, record: Mapping[str, Any], at: float | None, note: Note = lambda _why: None) -> None:
        """Take in a newer record; ``note`` is told of fields that hold something else than they should."""
        self.at = at if at is not None else self.at
        self.latest = record
        for name, number in numbers_of(record, note).items():
            self.numbers[name] = number
            self.times[name] = at
        self._take_symbols(record, at, note)
        self.take_account(record.get("account_snapshot"), at, note)

    def _take_symbols(self, record: Mapping[str, Any], at: float | None, note: Note) -> None:
        exposures = _by_symbol(record.get("positions"), "exposure_usd", self.exposures, note)
        if exposures is not None:
            self.exposures, self.times["positions"] = exposures, at
        pnl = _by_symbol(fields_of(record.get("pnl")).get("by_symbol"), "total", self.symbol_pnl, note)
        if pnl is not None:
            self.symbol_pnl, self.times["symbol_pnl"] = pnl, at

    def take_account(self, snapshot: object, at: float | None, note: Note = lambda _why: None) -> None:
        """Take in an account snapshot."""
        account = read_account(snapshot, note)
        if account.fee_tier is not None:
            self.fee_tier, self.times["fee_tier"] = account.fee_tier, at
        if account.limit_remaining is not None:
            self.limit_remaining, self.times["limit_remaining"] = account.limit_remaining, at

    def copy(self) -> Self:
        """Return one that goes on apart."""
        return replace(self, numbers=dict(self.numbers), times=dict(self.times))


def numbers_of(record: Mapping[str, Any], note: Note = lambda _why: None) -> dict[str, float]:
    """Return the numbers that a record holds, by the names in NUMBERS.

    >>> numbers_of({"account": {"equity": "12.50"}, "open_orders": None, "system": "nonsense"})
    {'equity': 12.5}
    """
    found: dict[str, float] = {}
    for part, names in NUMBERS.items():
        fields = record.get(part) if part else record
        if not isinstance(fields, dict):
            continue
        for key, name in names.items():
            value = fields.get(key)
            if value is None or name in found:
                continue
            number = finite(value)
            if number is None:
                note(Why.VALUE)
            else:
                found[name] = number
    return found


class MetricsFile(NamedTuple):
    """``metrics.json`` as it was read."""

    content: Mapping[str, Any]
    at: float
    """When it was written: its own time, else the file's."""


def read_metrics_file(path: Path, skipped: Skipped) -> MetricsFile | None:
    """Read ``metrics.json``; None while it is being rewritten or holds something else, which is counted.

    Raises:
        UnreadableError: it is absent or may not be read.
    """
    try:
        with open_file(path) as file:
            written = os.fstat(file.fileno()).st_mtime
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise UnreadableError(path, trouble_of_os(error), error.strerror or str(error)) from error
    why = Why.SIZE
    if len(raw) <= LARGEST:
        try:
            content = json.loads(raw.decode("utf-8-sig"))
        except UnicodeDecodeError:
            why = Why.ENCODING
        except (ValueError, RecursionError):
            why = Why.HALF
        else:
            if isinstance(content, dict):
                return MetricsFile(content, unix_time(content.get("timestamp")) or written)
            why = Why.SHAPE
    skipped.add(METRICS_JSON, why)
    return None


def _first_number(candidates: Any, note: Note) -> float | None:
    for candidate in candidates:
        if candidate is None:
            continue
        number = finite(candidate)
        if number is not None:
            return number
        note(Why.VALUE)
    return None


def _name(value: object, note: Note) -> str | None:
    name = text(value)
    if name is None and value is not None:
        note(Why.VALUE)
    return name


def _by_symbol(value: object, key: str, before: Mapping[str, float] | None, note: Note) -> dict[str, float] | None:
    """Return numbers by symbol, from an object or from the older list; None where it is neither."""
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = [(fields_of(item).get("symbol"), item) for item in value]
    else:
        if value is not None:
            note(Why.VALUE)
        return None
    found = {}
    for raw, item in items:
        symbol = _name(raw, note)
        number = _first_number((item.get(key) if isinstance(item, dict) else item,), note)
        if number is None and before is not None and symbol is not None:
            number = before.get(symbol)
        if symbol is not None and number is not None:
            found[symbol] = number
    return found
