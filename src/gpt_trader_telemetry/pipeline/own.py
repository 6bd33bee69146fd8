"""The pipeline that is ours from end to end: cells, a MeterProvider for users' own instruments, both roads."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, MetricsData, ResourceMetrics, ScopeMetrics
from opentelemetry.sdk.metrics.view import Aggregation, ExponentialBucketHistogramAggregation
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from gpt_trader_telemetry._version import __version__
from gpt_trader_telemetry.catalog import TELEMETRY_EXPORT_FAILURES, TELEMETRY_HEARTBEAT
from gpt_trader_telemetry.pipeline.delivery import Delivery
from gpt_trader_telemetry.pipeline.instruments import UsersMeterProvider
from gpt_trader_telemetry.pipeline.patient import Patient
from gpt_trader_telemetry.pipeline.points import metric_of
from gpt_trader_telemetry.pipeline.prometheus import PrometheusRoad
from gpt_trader_telemetry.pipeline.resource import INSTANCE_ID, forked_resource, make_resource
from gpt_trader_telemetry.pipeline.ticker import FOLD_INTERVAL, Ticker
from gpt_trader_telemetry.recording.bound import BoundRecorder
from gpt_trader_telemetry.recording.exemplars import FILTERS
from gpt_trader_telemetry.recording.plain import SCOPE
from gpt_trader_telemetry.recording.recorder import Tap
from gpt_trader_telemetry.settings import Settings

if TYPE_CHECKING:
    from gpt_trader_telemetry.pipeline.otlp import OtlpRoad


class OwnPipeline:
    """Records into cells and sends them down both roads."""

    def __init__(self, settings: Settings, *, traced: bool = False, tap: Tap | None = None) -> None:
        self._settings = settings
        self.resource = make_resource(settings)
        self.recorder = BoundRecorder(
            cardinality_limit=settings.cardinality_limit,
            exponential=settings.exports_otlp and settings.exponential_histograms,
            sample=FILTERS[settings.exemplar_filter] if traced else None,
            tap=tap,
        )
        self.recorder.watch(TELEMETRY_HEARTBEAT, (), time.time)
        self.prometheus: PrometheusRoad = PrometheusRoad(
            self.recorder.faults, self.recorder, resource=self.resource.attributes
        )
        self._instruments = _Instruments(settings)
        self._users: Patient[list[ScopeMetrics]] = Patient(
            "instruments of the MeterProvider", self._instruments.scopes, [], self.recorder.faults
        )
        self._provider = UsersMeterProvider(
            self.recorder.faults, metric_readers=[self.prometheus.reader, self._instruments], resource=self.resource
        )
        self._ticker = Ticker("gpt-trader-telemetry-fold", FOLD_INTERVAL, self._fold)
        self._otlp: OtlpRoad | None = self._start_otlp() if settings.exports_otlp else None

    @property
    def meter_provider(self) -> MeterProvider:
        """The MeterProvider for users' own instruments; nothing is collected from it before it is asked for."""
        self.prometheus.has_instruments = True
        return self._provider

    def _start_otlp(self) -> "OtlpRoad":
        from gpt_trader_telemetry.pipeline.otlp import OtlpRoad  # noqa: PLC0415 - loads protobuf

        failures = (TELEMETRY_EXPORT_FAILURES, (("road", "otlp"),))
        self.recorder.zero(*failures[:1], [failures[1]])
        count = self.recorder.events(failures)
        # "lowmemory" keeps no state for what the user's callbacks give; the specification has it cumulative.
        lowmemory = self._settings.otlp_temporality == "lowmemory"
        keep = self._provider.is_observable_counter if lowmemory else None
        return OtlpRoad(self._settings, self._snapshot, self.recorder.faults, lambda: count(1), keep_cumulative=keep)

    def _fold(self) -> None:
        with self.recorder.faults.shield("recording", "values could not be folded"):
            self.recorder.fold()

    def _snapshot(self) -> Sequence[ResourceMetrics]:
        with self.recorder.collected() as families:
            now = time.time_ns()
            points = [metric_of(family, self.recorder.start_time_ns, now) for family in families]
        ours = ScopeMetrics(InstrumentationScope(SCOPE, __version__), [item for item in points if item], "")
        users = self._users() if self.prometheus.has_instruments else []
        return [ResourceMetrics(self.resource, [ours, *users], self.resource.schema_url)]

    @property
    def instance_id(self) -> str:
        """What tells this process from others of its service."""
        return str(self.resource.attributes[INSTANCE_ID])

    def flush(self, timeout: float) -> Delivery:
        """Deliver what was recorded; wait ``timeout`` seconds at the most."""
        return Delivery.DELIVERED if self._otlp is None else self._otlp.flush(timeout)

    def shutdown(self, timeout: float) -> Delivery:
        """Deliver what was recorded and end all threads."""
        delivery = Delivery.DELIVERED if self._otlp is None else self._otlp.shutdown(timeout)
        self._ticker.stop()
        with self.recorder.faults.shield("pipeline", "the MeterProvider could not be shut down"):
            self._provider.shutdown(timeout_millis=1000)
        return delivery

    def restart_after_fork(self) -> None:
        """Begin anew in a forked child: zeroed cells, threads and an instance id of its own."""
        self.recorder.reset_after_fork()
        self.resource = forked_resource(self._settings)
        self.prometheus.reset_after_fork(self.resource.attributes)
        self._ticker.start()
        if self._otlp is not None:
            self._otlp.restart_after_fork()


class _Instruments(MetricReader):
    """Reads what users recorded with instruments of their own on our MeterProvider."""

    def __init__(self, settings: Settings) -> None:
        exponential: dict[type, Aggregation] = {Histogram: ExponentialBucketHistogramAggregation()}
        super().__init__(preferred_aggregation=exponential if settings.exponential_histograms else None)
        self._scopes: list[ScopeMetrics] = []

    def scopes(self) -> list[ScopeMetrics]:
        """Collect, and return what there is."""
        self._scopes = []
        self.collect()
        return self._scopes

    def _receive_metrics(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> None:
        self._scopes = [scope for resource in metrics_data.resource_metrics for scope in resource.scope_metrics]

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Nothing to do: the road that asks is shut down by its pipeline."""
