"""Which pipeline a Telemetry records through; each is loaded when it is the one."""

# ruff: noqa: PLC0415 - see above

from typing import TYPE_CHECKING

from opentelemetry.metrics import MeterProvider

from gpt_trader_telemetry.recording.recorder import Tap
from gpt_trader_telemetry.settings import Settings

if TYPE_CHECKING:
    from gpt_trader_telemetry.pipeline.borrowed import BorrowedPipeline
    from gpt_trader_telemetry.pipeline.disabled import DisabledPipeline
    from gpt_trader_telemetry.pipeline.own import OwnPipeline


def pipeline_for(
    settings: Settings, meter_provider: MeterProvider | None, *, traced: bool, tap: Tap
) -> "OwnPipeline | BorrowedPipeline | DisabledPipeline":
    """Make the pipeline that the settings ask for, through the caller's MeterProvider where one is given."""
    if settings.telemetry_disabled:
        from gpt_trader_telemetry.pipeline.disabled import DisabledPipeline

        return DisabledPipeline(settings, tap=tap)
    if meter_provider is not None:
        from gpt_trader_telemetry.pipeline.borrowed import BorrowedPipeline

        return BorrowedPipeline(settings, meter_provider, tap=tap)
    from gpt_trader_telemetry.pipeline.own import OwnPipeline

    return OwnPipeline(settings, traced=traced, tap=tap)
