"""The exporter's series: each row once, without its prefix, and the samples of a profile's tally."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gpt_trader_telemetry.catalog import Label, Metric
from gpt_trader_telemetry.exported import GAUGES, Family
from gpt_trader_telemetry.exporter.tally import COUNTED, Tally, newest_first
from gpt_trader_telemetry.runtime_data.metrics import CycleMetrics

__all__ = [
    "Sample",
    "log_samples",
    "metric_of",
    "metrics_document",
    "symbol_labels",
]


class Sample(NamedTuple):
    """One value of one family."""

    family: str
    labels: tuple[tuple[str, str], ...]
    value: float


def metric_of(family: Family, prefix: str, *, profiles: bool) -> Metric:
    """Return a family as a row of the catalogue; with several profiles each sample tells its own."""
    names = ("profile", *family.labels) if profiles else family.labels
    return Metric(f"{prefix}_{family.name}", family.kind, family.help, tuple(Label(name) for name in names))


def figure_samples(tally: Tally, *, with_log: bool) -> Iterator[Sample]:
    """Yield what the newest metrics say; what is not known is absent."""
    sources = (tally.file, *tally.logged) if with_log else (tally.file,)
    times = [item.at for item in sources if item.at is not None]
    if times:
        yield Sample("metrics_timestamp_seconds", (), max(times))
    for family, (name, _) in GAUGES.items():
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
    sources = (tally.file, *tally.logged) if with_log else (tally.file,)
    newest = max((item for item in sources if item.latest), key=lambda item: item.at or 0.0, default=None)
    return {
        **(newest.latest if newest is not None else {}),
        "latest_order_preview": tally.latest_order_preview,
        "latest_account_snapshot": tally.latest_account_snapshot,
    }
