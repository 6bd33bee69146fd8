"""The peers as a person would set them up, with the labels and buckets of ours."""

from dataclasses import dataclass, field
from typing import Final

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Counter, Histogram, Meter
from opentelemetry.sdk import metrics as sdk_metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import CardinalityLimits
from prometheus_client import CollectorRegistry, disable_created_metrics

from gpt_trader_telemetry.catalog import LATENCY_BUCKETS

CHECKS: Final = "gpt_trader_guard_checks_total"
CALLS: Final = "gpt_trader_broker_call_latency_seconds"
ORDERS: Final = "gpt_trader_order_submission_total"
ORDER_TIMES: Final = "gpt_trader_order_submission_latency_seconds"

MANY: Final[CardinalityLimits] = {sdk_metrics.Counter: 100_000, sdk_metrics.Histogram: 100_000}
"""Cardinality limits of the SDK's readers, whose own is 2,000 series for each instrument."""


def without_created_samples() -> None:
    """Keep prometheus_client from rendering a ``_created`` sample a series, which neither other side renders."""
    disable_created_metrics()  # type: ignore[no-untyped-call]


@dataclass(slots=True)
class Sdk:
    """The OpenTelemetry SDK with one Prometheus reader, which renders neither scope labels nor a target."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    provider: MeterProvider = field(init=False)
    meter: Meter = field(init=False)

    def __post_init__(self) -> None:
        reader = PrometheusMetricReader(
            disable_target_info=True, scope_info_enabled=False, registry=self.registry, cardinality_limits=MANY
        )
        self.provider = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
        self.meter = self.provider.get_meter("benchmarks")

    def counter(self, name: str) -> Counter:
        """Make a counter."""
        return self.meter.create_counter(name)

    def histogram(self, name: str) -> Histogram:
        """Make a histogram with the latency buckets."""
        return self.meter.create_histogram(name, unit="s", explicit_bucket_boundaries_advisory=list(LATENCY_BUCKETS))
