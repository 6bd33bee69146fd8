"""Whether the market is heard as it should be, and whether the telemetry itself loses data."""

from typing import Final

from gpt_trader_telemetry.catalog import (
    DATA_QUALITY_SCORE,
    STALE_MARKS,
    TELEMETRY_ERRORS,
    TELEMETRY_EXPORT_FAILURES,
    WEBSOCKET_RECONNECTS,
)
from gpt_trader_telemetry.health.data_quality import MINIMUM_SCORE
from gpt_trader_telemetry.rules.promql import WHO, Alert, Rule, minutes, number, query
from gpt_trader_telemetry.rules.site import Site

__all__ = ["feed_rules", "telemetry_rules"]

RECONNECTS: Final = 5
"""In ten minutes: a feed that is renewed once a minute is no feed."""
STALE_MARKS_SEEN: Final = 3
EXPORT_FAILURES: Final = 3
"""Of about ten exports: one that fails is made up for by the next."""

_EXPORTS: Final = 10
_TEN_MINUTES: Final = 600.0
_FIVE_MINUTES: Final = 300.0


def feed_rules(site: Site) -> list[Rule]:
    """Return the rules for market data that comes, but not as it should."""
    return [
        Alert(
            name="WebSocketReconnectLoop",
            expr=f"floor(increase({WEBSOCKET_RECONNECTS.name}[{site.span(_TEN_MINUTES)}])) > {RECONNECTS}",
            severity="critical",
            summary=f"The WebSocket was connected anew more than {RECONNECTS} times in 10 minutes",
            description=f"{WHO}: {{{{ $value | humanize }}}} reconnects in 10 minutes.",
            runbook="websocket-reconnect-loop",
        ),
        Alert(
            name="StaleMarks",
            expr=f"floor(increase({STALE_MARKS.name}[{site.span(_FIVE_MINUTES)}])) > {STALE_MARKS_SEEN}",
            severity="warning",
            summary=f"More than {STALE_MARKS_SEEN} marks were stale in 5 minutes when they were needed",
            description=f"{WHO}: {{{{ $value | humanize }}}} stale marks in 5 minutes.",
            runbook="stale-marks",
        ),
        Alert(
            name="DataQualityLow",
            expr=f"{DATA_QUALITY_SCORE.name} < {number(MINIMUM_SCORE)}",
            severity="warning",
            hold=60,
            summary=f"The quality of the candles that were loaded is below {number(MINIMUM_SCORE)}",
            description=f"{WHO}: {{{{ $labels.symbol }}}} {{{{ $labels.interval }}}} has a score of {{{{ $value }}}}.",
            runbook="data-quality-low",
        ),
    ]


def telemetry_rules(site: Site) -> list[Rule]:
    """Return the rules for telemetry that loses data."""
    ten, exports = site.span(_TEN_MINUTES), _EXPORTS * max(site.export_interval, 60.0)
    return [
        Alert(
            name="TelemetryExportFailing",
            expr=f"floor(increase({TELEMETRY_EXPORT_FAILURES.name}[{site.span(exports)}])) > {EXPORT_FAILURES}",
            severity="warning",
            summary=f"More than {EXPORT_FAILURES} exports were not delivered in {minutes(exports)}",
            description=(
                f"{WHO}: {{{{ $value | humanize }}}} exports over {{{{ $labels.road }}}} failed in {minutes(exports)}."
            ),
            runbook="telemetry-export-failing",
        ),
        # A failed export is an error of the pipeline, too, and has an alert of its own: it is made up for by the next.
        Alert(
            name="TelemetryErrors",
            expr=query(f"""
                round(
                  increase({TELEMETRY_ERRORS.name}{{component="pipeline"}}[{ten}])
                    - on (job, instance) group_left ()
                  sum by (job, instance) (increase({TELEMETRY_EXPORT_FAILURES.name}[{ten}]))
                    or
                  increase({TELEMETRY_ERRORS.name}[{ten}])
                )
                  > 0
            """),
            severity="warning",
            summary="The telemetry had errors inside, and may have lost what it was to record",
            description=f"{WHO}: {{{{ $value | humanize }}}} errors in {{{{ $labels.component }}}} in 10 minutes.",
            runbook="telemetry-errors",
        ),
    ]
