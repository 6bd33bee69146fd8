"""Makes what a bot leaves on disk, seeded and of any size: for trying the exporter, the report and the replay.

    python examples/runtime_fixtures.py --root /tmp/bot --profile paper --events 100000
    gpt-trader-telemetry exporter --profile paper --runtime-root /tmp/bot

The same seed and size give the same files. Prices are a random walk; trades, fills and figures agree with each other.
"""

import argparse
import json
import random
import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, NamedTuple

SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL DEFAULT (datetime('now')),
    event_type TEXT NOT NULL, payload TEXT NOT NULL, bot_id TEXT);
CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL);
"""
INDEXES = """
CREATE INDEX IF NOT EXISTS idx_events_timestamp ON events(timestamp);
CREATE INDEX IF NOT EXISTS idx_events_bot_id ON events(bot_id);
CREATE INDEX IF NOT EXISTS idx_events_type ON events(event_type);
CREATE INDEX IF NOT EXISTS idx_events_symbol ON events(json_extract(payload, '$.symbol'));
"""
ORDERS = """
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY, order_id TEXT UNIQUE, client_order_id TEXT, symbol TEXT, side TEXT, order_type TEXT,
    quantity TEXT, price TEXT, status TEXT, filled_quantity TEXT, average_fill_price TEXT, created_at TEXT,
    updated_at TEXT, bot_id TEXT, time_in_force TEXT DEFAULT 'GTC', metadata TEXT, checksum TEXT);
"""
END = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
BOT = "bot-1"

# How often each kind comes, of 10,000 events; most of a log is prices.
OFTEN = {
    "price_tick": 7000, "heartbeat": 800, "cycle_metrics": 1000, "trade": 250, "order_decision_trace": 200,
    "order_submission_attempt": 150, "order_preview": 150, "fill": 120, "pnl_update": 120, "position_update": 80,
    "trade_gate_blocked": 50, "guard_triggered": 15, "stale_mark_detected": 15, "websocket_reconnect": 10,
    "order_rejected": 10, "unfilled_order_alert": 8, "api_error": 8, "preview_reject": 5, "funding_payment": 3,
    "user_fill": 2, "account_snapshot": 2, "circuit_breaker_triggered": 1, "circuit_breaker_cleared": 1,
}  # fmt: skip
WRAPPED = {"cycle_metrics", "order_preview", "order_submission_attempt", "order_rejected", "order_decision_trace"}
"""Kinds that the bot writes inside a ``metric`` row."""
OLDER = {"fill", "pnl_update", "funding_payment", "position_update", "preview_reject", "account_snapshot"}
"""Kinds that are documented and that today's bot does not write."""


class Written(NamedTuple):
    """One event as it goes to disk."""

    at: float
    kind: str
    payload: dict[str, Any]


class Bot:
    """A bot of three symbols whose figures agree with each other."""

    def __init__(self, seed: int, start: float) -> None:
        self.random = random.Random(seed)
        self.start = start
        self.prices = {"BTC-USD": 60_000.0, "ETH-USD": 3_000.0, "SOL-USD": 150.0}
        self.held = dict.fromkeys(self.prices, 0.0)
        self.realized = dict.fromkeys(self.prices, 0.0)
        self.unrealized = dict.fromkeys(self.prices, 0.0)
        self.funding = 0.0
        self.traded = self.blocked = self.count = 0
        self.symbols = list(self.prices)

    def payload(self, kind: str, at: float) -> dict[str, Any]:
        """Return what the bot writes about something that happens now."""
        self.count += 1
        make = getattr(self, f"_{kind}")
        return make(self.random.choice(self.symbols), at)

    def _price_tick(self, symbol: str, at: float) -> dict[str, Any]:
        price = self.prices[symbol] = self.prices[symbol] * (1 + (self.random.random() - 0.5) * 0.0004)
        return {"symbol": symbol, "price": f"{price:.2f}", "timestamp": at, "bot_id": BOT}

    def _heartbeat(self, symbol: str, at: float) -> dict[str, Any]:
        return {"timestamp": at, "bot_id": BOT, "count": self.count}

    def _trade(self, symbol: str, at: float) -> dict[str, Any]:
        self.traded += 1
        side = self.random.choice(("BUY", "SELL"))
        quantity = round(self.random.uniform(0.001, 0.05), 6)
        self.held[symbol] += quantity if side == "BUY" else -quantity
        return {
            "bot_id": BOT, "order_id": f"o-{self.traded}", "client_order_id": f"c-{self.traded}", "symbol": symbol,
            "side": side, "quantity": f"{quantity}", "price": f"{self.prices[symbol]:.2f}", "status": "filled",
        }  # fmt: skip

    def _fill(self, symbol: str, at: float) -> dict[str, Any]:
        pnl = round(self.random.gauss(0.4, 6.0), 2)
        self.realized[symbol] += pnl
        return {"symbol": symbol, "pnl": f"{pnl}", "fee": f"{abs(pnl) * 0.02:.4f}", "regime": "TREND", "timestamp": at}

    def _pnl_update(self, symbol: str, at: float) -> dict[str, Any]:
        self.unrealized[symbol] = round(self.random.gauss(0, 20), 2)
        realized = round(self.random.gauss(0.4, 6.0), 2)
        return {
            "symbol": symbol, "realized_pnl": f"{realized}", "unrealized_pnl": f"{self.unrealized[symbol]}",
            "timestamp": at,
        }  # fmt: skip

    def _funding_payment(self, symbol: str, at: float) -> dict[str, Any]:
        amount = round(self.random.gauss(0, 0.5), 4)
        self.funding += amount
        return {"symbol": symbol, "amount": f"{amount}", "timestamp": at}

    def _position_update(self, symbol: str, at: float) -> dict[str, Any]:
        quantity, price = f"{self.held[symbol]:.6f}", f"{self.prices[symbol]:.2f}"
        return {"symbol": symbol, "quantity": quantity, "price": price, "timestamp": at}

    def _cycle_metrics(self, symbol: str, at: float) -> dict[str, Any]:
        realized, unrealized = sum(self.realized.values()), sum(self.unrealized.values())
        return {
            "event_type": "cycle_metrics", "timestamp": iso(at), "equity": f"{10_000 + realized + unrealized:.2f}",
            "open_orders": self.count % 4, "cycle_latency_ms": round(self.random.lognormvariate(4, 0.4), 3),
            "system": {
                "cpu_percent": round(self.random.uniform(3, 40), 1), "memory_percent": 41.5, "disk_percent": 63.0,
                "disk_used_gb": 118.4, "network_sent_mb": round((at - self.start) / 300, 3),
                "network_recv_mb": round((at - self.start) / 60, 3),
            },
            "account_snapshot": {"fee_schedule": {"tier": "Advanced 1"}, "limits": {"remaining": "25000.00"}},
            "positions": {name: {"exposure_usd": f"{abs(held) * self.prices[name]:.2f}"} for name, held in
                          self.held.items()},
            "pnl": {"total": f"{realized + unrealized:.2f}", "realized": f"{realized:.2f}",
                    "unrealized": f"{unrealized:.2f}", "funding": f"{self.funding:.4f}",
                    "by_symbol": {name: f"{value:.2f}" for name, value in self.realized.items()}},
            "counters": {"gpt_trader_trades_executed_total": self.traded,
                         "gpt_trader_trades_blocked_total": self.blocked},
        }  # fmt: skip

    def _order_decision_trace(self, symbol: str, at: float) -> dict[str, Any]:
        return {"event_type": "order_decision_trace", "timestamp": iso(at), "symbol": symbol, "decision": "submit"}

    def _order_submission_attempt(self, symbol: str, at: float) -> dict[str, Any]:
        return {
            "event_type": "order_submission_attempt", "timestamp": iso(at), "symbol": symbol, "side": "BUY",
            "client_order_id": f"c-{self.traded + 1}",
        }  # fmt: skip

    def _order_preview(self, symbol: str, at: float) -> dict[str, Any]:
        return {
            "event_type": "order_preview", "timestamp": iso(at), "symbol": symbol, "side": "BUY",
            "preview": {"order_total": "61.20", "commission_total": "0.37", "errs": []},
        }  # fmt: skip

    def _order_rejected(self, symbol: str, at: float) -> dict[str, Any]:
        return {"event_type": "order_rejected", "timestamp": iso(at), "symbol": symbol, "reason": "INSUFFICIENT_FUND"}

    def _trade_gate_blocked(self, symbol: str, at: float) -> dict[str, Any]:
        self.blocked += 1
        return {
            "gate": "daily_loss", "symbol": symbol, "side": "BUY", "reason": "limit", "timestamp": at,
            "strategy": "baseline", "params": {"limit": "0.05"}, "decision_id": f"d-{self.blocked}",
        }  # fmt: skip

    def _guard_triggered(self, symbol: str, at: float) -> dict[str, Any]:
        guard = self.random.choice(("daily_loss", "volatility", "mark_staleness"))
        return {
            "guard": guard, "reason": "over its limit", "recoverable": True, "category": "limit",
            "details": {"symbol": symbol}, "timestamp": at, "triggered": True,
        }  # fmt: skip

    def _stale_mark_detected(self, symbol: str, at: float) -> dict[str, Any]:
        return {"symbol": symbol, "side": "BUY", "allowed_reduce_only": False, "timestamp": at}

    def _websocket_reconnect(self, symbol: str, at: float) -> dict[str, Any]:
        return {"reconnect_count": self.count, "gap_count": 1, "connected": True, "timestamp": at}

    def _unfilled_order_alert(self, symbol: str, at: float) -> dict[str, Any]:
        return {
            "order_id": f"o-{self.traded}", "symbol": symbol, "side": "SELL", "status": "open",
            "created_time": iso(at - 400), "age_seconds": 400, "threshold_seconds": 300, "timestamp": at,
        }  # fmt: skip

    def _api_error(self, symbol: str, at: float) -> dict[str, Any]:
        return {"reason": "timeout", "details": {"operation": "list_balances"}, "timestamp": at}

    def _preview_reject(self, symbol: str, at: float) -> dict[str, Any]:
        return {"symbol": symbol, "reason": "PREVIEW_INSUFFICIENT_FUND", "timestamp": at}

    def _user_fill(self, symbol: str, at: float) -> dict[str, Any]:
        return {"symbol": symbol, "side": "BUY", "fee": "0.12", "commission": "0.12", "timestamp": at}

    def _account_snapshot(self, symbol: str, at: float) -> dict[str, Any]:
        limits = {"trading_limits": {"remaining": "25000.00"}}
        return {"fee_schedule": {"tier": "Advanced 1"}, "limits": limits, "timestamp": at}

    def _circuit_breaker_triggered(self, symbol: str, at: float) -> dict[str, Any]:
        return {"rule": "daily_loss", "action": "reduce_only", "timestamp": at}

    def _circuit_breaker_cleared(self, symbol: str, at: float) -> dict[str, Any]:
        return {"rule": "daily_loss", "action": "resume", "timestamp": at}


def iso(at: float) -> str:
    """Return a time as the bot writes it in metrics."""
    return datetime.fromtimestamp(at, UTC).isoformat()


def events(number: int, *, seed: int = 1, start: float, end: float, older: bool = True) -> Iterator[Written]:
    """Yield events from ``start`` to ``end``; ``older`` ones are of kinds that today's bot does not write."""
    bot = Bot(seed, start)
    chooser = random.Random(seed + 1)
    kinds = [kind for kind in OFTEN if older or kind not in OLDER]
    weights = list(accumulate(OFTEN[kind] for kind in kinds))
    step = (end - start) / max(1, number)
    for position in range(number):
        if position == 0:
            yield Written(start, "runtime_start", runtime_start(start))
            continue
        at = start + position * step
        kind = chooser.choices(kinds, cum_weights=weights)[0]
        yield Written(at, kind, bot.payload(kind, at))


def runtime_start(at: float, profile: str = "paper") -> dict[str, Any]:
    """Return what a bot writes first."""
    return {
        "timestamp": at, "profile": profile, "bot_id": BOT, "build_sha": "0f3c1d2", "package_version": "3.2.0",
        "python_version": "3.12.4", "pid": 4242, "config_digest": "9f8e7d6c",
    }  # fmt: skip


def row_of(event: Written) -> tuple[str, str, str, str]:
    """Return the event as a row of ``events.db``: its time, type, payload and bot."""
    wrapped = event.kind in WRAPPED
    payload = {"bot_id": BOT, "metrics": event.payload} if wrapped else event.payload
    written = datetime.fromtimestamp(event.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return written, "metric" if wrapped else event.kind, json.dumps(payload), BOT


def line_of(event: Written) -> str:
    """Return the event as a line of ``events.jsonl``."""
    if event.kind in WRAPPED:
        return json.dumps({"type": "metric", "bot_id": BOT, "metrics": event.payload})
    return json.dumps({"type": event.kind, "timestamp": event.at, **event.payload})


def write_database(path: Path, written: Iterator[Written], *, progress: bool = False) -> None:
    """Append events to ``events.db`` in one transaction; its indexes come last, which is quicker."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(SCHEMA)
    connection.execute("INSERT OR IGNORE INTO schema_version VALUES (1, '2026-01-01 00:00:00')")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    done = 0
    while batch := [row_of(event) for event in islice(written, 50_000)]:
        connection.executemany("INSERT INTO events(timestamp, event_type, payload, bot_id) VALUES (?, ?, ?, ?)", batch)
        done += len(batch)
        if progress:
            print(f"{done:,} events", file=sys.stderr)
    connection.execute("COMMIT")
    connection.executescript(INDEXES)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()


def write_lines(path: Path, written: Iterator[Written]) -> None:
    """Append events to ``events.jsonl``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line_of(event)}\n" for event in written)


def write_metrics(path: Path, at: float, *, seed: int = 1) -> None:
    """Write ``metrics.json`` as of a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(Bot(seed, at - 3600).payload("cycle_metrics", at), indent=1))


def write_orders(path: Path, number: int, at: float, *, seed: int = 1) -> None:
    """Write ``orders.db``: most orders filled, some waiting, half of those for long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    chooser = random.Random(seed)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(ORDERS)
    connection.execute("BEGIN")
    for position in range(1, number + 1):
        status = chooser.choices(("filled", "cancelled", "rejected", "open", "partially_filled"), (80, 8, 2, 7, 3))[0]
        created = iso(at - chooser.choice((60, 4000)))
        connection.execute(
            "INSERT INTO orders(order_id, client_order_id, symbol, side, order_type, quantity, price, status,"
            " created_at, updated_at, bot_id) VALUES (?, ?, ?, ?, 'limit', '0.01', '60000', ?, ?, ?, ?)",
            (f"o-{position}", f"c-{position}", "BTC-USD", "BUY", status, created, created, BOT),
        )
    connection.execute("COMMIT")
    connection.close()


def main() -> None:
    """Write one profile."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(), help="the folder that holds runtime_data")
    parser.add_argument("--profile", default="paper")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--days", type=float, default=1.0, help="how long it traded")
    parser.add_argument("--end", type=datetime.fromisoformat, help="when it ended, ISO (default: 2026-03-01 UTC)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jsonl", action="store_true", help="write events.jsonl instead of events.db")
    parser.add_argument("--today", action="store_true", help="only kinds that today's bot writes: trades and no fills")
    options = parser.parse_args()
    folder = options.root / "runtime_data" / options.profile
    end = (
        END
        if options.end is None
        else (options.end if options.end.tzinfo else options.end.replace(tzinfo=UTC)).timestamp()
    )
    made = events(
        options.events, seed=options.seed, start=end - options.days * 86_400, end=end, older=not options.today
    )
    if options.jsonl:
        write_lines(folder / "events.jsonl", made)
        write_metrics(folder / "metrics.json", end, seed=options.seed)
    else:
        write_database(folder / "events.db", made, progress=options.events > 200_000)
    write_orders(folder / "orders.db", options.orders, end, seed=options.seed)
    print(f"wrote {options.events:,} events to {folder}")


if __name__ == "__main__":
    main()
