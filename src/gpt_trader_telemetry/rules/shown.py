"""What several dashboards show: expressions, limits and the words for states."""

from dataclasses import replace
from typing import Final

from gpt_trader_telemetry import catalog
from gpt_trader_telemetry.rules.panels import Panel, Row
from gpt_trader_telemetry.rules.promql import number
from gpt_trader_telemetry.rules.promql_series import CHOSEN, bot, either, prefixed, share
from gpt_trader_telemetry.rules.site import Site
from gpt_trader_telemetry.thresholds import Limits

__all__ = [
    "AGE", "BREAKER", "ERROR_RATIO", "HEARTBEAT_LIMITS", "HEARTBEAT_OLD", "SIGNAL_STATES", "WORST_SIGNAL", "age_of",
    "breaker_of", "counted_once", "error_ratio", "grown", "in_seconds", "per_minute", "placed_at", "worst_signal",
]  # fmt: skip

HEARTBEAT_OLD: Final = "${heartbeat_old}"
"""Stands in an expression for the seconds from which a bot is silent, until it is known where it is evaluated."""
HEARTBEAT_LIMITS: Final = Limits(Site().heartbeat_old / 2, Site().heartbeat_old)
"""A bot that ships over OTLP is heard of once in an interval: one export may be late, two may not."""

SIGNAL_STATES: Final = {
    "-1": ("UNKNOWN", "text"), "0": ("OK", "green"), "1": ("WARN", "yellow"), "2": ("CRIT", "red"),
}  # fmt: skip


def placed_at(row: Row, site: Site) -> Row:
    """Return a row with how old a heartbeat may be at a site."""
    return replace(row, panels=[_placed_at(panel, site) for panel in row.panels])


def _placed_at(panel: Panel, site: Site) -> Panel:
    def limits(of: Limits | None) -> Limits | None:
        return Limits(site.heartbeat_old / 2, site.heartbeat_old) if of is HEARTBEAT_LIMITS else of

    old = number(site.heartbeat_old)
    return replace(
        panel,
        limits=limits(panel.limits),
        columns=[replace(column, limits=limits(column.limits)) for column in panel.columns],
        queries=[replace(query, expression=query.expression.replace(HEARTBEAT_OLD, old)) for query in panel.queries],
    )


def age_of(chosen: str, within: str = "") -> str:
    """Return how long ago bots, or exporters' sources, last told of themselves: the living, or ``within`` a time."""
    told = [either(catalog.TELEMETRY_HEARTBEAT, chosen), prefixed("metrics_timestamp_seconds", chosen)]
    if within:
        told = [f"last_over_time({selector}[{within}])" for selector in told]
    return f"time() - ({' or '.join(told)})"


def counted_once(told: str, chosen: str = CHOSEN) -> str:
    """Return what bots tell without what would count one bot twice.

    A bot that ships over OTLP is another instance after a restart, and the Collector hands on the ended one's last
    values for minutes: an instance whose own heartbeat is old is left out. So is what a bot ships that is scraped as
    well: its ``instance`` is the ``service_instance_id`` that the scrape tells of.
    """
    ended = f"time() - {bot(catalog.TELEMETRY_HEARTBEAT, chosen=chosen)} > {HEARTBEAT_OLD}"
    scraped = f"group by (service_instance_id) (target_info{{{chosen}}} and on (job, instance) up)"
    shipped_too = f'label_join({scraped}, "instance", "", "service_instance_id")'
    return f"({told}) unless on (job, instance) ({ended}) unless on (instance) {shipped_too}"


def worst_signal(chosen: str) -> str:
    """Return the worst signal of each bot."""
    return f"max by (job, instance) ({bot(catalog.SIGNAL_STATUS, chosen=chosen)})"


def breaker_of(chosen: str) -> str:
    """Return the breakers' states; the exporter knows but triggered or not."""
    triggered = f"2 * max by (job, instance) ({prefixed('circuit_breaker_triggered', chosen)})"
    return f"max by (job, instance, category) ({either(catalog.CIRCUIT_BREAKER_STATE, chosen)}) or {triggered}"


def error_ratio(chosen: str, *by: str) -> str:
    """Return the share of orders that were rejected or failed."""
    grouped = f"sum by ({', '.join(by)})" if by else "sum"
    bad = bot(catalog.ORDER_SUBMISSION, 'result=~"failed|rejected"', chosen=chosen)
    every = bot(catalog.ORDER_SUBMISSION, chosen=chosen)
    return share(f"{grouped} (rate({bad}[$__rate_interval]))", f"{grouped} (rate({every}[$__rate_interval]))")


def per_minute(selector: str, *by: str) -> str:
    """Return how fast a counter grows."""
    grouped = f"sum by ({', '.join(by)})" if by else "sum"
    return f"60 * {grouped} (rate({selector}[$__rate_interval]))"


def grown(selector: str, *by: str, span: str = "$__rate_interval") -> str:
    """Return by how much a counter grew."""
    grouped = f"sum by ({', '.join(by)})" if by else "sum"
    return f"{grouped} (increase({selector}[{span}]))"


def in_seconds(limits: Limits) -> Limits:
    """Return limits that are in milliseconds in seconds."""
    return Limits(limits.warn / 1000, limits.crit / 1000)


AGE: Final = age_of(CHOSEN)
WORST_SIGNAL: Final = worst_signal(CHOSEN)
BREAKER: Final = breaker_of(CHOSEN)
ERROR_RATIO: Final = error_ratio(CHOSEN)
