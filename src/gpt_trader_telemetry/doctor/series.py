"""What a scrape holds, what it lacks, and whether it moves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from gpt_trader_telemetry import catalog
from gpt_trader_telemetry.catalog import Metric

__all__ = ["EXPORTED", "EXPORTED_SOMETIMES", "GROUPS", "Group", "Scraped", "read_scrape"]


@dataclass(frozen=True, slots=True)
class Group:
    """Metrics that come together, and what makes a bot emit them."""

    name: str
    metrics: Sequence[Metric]
    emitted_by: str
    usual: bool = True
    """Whether a bot without them lacks something; else it may do well without."""


GROUPS: Final = (
    Group(
        "the library's own",
        (catalog.TELEMETRY_HEARTBEAT, catalog.TELEMETRY_ERRORS, catalog.PROCESS_MEMORY),
        "look whether this is the bot's address, and its version",
    ),
    Group("orders", (catalog.ORDER_SUBMISSION,), "decorate what sends an order with @order_submission"),
    Group(
        "broker calls", (catalog.BROKER_CALL_LATENCY,), 'decorate broker calls with @broker_call("submit") and so on'
    ),
    Group("guards", (catalog.GUARD_TRIPS, catalog.GUARD_CHECKS), 'decorate risk guards with @guard("daily_loss")'),
    Group("cycle", (catalog.CYCLE_DURATION,), "decorate the trading cycle with @cycle()"),
    Group("account", (catalog.EQUITY,), "call telemetry.account.update(equity=...)"),
    Group("signals", (catalog.SIGNAL_STATUS,), "look for errors in the bot's log"),
    Group(
        "WebSocket",
        (catalog.WS_CONNECTED, catalog.WS_LAST_MESSAGE_AGE),
        "call telemetry.websocket.connected() and .message()",
        usual=False,
    ),
    Group("data quality", (catalog.DATA_QUALITY_SCORE,), "call record_data_quality(...)", usual=False),
    Group("health checks", (catalog.HEALTH_CHECK_UP,), "register checks: telemetry.health.register(...)", usual=False),
)
"""What a bot is expected to emit."""

EXPORTED: Final = (
    "metrics_timestamp_seconds", "equity", "cycle_latency_ms", "trades_executed_total", "trades_blocked_total",
    "order_preview_failures_total", "circuit_breaker_triggered", "websocket_reconnects_total", "stale_marks_total",
    "unfilled_orders_total",
)  # fmt: skip
"""What the exporter serves for every bot, without the prefix."""

EXPORTED_SOMETIMES: Final = (
    "open_orders", "cpu_percent", "memory_percent", "disk_percent", "disk_used_gigabytes", "network_sent_megabytes",
    "network_received_megabytes", "fee_tier", "account_limit_remaining", "symbol_exposure_usd", "symbol_pnl_usd",
    "total_pnl_usd", "realized_pnl_usd", "unrealized_pnl_usd", "funding_pnl_usd",
)  # fmt: skip
"""What it serves where the bot wrote it."""

_OWN: Final = ("gpt_trader_telemetry_", "gpt_trader_process_", "gpt_trader_health_check_")


@dataclass(frozen=True, slots=True)
class Scraped:
    """A parsed scrape: samples by name and labels."""

    samples: Mapping[tuple[str, tuple[tuple[str, str], ...]], float]
    totals: frozenset[str]
    """Samples that only grow: counters, and the counts of histograms."""

    @property
    def names(self) -> set[str]:
        """The names of all samples."""
        return {name for name, _ in self.samples}

    def has(self, metric: Metric) -> bool:
        """Whether there is a series of a metric."""
        return not self.names.isdisjoint({metric.name, f"{metric.name}_count"})

    def first(self, name: str) -> float | None:
        """Return a sample of a name, whatever its labels."""
        return next((value for (found, _), value in self.samples.items() if found == name), None)

    def moved_since(self, earlier: "Scraped") -> list[str]:
        """Return the totals that grew, but for those of the library itself."""
        return sorted(
            {
                name
                for (name, labels), value in self.samples.items()
                if name in self.totals
                and not name.startswith(_OWN)
                and value != earlier.samples.get((name, labels), 0.0)
            }
        )


def read_scrape(body: bytes) -> Scraped:
    """Parse Prometheus' text format; raise ValueError where it is none."""
    samples: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    totals = set()
    try:
        for family in text_string_to_metric_families(body.decode()):
            for sample in family.samples:
                samples[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
                if family.type == "counter" or (family.type == "histogram" and sample.name.endswith("_count")):
                    totals.add(sample.name)
    except Exception as error:
        # The parser raises whatever its own steps happen to raise.
        raise ValueError("it is not in Prometheus' text format") from error
    return Scraped(samples, frozenset(totals))
