"""The exporter's series: each row once, without its prefix, and the samples of a profile's tally."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from gpt_trader_telemetry.catalog import Kind, Label, Metric
from gpt_trader_telemetry.exporter.tally import COUNTED, Tally, newest_first
from gpt_trader_telemetry.runtime_data.metrics import CycleMetrics

__all__ = [
    "FAMILIES",
    "Family",
    "Sample",
    "log_samples",
    "metric_of",
    "metrics_document",
    "symbol_labels",
]


class Family(NamedTuple):
    """One metric as the exporter's tables have it."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


class Sample(NamedTuple):
    """One value of one family."""

    family: str
    labels: tuple[tuple[str, str], ...]
    value: float


_GAUGES: Final[Mapping[str, tuple[str, str]]] = {
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

_COUNTERS: Final[Mapping[str, str]] = {
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
        *(Family(name, Kind.GAUGE, text) for name, (_, text) in _GAUGES.items()),
        Family("fee_tier", Kind.GAUGE, "1 for the fee tier that the account is in.", ("tier",)),
        Family("account_limit_remaining", Kind.GAUGE, "What the account may still trade, as its limits tell."),
        Family("symbol_exposure_usd", Kind.GAUGE, "Exposure of each open position, in US dollars.", ("symbol",)),
        Family("symbol_pnl_usd", Kind.GAUGE, "Profit and loss by symbol, in US dollars.", ("symbol",)),
        Family("circuit_breaker_triggered", Kind.GAUGE, "1 while a circuit breaker is triggered and not cleared."),
        *(Family(name, Kind.COUNTER, text) for name, text in _COUNTERS.items()),
        Family("symbol_collisions", Kind.GAUGE, "Symbols whose label was taken by another, as BTC_USD by BTC-USD."),
        Family("caught_up", Kind.GAUGE, "1 once the event log has been read to its end."),
        Family("source_age_seconds", Kind.GAUGE, "Age of the newest record read from a source.", ("source",)),
        Family("source_readable", Kind.GAUGE, "1 where a source could be read when it was last tried.", ("source",)),
        Family("skipped_records_total", Kind.COUNTER, "Records that could not be used, and why.", ("source", "reason")),
        Family("log_restarts_total", Kind.COUNTER, "Times that another event log took the place of the one read."),
    )
}
"""Every series of the exporter, in the order in which it shows them."""


def metric_of(family: Family, prefix: str, *, profiles: bool) -> Metric:
    """Return a family as a row of the catalogue; with several profiles each sample tells its own."""
    names = ("profile", *family.labels) if profiles else family.labels
    return Metric(f"{prefix}_{family.name}", family.kind, family.help, tuple(Label(name) for name in names))


def figure_samples(tally: Tally, *, with_log: bool) -> Iterator[Sample]:
    """Yield what the newest metrics say; what is not known is absent."""
    sources = (tally.file, tally.logged) if with_log else (tally.file,)
    times = [item.at for item in sources if item.at is not None]
    if times:
        yield Sample("metrics_timestamp_seconds", (), max(times))
    for family, (name, _) in _GAUGES.items():
        for metrics in newest_first(sources, name)[:1]:
            yield Sample(family, (), metrics.numbers[name])
    for metrics in newest_first(sources, "fee_tier")[:1]:
        yield Sample("fee_tier", (("tier", str(metrics.fee_tier)),), 1)
    for metrics in newest_first(sources, "limit_remaining")[:1]:
        yield Sample("account_limit_remaining", (), float(metrics.limit_remaining or 0))
    collisions: list[int] = []
    for family, name in (("symbol_exposure_usd", "positions"), ("symbol_pnl_usd", "symbol_pnl")):
        for metrics in newest_first(sources, name)[:1]:
            values = _symbols(metrics, name)
            labels = symbol_labels(values)
            collisions.append(sum(label != written(symbol) for symbol, label in labels.items()))
            for symbol, value in values.items():
                yield Sample(family, (("symbol", labels[symbol]),), value)
    if collisions:
        yield Sample("symbol_collisions", (), max(collisions))


def log_samples(tally: Tally) -> Iterator[Sample]:
    """Yield what the log as a whole says; to be asked for once it has been read."""
    yield Sample("circuit_breaker_triggered", (), int(bool(tally.open_rules)))
    for counter in COUNTED.values():
        value = tally.count_of(counter)
        if value is not None:
            yield Sample(counter, (), value)


def _symbols(metrics: CycleMetrics, name: str) -> Mapping[str, float]:
    found = metrics.exposures if name == "positions" else metrics.symbol_pnl
    return found or {}


def written(symbol: str) -> str:
    """Return a symbol as dashboards know it.

    >>> written("BTC-USD")
    'BTC_USD'
    """
    return symbol.replace("-", "_")


def symbol_labels(symbols: Mapping[str, object]) -> dict[str, str]:
    """Return the label of each symbol; the dashed one keeps a label that two would have, the other is told apart.

    >>> symbol_labels({"BTC_USD": 1.0, "BTC-USD": 2.0})
    {'BTC-USD': 'BTC_USD', 'BTC_USD': 'BTC_USD (BTC_USD)'}
    """
    labels: dict[str, str] = {}
    taken = set()
    for symbol in sorted(symbols):  # a dash sorts before an underscore
        label = written(symbol)
        while label in taken:
            label = f"{label} ({symbol})"
        taken.add(label)
        labels[symbol] = label
    return labels


def metrics_document(tally: Tally, *, with_log: bool) -> dict[str, Any]:
    """Return what ``/metrics.json`` says of one profile."""
    sources = (tally.file, tally.logged) if with_log else (tally.file,)
    newest = max((item for item in sources if item.latest), key=lambda item: item.at or 0.0, default=None)
    return {
        **(newest.latest if newest is not None else {}),
        "latest_order_preview": tally.latest_order_preview,
        "latest_account_snapshot": tally.latest_account_snapshot,
    }
