"""The recorder that records nothing, where telemetry is disabled."""

from collections.abc import Iterable

from gpt_trader_telemetry.catalog import Metric
from gpt_trader_telemetry.recording.recorder import Faults, LabelSet, Observe, Read, Series


def discard(_value: float) -> None:
    """Take a value and forget it."""


class NullRecorder:
    """Takes everything and keeps nothing; faults are still logged once."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.metrics: dict[str, Metric] = {}
        self.sites: dict[object, object] = {}

    def events(self, *series: Series) -> Observe:
        """Return what forgets an event."""
        return discard

    def adder(self, metric: Metric, labels: LabelSet) -> Observe:
        """Return what forgets an amount."""
        return discard

    def setter(self, metric: Metric, labels: LabelSet) -> Observe:
        """Return what forgets a value."""
        return discard

    def watch(self, metric: Metric, labels: LabelSet, read: Read) -> None:
        """Never read."""

    def zero(self, metric: Metric, label_sets: Iterable[LabelSet]) -> None:
        """Show nothing."""
