"""A bot that emits every metric of the catalogue, and a server that serves what the exporter does."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.catalog import CATALOG, Kind
from support.listening import served
from support.receivers import free_port

BY_ITSELF = (
    "gpt_trader_telemetry_",
    "gpt_trader_process_",
    "gpt_trader_health_",
    "gpt_trader_signal_",
    "gpt_trader_ws_",
)
"""What the library emits from what happens to it, and nobody records by name."""

EXPORTED = """\
metrics_timestamp_seconds {now}
equity 1000.5
open_orders 2
cpu_percent 12
memory_percent 40
disk_percent 30
disk_used_gigabytes 11.5
network_sent_megabytes {n}
network_received_megabytes {n}
fee_tier{{tier="advanced"}} 1
account_limit_remaining 5000
order_preview_failures_total {n}
trades_executed_total {n}
trades_blocked_total {n}
circuit_breaker_triggered 1
cycle_latency_ms 120.5
symbol_exposure_usd{{symbol="BTC_USD"}} 300
symbol_pnl_usd{{symbol="BTC_USD"}} -3
total_pnl_usd 7
realized_pnl_usd 4
unrealized_pnl_usd 2
funding_pnl_usd 1
websocket_reconnects_total {n}
stale_marks_total {n}
unfilled_orders_total {n}
symbol_collisions 0
caught_up 1
source_age_seconds{{source="events_db"}} 3
source_readable{{source="events_db"}} 1
skipped_records_total{{source="events_db",reason="value"}} {n}
log_restarts_total {n}
"""
"""Every series that the exporter has, without its prefix."""


class Trip(Exception):
    category, recoverable = "limit", True


class Everything:
    """A Telemetry through which all that can happen happens again and again."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        telemetry.health.register("pulse", lambda: True, interval=0.2)
        telemetry.signals.set_source("market_data_staleness_seconds", lambda: 1.0)
        self.submit = telemetry.order_submission(side="buy", decision_id="decision")(
            telemetry.broker_call("submit")(self._submit)
        )
        self.guard = telemetry.guard("daily_loss")(self._guard)
        telemetry.websocket.connected()
        telemetry.health.mark_ready()

    @staticmethod
    def _submit(decision: str, error: Exception | None = None) -> None:
        if error is not None:
            raise error

    @staticmethod
    def _guard() -> None:
        raise Trip

    def once(self) -> None:
        """Let each thing happen once."""
        for decision, error in (("d", None), ("", None), ("d", TimeoutError())):
            with suppress(TimeoutError):
                self.submit(decision, error)
        with suppress(Trip):
            self.guard()
        self._record()
        feed, account = self.telemetry.websocket, self.telemetry.account
        feed.disconnected(OSError())
        for happens in (feed.connected, feed.message, feed.gap):
            happens()
        feed.heartbeat(0.02)
        pnl = {"realized": 3, "unrealized": 1, "funding": -1, "total": 3, "by_symbol": {"BTC-USD": 3}}
        account.update(equity=1000, pnl=pnl, exposure={"BTC-USD": 50}, open_orders=1)
        self.telemetry.record_data_quality("BTC-USD", "1h", 0.9, [("gap", "warning")])

    def _record(self) -> None:
        record = {
            Kind.COUNTER: self.telemetry.record_counter,
            Kind.GAUGE: self.telemetry.record_gauge,
            Kind.HISTOGRAM: self.telemetry.record_histogram,
        }
        for metric in CATALOG.values():
            if not metric.name.startswith(BY_ITSELF):
                labels = {label.name: label.values[-1] if label.values else "any" for label in metric.labels}
                record[metric.kind](metric.name, 1, labels)


@contextmanager
def repeating(step) -> Iterator[None]:
    """Do something ten times a second, on a thread."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(0.1):
            step()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def bot_of_everything() -> Iterator[str]:
    """Run the bot; yield the host and port that it serves metrics on."""
    settings = Settings(
        health_server_enabled=True, metrics_endpoint_enabled=True, health_port=0,
        otlp_endpoint=f"http://127.0.0.1:{free_port()}", otlp_timeout=0.05, export_interval=0.2,
    )  # fmt: skip
    with Telemetry(settings) as telemetry:
        everything = Everything(telemetry)
        everything.once()
        with repeating(everything.once):
            yield telemetry.server.url.removeprefix("http://")


@contextmanager
def exporter_stand_in(prefix: str) -> Iterator[str]:
    """Serve the exporter's series, counters growing with each scrape; yield the host and port."""
    scrapes = count(1)

    def answer(_path: str, _body: bytes) -> bytes:
        lines = EXPORTED.format(now=time.time(), n=next(scrapes)).splitlines()
        return "".join(f"{prefix}_{line}\n" for line in lines).encode()

    with served(answer) as address:
        yield address
