"""The catalogue of the out-of-process exporter: each of its series once, without its prefix."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from gpt_trader_telemetry.catalog import Kind

__all__ = ["COUNTERS", "FAMILIES", "GAUGES", "Family"]


class Family(NamedTuple):
    """One metric as the exporter's tables have it."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


GAUGES: Final[Mapping[str, tuple[str, str]]] = {
    "equity": ("equity", "Account equity in US dollars."),
    "open_orders": ("open_orders", "Open orders."),
    "cpu_percent": ("cpu_percent", "Processor use of the bot's machine, 0 to 100."),
    "memory_percent": ("memory_percent", "Memory use of the bot's machine, 0 to 100."),
    "disk_percent": ("disk_percent", "Disk use of the bot's machine, 0 to 100."),
    "disk_used_gigabytes": ("disk_used_gb", "Disk used on the bot's machine, in gigabytes."),
    "network_sent_megabytes": ("network_sent_mb", "Sent since the bot's machine started, in megabytes."),
    "network_received_megabytes": ("network_recv_mb", "Received since the bot's machine started, in megabytes."),
    "cycle_latency_ms": ("cycle_latency_ms", "How long the last trading cycle took, in milliseconds."),
    "total_pnl_usd": ("total_pnl", "Profit and loss in all, in US dollars."),
    "realized_pnl_usd": ("realized_pnl", "Realized profit and loss, in US dollars."),
    "unrealized_pnl_usd": ("unrealized_pnl", "Unrealized profit and loss, in US dollars."),
    "funding_pnl_usd": ("funding_pnl", "Funding received less paid, in US dollars."),
}
"""Gauges that are one number of the metrics, and its name there."""

COUNTERS: Final[Mapping[str, str]] = {
    "order_preview_failures_total": "Orders whose preview was refused.",
    "trades_executed_total": "Trades executed.",
    "trades_blocked_total": "Trades blocked by a gate before they reached the broker.",
    "websocket_reconnects_total": "Times that the WebSocket connected again.",
    "stale_marks_total": "Stale mark prices met.",
    "unfilled_orders_total": "Alerts about orders that were not filled in time.",
}

FAMILIES: Final[Mapping[str, Family]] = {
    family.name: family
    for family in (
        Family("metrics_timestamp_seconds", Kind.GAUGE, "When the newest metrics were written, seconds since 1970."),
        *(Family(name, Kind.GAUGE, text) for name, (_, text) in GAUGES.items()),
        Family("fee_tier", Kind.GAUGE, "1 for the fee tier that the account is in.", ("tier",)),
        Family("account_limit_remaining", Kind.GAUGE, "What the account may still trade, as its limits tell."),
        Family("symbol_exposure_usd", Kind.GAUGE, "Exposure of each open position, in US dollars.", ("symbol",)),
        Family("symbol_pnl_usd", Kind.GAUGE, "Profit and loss by symbol, in US dollars.", ("symbol",)),
        Family("circuit_breaker_triggered", Kind.GAUGE, "1 while a circuit breaker is triggered and not cleared."),
        *(Family(name, Kind.COUNTER, text) for name, text in COUNTERS.items()),
        Family("symbol_collisions", Kind.GAUGE, "Symbols whose label was taken by another, as BTC_USD by BTC-USD."),
        Family("caught_up", Kind.GAUGE, "1 once the event log has been read to its end."),
        Family("source_age_seconds", Kind.GAUGE, "Age of the newest record read from a source.", ("source",)),
        Family("source_readable", Kind.GAUGE, "1 where a source could be read when it was last tried.", ("source",)),
        Family("skipped_records_total", Kind.COUNTER, "Records that could not be used, and why.", ("source", "reason")),
        Family("log_restarts_total", Kind.COUNTER, "Times that another event log took the place of the one read."),
    )
}
"""Every series of the exporter, in the order in which it shows them."""
