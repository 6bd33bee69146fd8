"""Health as metrics: whether each check passes, and how long it took."""

from collections.abc import Callable
from typing import Final, TypeAlias

from gpt_trader_telemetry.catalog import HEALTH_CHECK_DURATION, HEALTH_CHECK_UP
from gpt_trader_telemetry.health.result import CheckReport, Status
from gpt_trader_telemetry.recording.current import Slot
from gpt_trader_telemetry.recording.recorder import Recorder

_MAX_NAMES: Final = 1000

ReportOf: TypeAlias = Callable[[str], CheckReport | None]
"""Returns what is known of a check now, None if there is none of that name."""


class Meters:
    """Records the checks of one Health into whichever recorder its slot holds.

    ``gpt_trader_health_check_up`` is read when it is collected, so a result that has gone stale reads 0. It is
    absent while a check is pending or skipped, and from the moment it is unregistered.
    """

    def __init__(self, slot: Slot, report_of: ReportOf) -> None:
        self._report_of = report_of
        self._names: set[str] = set()
        self._recorder: Recorder | None = None
        self._watched: set[str] = set()
        slot.subscribe(self)

    def attach(self, recorder: Recorder | None) -> None:
        """Record into ``recorder`` from now on."""
        self._recorder = recorder
        self._watched = set()
        for name in list(self._names):
            self._watch(name)

    def add(self, name: str) -> None:
        """Show a check, of ever so many names the first thousand; its value is shown while it is registered."""
        if len(self._names) < _MAX_NAMES:
            self._names.add(name)
            self._watch(name)

    def _watch(self, name: str) -> None:
        recorder = self._recorder
        if recorder is None or name in self._watched:
            return
        self._watched.add(name)
        with recorder.faults.shield("health", "a health check could not be shown as a metric"):
            recorder.watch(HEALTH_CHECK_UP, HEALTH_CHECK_UP.label_set({"check": name}), lambda: self._up(name))

    def _up(self, name: str) -> float | None:
        report = self._report_of(name)
        if report is None or report.status in {Status.PENDING, Status.SKIPPED}:
            return None
        return float(report.ok)

    def record(self, report: CheckReport, seconds: float | None) -> None:
        """Record how long a check took, where it was run."""
        recorder = self._recorder
        if recorder is not None and seconds is not None:
            labels = HEALTH_CHECK_DURATION.label_set({"check": report.name})
            recorder.events((HEALTH_CHECK_DURATION, labels))(seconds)
