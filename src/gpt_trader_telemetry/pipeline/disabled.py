"""The pipeline where ``OTEL_SDK_DISABLED`` is true: nothing leaves, and health's signals go on being fed."""

import os

from opentelemetry.metrics import MeterProvider, NoOpMeterProvider
from opentelemetry.sdk.resources import Resource

from gpt_trader_telemetry.pipeline.delivery import Delivery
from gpt_trader_telemetry.pipeline.ticker import FOLD_INTERVAL, Ticker
from gpt_trader_telemetry.recording.bound import BoundRecorder
from gpt_trader_telemetry.recording.recorder import Tap
from gpt_trader_telemetry.settings import Settings


class DisabledPipeline:
    """Records into cells that no road leads from."""

    resource: Resource | None = None

    def __init__(self, settings: Settings, *, tap: Tap | None = None) -> None:
        self.recorder = BoundRecorder(cardinality_limit=settings.cardinality_limit, tap=tap)
        self.meter_provider: MeterProvider = NoOpMeterProvider()
        self.prometheus = None
        self._ticker = Ticker("gpt-trader-telemetry-fold", FOLD_INTERVAL, self._fold)

    def _fold(self) -> None:
        with self.recorder.faults.shield("recording", "values could not be folded"):
            self.recorder.fold()

    @property
    def instance_id(self) -> str:
        """What tells this process from others of its service."""
        return f"pid {os.getpid()}"

    def flush(self, timeout: float) -> Delivery:
        """There is nothing to deliver."""
        return Delivery.DELIVERED

    def shutdown(self, timeout: float) -> Delivery:
        """There is nothing to deliver."""
        self._ticker.stop()
        return Delivery.DELIVERED

    def restart_after_fork(self) -> None:
        """Begin anew in a forked child."""
        self.recorder.reset_after_fork()
        self._ticker.start()
