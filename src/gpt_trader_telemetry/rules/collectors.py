"""Whether the Collectors that bots send to are there, and hand on what they take.

What a Collector tells of itself is known by the service name that ``collector/*.yaml`` give it: another Collector of
the same Prometheus, and of another purpose, is none of ours.
"""

from typing import Final

from gpt_trader_telemetry.rules.liveness import DAY, DOWN_FOR, HALF_DAY, PUSHED, QUARTER, RESTARTS
from gpt_trader_telemetry.rules.promql import WHO, Alert, Record, Rule, query, scraped
from gpt_trader_telemetry.rules.site import Site

__all__ = ["COLLECTOR_JOBS", "QUEUE_FULL", "collector_rules"]

COLLECTOR_JOBS: Final = ("gpt-trader-collector", "gpt-trader-gateway")
"""The service names in ``agent.yaml`` and ``gateway.yaml``, and the jobs under which the examples scrape them."""
FAILING_FOR: Final = 300.0
"""Longer than a backend takes to be started anew: what is refused meanwhile comes again."""
QUEUE_FULL: Final = 0.5
"""An agent's queue holds days; half of it gone leaves hours."""

_UP: Final = "gpt_trader:collector:up"
_WINDOW: Final = 300.0
_NAMES: Final = "|".join(COLLECTOR_JOBS)


def collector_rules(site: Site) -> list[Rule]:
    """Return the rules for Collectors; without one there is nothing that they could fire for."""
    return [
        *_down(site), _restarting(site), _send_failing(site), _queue_stuck(site), _queue_filling(), _refusing(site),
    ]  # fmt: skip


def _down(site: Site) -> list[Rule]:
    told = f'target_info{{service_name=~"{_NAMES}"}}[{site.span(DAY)}]'
    return [
        Record(name=_UP, expr=scraped(f'job=~"{_NAMES}"', told)),
        Alert(
            name="CollectorDown",
            expr=f"{_UP} == 0",
            severity="warning",
            hold=DOWN_FOR,
            summary="A Collector has not answered for 2 minutes",
            description=f"{WHO}: the scrapes fail (up is {{{{ $value }}}}). Bots send to others, where there are any.",
            runbook="collector-down",
        ),
        # Nobody knows which Collector a bot sends to: where one still answers, a bot that has none is missed itself.
        Alert(
            name="CollectorDown",
            expr=query(f"""
                {_UP}
                  unless on ()
                {_UP} == 1
                  and on ()
                last_over_time({PUSHED}[{site.span(HALF_DAY)}])
            """),
            severity="critical",
            hold=DOWN_FOR,
            summary="No Collector has answered for 2 minutes, and there are bots that nothing else tells of",
            description=(
                f"{WHO}: the scrapes fail (up is {{{{ $value }}}}), as do those of every other Collector. Nobody sees "
                "the bots that send; whether they trade is not known."
            ),
            runbook="collector-down",
        ),
    ]


def _restarting(site: Site) -> Rule:
    return Alert(
        name="CollectorRestarting",
        expr=query(f"""
            count by (job, instance) (last_over_time(target_info{{service_name=~"{_NAMES}"}}[{site.span(QUARTER)}])) - 1
              > {RESTARTS}
        """),
        severity="warning",
        summary=f"A Collector was started anew more than {RESTARTS} times in 15 minutes",
        description=f"{WHO}: {{{{ $value | humanize }}}} restarts in 15 minutes.",
        runbook="collector-restarting",
    )


def _send_failing(site: Site) -> Rule:
    return Alert(
        name="CollectorSendFailing",
        expr=f"increase(otelcol_exporter_send_failed_metric_points[{site.span(_WINDOW)}]) > 0",
        severity="warning",
        hold=FAILING_FOR,
        summary="A Collector has failed for 5 minutes to hand on what it took",
        description=(
            f"{WHO}: {{{{ $labels.exporter }}}} failed to hand on {{{{ $value | humanize }}}} points in 5 minutes."
        ),
        runbook="collector-not-delivering",
    )


def _refusing(site: Site) -> Rule:
    window = site.span(_WINDOW)
    return Alert(
        name="CollectorRefusing",
        expr=query(f"""
            sum by (job, instance) (
              increase(otelcol_receiver_refused_metric_points[{window}])
                or
              label_replace(increase(otelcol_receiver_failed_metric_points[{window}]), "failed", "true", "", "")
            )
              > 0
        """),
        severity="warning",
        hold=FAILING_FOR,
        summary="A Collector has refused for 5 minutes what it was sent",
        description=f"{WHO}: {{{{ $value | humanize }}}} points were refused in 5 minutes.",
        runbook="collector-refusing",
    )


def _queue_stuck(site: Site) -> Rule:
    # An agent tries for ever: what it cannot hand on is no failure, but waits.
    return Alert(
        name="CollectorQueueStuck",
        expr=query(f"""
            otelcol_exporter_queue_size > 0
              unless on (job, instance, exporter)
            increase(otelcol_exporter_sent_metric_points[{site.span(_WINDOW)}]) > 0
        """),
        severity="warning",
        hold=FAILING_FOR,
        summary="A Collector has handed on nothing for 5 minutes of what waits in its queue",
        description=f"{WHO}: {{{{ $value | humanize1024 }}}}B wait in the queue of {{{{ $labels.exporter }}}}.",
        runbook="collector-not-delivering",
    )


def _queue_filling() -> Rule:
    return Alert(
        name="CollectorQueueFilling",
        expr=f"otelcol_exporter_queue_size / (otelcol_exporter_queue_capacity > 0) > {QUEUE_FULL:g}",
        severity="warning",
        hold=60,
        summary="More than half of a Collector's sending queue is full",
        description=(
            f"{WHO}: the queue of {{{{ $labels.exporter }}}} is {{{{ $value | humanizePercentage }}}} full. What comes "
            "when it is full is refused."
        ),
        runbook="collector-not-delivering",
    )
