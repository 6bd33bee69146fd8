"""The pipeline where ``OTEL_SDK_DISABLED`` is true: nothing is recorded, nothing leaves."""

import os

from opentelemetry.metrics import MeterProvider, NoOpMeterProvider

from gpt_trader_telemetry.pipeline.delivery import Delivery
from gpt_trader_telemetry.recording.null import NullRecorder


class DisabledPipeline:
    """Does nothing."""

    def __init__(self) -> None:
        self.recorder = NullRecorder()
        self.meter_provider: MeterProvider = NoOpMeterProvider()
        self.prometheus = None

    @property
    def instance_id(self) -> str:
        """What tells this process from others of its service."""
        return f"pid {os.getpid()}"

    def flush(self, timeout: float) -> Delivery:
        """There is nothing to deliver."""
        return Delivery.DELIVERED

    def shutdown(self, timeout: float) -> Delivery:
        """There is nothing to deliver."""
        return Delivery.DELIVERED

    def restart_after_fork(self) -> None:
        """There is nothing to restart."""
