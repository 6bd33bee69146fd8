"""Whether a bot is there, tells of itself, stays up and trades: rules that no signal covers."""

from typing import Final

from gpt_trader_telemetry.catalog import CYCLE_DURATION, TELEMETRY_HEARTBEAT
from gpt_trader_telemetry.rules.promql import (
    WHO,
    Alert,
    Record,
    Rule,
    lasting,
    minutes,
    never_away,
    number,
    own_labels,
    query,
    scraped,
)
from gpt_trader_telemetry.rules.site import MISSED_FOR, Site

__all__ = [
    "BOT_SCRAPED", "DAY", "DOWN_FOR", "EXPORTER_JOB", "HALF_DAY", "PUSHED", "QUARTER", "RESTARTS",
    "liveness_rules",
]  # fmt: skip

EXPORTER_JOB: Final = "gpt-trader-exporter"
"""The job of the out-of-process exporter."""

DOWN_FOR: Final = 120.0
"""As long as the playbook's MetricsEndpointDown: a restart is quicker."""
RESTARTS: Final = 3
"""In a quarter of an hour: windows begin anew with each, and never hold enough to judge."""
NO_CYCLE_FOR: Final = 600.0
USUAL_CYCLES: Final = 3
"""Cycles that a bot makes in that time as a rule; one that makes fewer is not judged by it."""
JUDGED_AFTER: Final = 1800.0
"""A bot's first half hour does not say yet what is usual: it may have begun with what had piled up."""

DAY: Final = 86_400.0
HALF_DAY: Final = 43_200.0
"""As long as something that was there is missed: a night. Then it is taken to have been taken out."""
QUARTER: Final = 900.0
_HOUR: Final = 3600.0
_TEN_MINUTES: Final = 600.0

PUSHED: Final = "gpt_trader:pushed_heartbeat:timestamp_seconds"
BOT_SCRAPED: Final = "gpt_trader:bot_scraped:up"
_MISSING: Final = "gpt_trader:bots_missing:count"
_REPORTING: Final = "gpt_trader:bots_reporting:count"
_SETTLED: Final = "gpt_trader:bots_settled:count"
_CYCLES: Final = "gpt_trader:cycles:increase10m"
_USUAL_CYCLES: Final = "gpt_trader:cycles:usual1h"


def liveness_rules(site: Site) -> list[Rule]:
    """Return the rules for a bot that is gone, silent or idle."""
    return [*_bot_down(site), *_bot_not_reporting(site), *_bot_restarting(site), *_bot_not_trading(site)]


def _bot_down(site: Site) -> list[Rule]:
    day = site.span(DAY)
    return [
        # The exporter has a heartbeat, too, and an alert of its own.
        Record(
            name=BOT_SCRAPED,
            expr=(
                scraped(site.of_bots, f'{TELEMETRY_HEARTBEAT.name}{{job!="{EXPORTER_JOB}"}}[{day}]')
                + f"\n  unless on (job, instance)\nlast_over_time({site.exported_at}[{day}])"
            ),
        ),
        Alert(
            name="BotDown",
            expr=f"{BOT_SCRAPED} == 0",
            severity="critical",
            hold=DOWN_FOR,
            summary="A bot that is scraped has not answered for 2 minutes",
            description=f"{WHO}: the scrapes fail (up is {{{{ $value }}}}). It has ended, hangs, or is cut off.",
            runbook="bot-down",
        ),
    ]


def _bot_not_reporting(site: Site) -> list[Rule]:
    day, half_day = site.span(DAY), site.span(HALF_DAY)
    fresh = f"time() - last_over_time({PUSHED}[{site.span(_TEN_MINUTES)}]) <= {site.seconds(site.heartbeat_old)}"
    return [
        # Where a target is scraped itself, `up` tells of it; here are those whose series somebody else hands on. What a
        # bot on both roads sends is known by the instance id that its own target exposes.
        Record(
            name=PUSHED,
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
                  {PUSHED} offset {site.span(site.settled)}
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
        Record(name=_MISSING, expr=f"max_over_time({_SETTLED}[{half_day}]) - {_REPORTING}"),
        # A restarted bot is another instance, so bots are counted, not named. How many are missing is a label: a
        # silence for one that was taken out on purpose does not match when another ends.
        Alert(
            name="BotNotReporting",
            expr=lasting(_MISSING, MISSED_FOR, watched=site.heard, pace=site.pace),
            severity="critical",
            summary="Fewer bots send their metrics over OTLP than did within the last 12 hours",
            description=(
                "{{ $labels.job }}: {{ $value | humanize }} of its bots sent nothing for "
                f"{minutes(site.heard)}. They have ended, or the Collector has."
            ),
            runbook="bot-not-reporting",
            labels={"missing": "{{ $value }}"},
        ),
    ]


def _bot_restarting(site: Site) -> list[Rule]:
    old = site.heartbeat_old
    quarter, window = site.span(QUARTER), site.span(QUARTER + old)
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
                    (last_over_time({PUSHED}[{window}]) < time() - {site.seconds(old)})
                      > time() - {site.seconds(QUARTER + old)}
                      unless on (job, instance)
                    last_over_time({PUSHED}[{site.span(_HOUR)}] offset {window})
                  )
                    and on (job)
                  {never_away(_REPORTING, site.heard, site.pace)}
                )
                  > {RESTARTS}
            """),
            severity="critical",
            summary=f"A bot was started anew more than {RESTARTS} times in 15 minutes",
            description="{{ $labels.job }} {{ $labels.instance }}: {{ $value | humanize }} restarts in 15 minutes.",
            runbook="bot-restarting",
        ),
    ]


def _bot_not_trading(site: Site) -> list[Rule]:
    ten, half_day, alive = site.span(NO_CYCLE_FOR), site.span(HALF_DAY), TELEMETRY_HEARTBEAT.name
    seen = site.span(NO_CYCLE_FOR / 2)
    return [
        # A bot without cycles has none; an exporter is no bot.
        Record(
            name=_CYCLES,
            expr=query(f"""
                sum without ({own_labels(CYCLE_DURATION)}) (increase({CYCLE_DURATION.name}_count[{ten}]))
                  or
                0 * {alive}
                  unless on (job, instance)
                last_over_time({site.exported_at}[{site.span(DAY)}])
            """),
        ),
        Record(
            name=_USUAL_CYCLES,
            expr=query(f"""
                quantile_over_time(0.5, {_CYCLES}[{site.span(_HOUR)}])
                  and on (job, instance)
                {alive} offset {site.span(JUDGED_AFTER)}
            """),
        ),
        # A bot that was started anew elsewhere is another instance: until it is known itself, what its job does is
        # usual. One that has made a cycle or two in ten minutes shows itself to be a slow one. Where Prometheus was
        # away, the bot must have been seen for half of the time: what little came since may hold no cycle.
        Alert(
            name="BotNotTrading",
            expr=query(f"""
                time() - {alive} <= {site.seconds(site.heartbeat_old)}
                  and on (job, instance)
                {alive} offset {ten}
                  and on (job, instance)
                last_over_time({alive}[{seen}] offset {seen})
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
                f"{WHO}: no cycle for {number(NO_CYCLE_FOR / 60)} minutes, where it usually makes "
                f"{USUAL_CYCLES} or more; it was alive {{{{ $value | humanizeDuration }}}} ago."
            ),
            runbook="bot-not-trading",
        ),
    ]
