"""Whether the bot is there, trades, hears the market, and tells of itself: rules that no signal covers."""

from typing import Final

from gpt_trader_telemetry.catalog import (
    CYCLE_DURATION,
    DATA_QUALITY_SCORE,
    STALE_MARKS,
    TELEMETRY_ERRORS,
    TELEMETRY_EXPORT_FAILURES,
    TELEMETRY_HEARTBEAT,
    WEBSOCKET_RECONNECTS,
)
from gpt_trader_telemetry.health.data_quality import MINIMUM_SCORE
from gpt_trader_telemetry.rules.promql import HEARTBEAT_OLD, Alert, Pace, Record, Rule, number, own_labels, query
from gpt_trader_telemetry.settings import Settings

__all__ = ["EXPORTER_JOB", "JOB", "feed_rules", "liveness_rules", "telemetry_rules"]

JOB: Final = Settings().service_name
"""Prometheus' job of a bot that is scraped, and the service name of one that sends."""

EXPORTER_JOB: Final = "gpt-trader-exporter"
"""The job of the out-of-process exporter."""

DOWN_FOR: Final = 120.0
"""As long as the playbook's MetricsEndpointDown: a restart is quicker."""
SETTLED: Final = 480.0
"""A bot that sends is missed only once it has for some minutes: one that takes another's place is there beside it."""
RESTARTS: Final = 3
"""In a quarter of an hour: windows begin anew with each, and never hold enough to judge."""
NO_CYCLE_FOR: Final = 600.0
USUAL_CYCLES: Final = 3
"""Cycles that a bot makes in that time as a rule; one that makes fewer is not judged by it."""
JUDGED_AFTER: Final = 1800.0
"""A bot's first half hour does not say yet what is usual: it may have begun with what had piled up."""
EXPORTER_DATA_OLD: Final = 300.0
RECONNECTS: Final = 5
"""In ten minutes: a feed that is renewed once a minute is no feed."""
STALE_MARKS_SEEN: Final = 3
EXPORT_FAILURES: Final = 3
"""In ten minutes, of about ten exports: one that fails is made up for by the next."""

_DAY: Final = 86_400.0
_HALF_DAY: Final = 43_200.0
"""As long as something that was there is missed: a night. Then it is taken to have been taken out."""
_HOUR: Final = 3600.0
_QUARTER: Final = 900.0
_TEN_MINUTES: Final = 600.0
_FIVE_MINUTES: Final = 300.0

_EXPORTED_AT: Final = '{__name__=~"(coinbase|gpt)_trader_metrics_timestamp_seconds"}'
_PUSHED: Final = "gpt_trader:pushed_heartbeat:timestamp_seconds"
_SCRAPED: Final = "gpt_trader:bot_scraped:up"
_SETTLED_UP: Final = "gpt_trader:bots_up:count"
_REPORTING: Final = "gpt_trader:bots_reporting:count"
_SETTLED: Final = "gpt_trader:bots_settled:count"
_CYCLES: Final = "gpt_trader:cycles:increase10m"
_USUAL_CYCLES: Final = "gpt_trader:cycles:usual1h"
_WHO: Final = "{{ $labels.instance }} of {{ $labels.job }}"


def liveness_rules(pace: Pace) -> list[Rule]:
    """Return the rules for a bot or exporter that is gone, silent or idle."""
    return [
        *_bot_down(pace),
        *_bot_not_reporting(pace),
        *_bot_restarting(pace),
        *_bot_not_trading(pace),
        *_exporter(pace),
    ]


def _bot_down(pace: Pace) -> list[Rule]:
    day, half_day = pace.span(_DAY), pace.span(_HALF_DAY)
    return [
        # The exporter has a heartbeat, too, and an alert of its own.
        Record(
            name=_SCRAPED,
            expr=query(f"""
                up
                  and on (job, instance)
                (
                  up{{job="{JOB}"}}
                    or
                  last_over_time({TELEMETRY_HEARTBEAT.name}{{job!="{EXPORTER_JOB}"}}[{day}])
                    unless on (job, instance)
                  last_over_time({_EXPORTED_AT}[{day}])
                )
            """),
        ),
        Record(
            name=_SETTLED_UP,
            expr=f"count by (job) ({_SCRAPED} == 1 and on (job, instance) {_SCRAPED} offset {pace.span(SETTLED)})",
        ),
        # A target that is no more, as a pod's, has no `up` either: targets are counted, as another address may follow.
        Alert(
            name="BotDown",
            expr=query(f"""
                {_SCRAPED} == 0
                  or
                max_over_time({_SETTLED_UP}[{half_day}])
                  - on (job)
                (count by (job) ({_SCRAPED}) or 0 * max_over_time({_SETTLED_UP}[{half_day}]))
                  > 0
            """),
            severity="critical",
            hold=DOWN_FOR,
            summary="A bot that is scraped has not answered for 2 minutes",
            description=(
                f"{{{{ if $labels.instance }}}}{_WHO}: the scrapes fail (up is {{{{ $value }}}}). What answers "
                "there, the bot or its Collector, has ended, hangs, or is cut off.{{ else }}{{ $labels.job }}: "
                "{{ $value }} fewer of its targets are known to Prometheus than within the last 12 hours.{{ end }}"
            ),
            runbook="bot-down",
        ),
    ]


def _bot_not_reporting(pace: Pace) -> list[Rule]:
    day, half_day, old = pace.span(_DAY), pace.span(_HALF_DAY), pace.seconds(HEARTBEAT_OLD)
    fresh = f"time() - last_over_time({_PUSHED}[{pace.span(_TEN_MINUTES)}]) <= {old}"
    return [
        # Where a target is scraped itself, `up` tells of it; here are those whose series somebody else hands on. What a
        # bot on both roads sends is known by the instance id that its own target exposes.
        Record(
            name=_PUSHED,
            expr=query(f"""
                {TELEMETRY_HEARTBEAT.name}
                  unless on (job, instance)
                up
                  unless on (job, instance)
                label_replace(
                  group by (job, service_instance_id) (
                    last_over_time(target_info{{service_instance_id!=""}}[{day}]) and on (job, instance) up
                  ),
                  "instance", "$1", "service_instance_id", "(.+)"
                )
            """),
        ),
        # Who follows another at once is not counted twice: one is counted late, the other no longer than it is fresh.
        Record(
            name=_SETTLED,
            expr=query(f"""
                count by (job) (
                  {fresh}
                    and on (job, instance)
                  {_PUSHED} offset {pace.span(SETTLED)}
                )
            """),
        ),
        Record(
            name=_REPORTING,
            expr=query(f"""
                count by (job) ({fresh})
                  or
                0 * max_over_time({_SETTLED}[{half_day}])
            """),
        ),
        # A restarted bot is another instance, so bots are counted, not named.
        Alert(
            name="BotNotReporting",
            expr=f"max_over_time({_SETTLED}[{half_day}]) - {_REPORTING} > 0",
            severity="critical",
            hold=60,
            summary="Fewer bots send their metrics over OTLP than did within the last 12 hours",
            description=(
                "{{ $labels.job }}: {{ $value | humanize }} of its bots sent nothing for "
                f"{number(HEARTBEAT_OLD / 60)} minutes. They have ended, or the Collector has."
            ),
            runbook="bot-not-reporting",
        ),
    ]


def _bot_restarting(pace: Pace) -> list[Rule]:
    quarter, ended_within = pace.span(_QUARTER), _QUARTER + HEARTBEAT_OLD
    window = pace.span(ended_within)
    return [
        # Each start is a `service.instance.id` of its own. Where the bot is scraped that is a label of `target_info`.
        # Where it sends it is the instance itself: what counts are those that came and went in such a time, which
        # neither a bot that is added nor one that is replaced by another version does.
        Alert(
            name="BotRestarting",
            expr=query(f"""
                (
                  count by (job, instance) (last_over_time(target_info[{quarter}])) - 1
                    and on (job, instance)
                  last_over_time({TELEMETRY_HEARTBEAT.name}[{quarter}])
                    or
                  count by (job) (
                    (last_over_time({_PUSHED}[{window}]) < time() - {pace.seconds(HEARTBEAT_OLD)})
                      > time() - {pace.seconds(ended_within)}
                      unless on (job, instance)
                    last_over_time({_PUSHED}[{pace.span(_HOUR)}] offset {window})
                  )
                )
                  > {RESTARTS}
            """),
            severity="critical",
            summary=f"A bot was started anew more than {RESTARTS} times in 15 minutes",
            description="{{ $labels.job }} {{ $labels.instance }}: {{ $value | humanize }} restarts in 15 minutes.",
            runbook="bot-restarting",
        ),
    ]


def _bot_not_trading(pace: Pace) -> list[Rule]:
    ten, half_day, alive = pace.span(NO_CYCLE_FOR), pace.span(_HALF_DAY), TELEMETRY_HEARTBEAT.name
    return [
        Record(
            name=_CYCLES,
            expr=query(f"""
                sum without ({own_labels(CYCLE_DURATION)}) (increase({CYCLE_DURATION.name}_count[{ten}]))
                  or
                0 * {alive}
            """),
        ),
        Record(
            name=_USUAL_CYCLES,
            expr=query(f"""
                quantile_over_time(0.5, {_CYCLES}[{pace.span(_HOUR)}])
                  and on (job, instance)
                {alive} offset {pace.span(JUDGED_AFTER)}
            """),
        ),
        # A bot that was started anew elsewhere is another instance: until it is known itself, what its job does is
        # usual. One that has made a cycle or two in ten minutes shows itself to be a slow one.
        Alert(
            name="BotNotTrading",
            expr=query(f"""
                time() - {alive} <= {pace.seconds(HEARTBEAT_OLD)}
                  and on (job, instance)
                {alive} offset {ten}
                  and on (job, instance)
                {_CYCLES} == 0
                  and on (job, instance)
                (
                  max_over_time({_USUAL_CYCLES}[{half_day}]) >= {USUAL_CYCLES}
                    or
                  {alive}
                    and on (job)
                  (max by (job) (max_over_time({_USUAL_CYCLES}[{half_day}])) >= {USUAL_CYCLES})
                    unless on (job, instance)
                  {alive} offset {half_day}
                    unless on (job, instance)
                  (max_over_time({_CYCLES}[{half_day}]) > 0) < {USUAL_CYCLES}
                )
            """),
            severity="critical",
            hold=60,
            summary=f"A bot is up and has ended no trading cycle for {number(NO_CYCLE_FOR / 60)} minutes",
            description=(
                f"{_WHO}: no cycle for {number(NO_CYCLE_FOR / 60)} minutes, where it usually makes "
                f"{USUAL_CYCLES} or more; it was alive {{{{ $value | humanizeDuration }}}} ago."
            ),
            runbook="bot-not-trading",
        ),
    ]


def _exporter(pace: Pace) -> list[Rule]:
    return [
        Alert(
            name="ExporterDown",
            expr=query(f"""
                up == 0
                  and on (job, instance)
                (
                  up{{job="{EXPORTER_JOB}"}}
                    or
                  last_over_time({_EXPORTED_AT}[{pace.span(_DAY)}])
                )
            """),
            severity="critical",
            hold=DOWN_FOR,
            summary="The out-of-process exporter has not answered for 2 minutes",
            description=f"{_WHO}: the scrapes fail (up is {{{{ $value }}}}).",
            runbook="exporter-not-reporting",
        ),
        Alert(
            name="ExporterDataOld",
            expr=f"time() - {_EXPORTED_AT} > {pace.seconds(EXPORTER_DATA_OLD)}",
            severity="critical",
            hold=60,
            summary=f"The exporter answers, but the bot wrote nothing for {number(EXPORTER_DATA_OLD / 60)} minutes",
            description=f"{_WHO}: what the bot wrote last is {{{{ $value | humanizeDuration }}}} old.",
            runbook="exporter-not-reporting",
        ),
    ]


def feed_rules(pace: Pace) -> list[Rule]:
    """Return the rules for market data that comes, but not as it should."""
    return [
        Alert(
            name="WebSocketReconnectLoop",
            expr=f"floor(increase({WEBSOCKET_RECONNECTS.name}[{pace.span(_TEN_MINUTES)}])) > {RECONNECTS}",
            severity="critical",
            summary=f"The WebSocket was connected anew more than {RECONNECTS} times in 10 minutes",
            description=f"{_WHO}: {{{{ $value | humanize }}}} reconnects in 10 minutes.",
            runbook="websocket-reconnect-loop",
        ),
        Alert(
            name="StaleMarks",
            expr=f"floor(increase({STALE_MARKS.name}[{pace.span(_FIVE_MINUTES)}])) > {STALE_MARKS_SEEN}",
            severity="warning",
            summary=f"More than {STALE_MARKS_SEEN} marks were stale in 5 minutes when they were needed",
            description=f"{_WHO}: {{{{ $value | humanize }}}} stale marks in 5 minutes.",
            runbook="stale-marks",
        ),
        Alert(
            name="DataQualityLow",
            expr=f"{DATA_QUALITY_SCORE.name} < {number(MINIMUM_SCORE)}",
            severity="warning",
            hold=60,
            summary=f"The quality of the candles that were loaded is below {number(MINIMUM_SCORE)}",
            description=f"{_WHO}: {{{{ $labels.symbol }}}} {{{{ $labels.interval }}}} has a score of {{{{ $value }}}}.",
            runbook="data-quality-low",
        ),
    ]


def telemetry_rules(pace: Pace) -> list[Rule]:
    """Return the rules for telemetry that loses data."""
    ten = pace.span(_TEN_MINUTES)
    return [
        Alert(
            name="TelemetryExportFailing",
            expr=f"floor(increase({TELEMETRY_EXPORT_FAILURES.name}[{ten}])) > {EXPORT_FAILURES}",
            severity="warning",
            summary=f"More than {EXPORT_FAILURES} exports were not delivered in 10 minutes",
            description=f"{_WHO}: {{{{ $value | humanize }}}} exports over {{{{ $labels.road }}}} failed in 10 min.",
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
            description=f"{_WHO}: {{{{ $value | humanize }}}} errors in {{{{ $labels.component }}}} in 10 minutes.",
            runbook="telemetry-errors",
        ),
    ]
