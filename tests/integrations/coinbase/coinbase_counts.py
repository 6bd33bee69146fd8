"""What was recorded, read straight from the cells: a matrix asks too often for rendering and parsing."""

from collections import Counter
from typing import Any

from gpt_trader_telemetry import Telemetry

COUNTED = {
    "gpt_trader_broker_call_latency_seconds": "call",
    "gpt_trader_order_submission_total": "order",
    "gpt_trader_order_submission_latency_seconds": "order timed",
    "gpt_trader_order_preview_failures_total": "preview refused",
    "gpt_trader_api_requests_total": "attempt",
    "gpt_trader_api_latency_seconds": "attempt timed",
    "gpt_trader_api_retries_total": "retry",
    "gpt_trader_telemetry_errors_total": "fault",
}


class Counts:
    """Counts what is recorded from one look to the next, as (what, label values...)."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._recorder: Any = telemetry._pipeline.recorder
        self._before = self._now()

    def since(self) -> Counter[tuple[str, ...]]:
        """Return what was recorded since the last look."""
        before, self._before = self._before, self._now()
        return self._before - before

    def _now(self) -> Counter[tuple[str, ...]]:
        found: Counter[tuple[str, ...]] = Counter()
        with self._recorder.collected() as families:
            for family in families:
                for labels, cell in family.cells.items():
                    if family.metric.name in COUNTED:
                        number = sum(cell.counts) if hasattr(cell, "counts") else cell.value
                        found[(COUNTED[family.metric.name], *(value for _name, value in labels))] = int(number)
        return found


def gauge(telemetry: Telemetry, name: str) -> float | None:
    """Return a gauge as it is shown, or None where it is not."""
    recorder: Any = telemetry._pipeline.recorder
    with recorder.collected() as families:
        cells = [cell for family in families if family.metric.name == name for cell in family.cells.values()]
    return cells[0].value if cells else None
