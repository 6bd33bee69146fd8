"""The pipeline on a MeterProvider that the caller brought: its owner exports, we only add a way to scrape it."""

import logging
import os
import time
from typing import Any

from opentelemetry.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource

from gpt_trader_telemetry.catalog import TELEMETRY_HEARTBEAT
from gpt_trader_telemetry.pipeline.delivery import Delivery
from gpt_trader_telemetry.pipeline.flushing import Flushing
from gpt_trader_telemetry.pipeline.prometheus import PrometheusRoad
from gpt_trader_telemetry.recording.plain import PlainRecorder
from gpt_trader_telemetry.recording.recorder import Faults, Tap
from gpt_trader_telemetry.settings import Settings

_logger = logging.getLogger("gpt_trader_telemetry")


class BorrowedPipeline:
    """Records through the OpenTelemetry API."""

    resource: Resource | None = None
    """The provider's own is its owner's matter."""

    def __init__(self, settings: Settings, provider: MeterProvider, *, tap: Tap | None = None) -> None:
        self.meter_provider = provider
        if settings.exports_otlp:
            _logger.warning(
                "the OTLP endpoint of the settings is not used: with a MeterProvider given, what its own readers "
                "export is all that leaves. Give it a PeriodicExportingMetricReader, or give no MeterProvider."
            )
        faults = Faults()
        # The reader comes first: it sees only what is recorded from then on, and counters start at zero.
        self.prometheus = self._scrapable(faults)
        self.recorder = PlainRecorder(provider, faults, cardinality_limit=settings.cardinality_limit, tap=tap)
        self.recorder.watch(TELEMETRY_HEARTBEAT, (), time.time)
        self._begin_flushing()

    def _begin_flushing(self) -> None:
        force_flush: Any = getattr(self.meter_provider, "force_flush", lambda _milliseconds: True)
        self.flush = Flushing(force_flush, self.recorder.faults, "the MeterProvider")
        """Ask the provider to flush. What it answers is what it believes: stock exporters say yes too early."""

    def _scrapable(self, faults: Faults) -> PrometheusRoad | None:
        # In OpenTelemetry's SDK since 1.40; a provider of another kind has no readers to add to.
        add_metric_reader: Any = getattr(self.meter_provider, "add_metric_reader", None)
        if add_metric_reader is None:
            return None
        road = PrometheusRoad(faults)
        road.has_instruments = True
        add_metric_reader(road.reader)
        return road

    @property
    def instance_id(self) -> str:
        """What tells this process from others of its service."""
        return f"pid {os.getpid()}"

    def shutdown(self, timeout: float) -> Delivery:
        """Flush and take our reader away; the provider goes on, it is the caller's."""
        delivery = self.flush(timeout)
        self.flush.close()
        self.recorder.stop_watching()
        remove_metric_reader: Any = getattr(self.meter_provider, "remove_metric_reader", None)
        if self.prometheus is not None and remove_metric_reader is not None:
            with self.recorder.faults.shield("pipeline", "the Prometheus reader could not be removed"):
                remove_metric_reader(self.prometheus.reader)
        return delivery

    def restart_after_fork(self) -> None:
        """Replace our locks in a forked child; the provider looks after itself."""
        self.recorder.reset_after_fork()
        self._begin_flushing()
        if self.prometheus is not None:
            self.prometheus.reset_after_fork()
