"""What a scrape, an export and the health routes show of the profiles, from what they have published."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from opentelemetry.sdk.metrics.export import Metric as OtelMetric

from gpt_trader_telemetry.catalog import (
    TELEMETRY_ERRORS,
    TELEMETRY_EXPORT_FAILURES,
    TELEMETRY_HEARTBEAT,
    Kind,
    Metric,
)
from gpt_trader_telemetry.exported import FAMILIES
from gpt_trader_telemetry.exporter.series import Sample, metric_of
from gpt_trader_telemetry.exporter.state import Published
from gpt_trader_telemetry.pipeline.exposition import END, OPENMETRICS, LabelTexts, header, negotiate, samples
from gpt_trader_telemetry.pipeline.points import metric_of as points_of
from gpt_trader_telemetry.recording.bound import Cell, Collected
from gpt_trader_telemetry.recording.cells import GaugeCell
from gpt_trader_telemetry.recording.recorder import LabelSet

__all__ = ["View"]

_AGES: Final = "source_age_seconds"


class View:
    """Renders what is published; the text of a state is made once, so that a scrape costs what is new.

    Args:
        published: gives the newest state of each profile.
        prefix: what names begin with.
        several: whether samples have the label ``profile``.
        clock: seconds since 1970.
        sends: whether the series about the OTLP road are shown.
    """

    def __init__(
        self,
        published: Callable[[], Sequence[Published]],
        *,
        prefix: str,
        several: bool,
        clock: Callable[[], float] = time.time,
        sends: bool = False,
    ) -> None:
        self._published = published
        self._several = several
        self._clock = clock
        self._sends = sends
        self._rows: Mapping[str, Metric] = {
            name: metric_of(family, prefix, profiles=several) for name, family in FAMILIES.items()
        }
        self._gauges = frozenset(row.name for row in self._rows.values() if row.kind is not Kind.COUNTER)
        self._made: dict[str, tuple[Sequence[Published], str]] = {}
        self.faults: dict[str, int] = {}
        """Errors inside the exporter, by component."""
        self.failed_exports = 0

    def render(self, accept: str) -> tuple[str, bytes]:
        """Return the content type and the body of ``/metrics``."""
        content_type = negotiate(accept)
        openmetrics = content_type == OPENMETRICS
        published = self._published()
        made, text = self._made.get(content_type, ((), ""))
        # Identity: a state is published once and never changed.
        if len(made) != len(published) or any(one is not other for one, other in zip(made, published, strict=True)):
            text = self._text(self._families(published), openmetrics=openmetrics)
            self._made[content_type] = (published, text)
        changing = self._text(self._changing(published), openmetrics=openmetrics)
        return content_type, f"{text}{changing}{END if openmetrics else ''}".encode("utf-8", "replace")

    def points(self, began_ns: int) -> list[OtelMetric]:
        """Return everything as OpenTelemetry points."""
        published, now = self._published(), time.time_ns()
        families = [*self._families(published), *self._changing(published)]
        return [point for family in families if (point := points_of(family, began_ns, now)) is not None]

    def _text(self, families: Iterable[Collected], *, openmetrics: bool) -> str:
        parts = []
        for family in families:
            # Made anew each time: unlike a bot's series, these come and go with what is traded.
            lines = list(samples(family, LabelTexts(), openmetrics=openmetrics))
            if lines:
                parts += [header(family.metric, openmetrics=openmetrics, taken=self._gauges), *lines]
        return "".join(parts)

    def _families(self, published: Sequence[Published]) -> list[Collected]:
        return self._collected((state, sample) for state in published for sample in state.samples)

    def _changing(self, published: Sequence[Published]) -> list[Collected]:
        now = self._clock()
        ages = self._collected(
            (state, Sample(_AGES, (("source", source),), max(0.0, now - at)))
            for state in published
            for source, at in state.newest
        )
        return [*ages, *self._own()]

    def _own(self) -> list[Collected]:
        own = [Collected(TELEMETRY_HEARTBEAT, {(): _cell(time.time())})]
        if self._sends:
            own.append(Collected(TELEMETRY_EXPORT_FAILURES, {(("road", "otlp"),): _cell(self.failed_exports)}))
        if self.faults:
            counts: dict[LabelSet, Cell] = {(("component", name),): _cell(n) for name, n in sorted(self.faults.items())}
            own.append(Collected(TELEMETRY_ERRORS, counts))
        return own

    def _collected(self, found: Iterable[tuple[Published, Sample]]) -> list[Collected]:
        cells: dict[str, dict[LabelSet, Cell]] = {}
        for state, sample in found:
            labels = (("profile", state.profile), *sample.labels) if self._several else sample.labels
            cells.setdefault(sample.family, {})[labels] = _cell(sample.value)
        return [Collected(self._rows[name], cells[name]) for name in FAMILIES if name in cells]

    def document(self) -> dict[str, Any]:
        """Return what ``/metrics.json`` answers: the profile's, or each one's by its name."""
        published = self._published()
        if self._several:
            return {"profiles": {state.profile: state.document() for state in published}}
        return published[0].document()

    def health(self, *, live: bool) -> dict[str, Any]:
        """Return what ``/health`` answers."""
        published, now = self._published(), self._clock()
        ready, reason = self.ready()
        troubled = [state for state in published if state.reason != "following"]
        status = "healthy" if not troubled else "degraded"
        if not ready:
            status = "starting"
        if not live:
            status, reason = "unhealthy", "the log is not followed any more"
        elif ready and troubled:
            reason = "; ".join(f"{state.profile}: {state.reason}" for state in troubled)
        return {
            "status": status,
            "live": live,
            "ready": ready and live,
            "reason": reason,
            "checks": {state.profile: _check(state, now) for state in published},
        }

    def ready(self) -> tuple[bool, str]:
        """Tell whether every log has been read to its end, and which has not."""
        behind = [f"{state.profile}: {state.reason}" for state in self._published() if not state.caught_up]
        return (False, "; ".join(behind)) if behind else (True, "caught up")


def _check(state: Published, now: float) -> dict[str, Any]:
    status = "pass" if state.reason == "following" else "fail" if state.caught_up else "pending"
    return {
        "status": status,
        "details": {
            "reason": state.reason,
            "sources": {source: "readable" if trouble is None else trouble.value for source, trouble in state.troubles},
            "age_seconds": {source: round(max(0.0, now - at), 3) for source, at in state.newest},
        },
    }


def _cell(value: float) -> GaugeCell:
    cell = GaugeCell()
    cell.value = value
    return cell
