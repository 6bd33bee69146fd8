"""Whether the out-of-process exporter answers and has something new to say, and whether a target has vanished."""

from typing import Final

from gpt_trader_telemetry.rules.liveness import BOT_SCRAPED, DAY, DOWN_FOR, EXPORTER_JOB, HALF_DAY
from gpt_trader_telemetry.rules.promql import WHO, Alert, Record, Rule, lasting, number, query, scraped
from gpt_trader_telemetry.rules.site import Site

__all__ = ["exporter_rules", "vanished_rules"]

DATA_OLD: Final = 300.0

_SCRAPED: Final = "gpt_trader:exporter_scraped:up"
_WATCHED: Final = "gpt_trader:watched:up"
_MISSING: Final = "gpt_trader:targets_missing:count"
_SETTLED: Final = "gpt_trader:targets_settled:count"


def exporter_rules(site: Site) -> list[Rule]:
    """Return the rules for an exporter that does not answer, or has nothing new to say."""
    old = f"time() - {site.exported_at} > {site.seconds(DATA_OLD)}"
    return [
        Record(name=_SCRAPED, expr=scraped(f'job="{EXPORTER_JOB}"', f"{site.exported_at}[{site.span(DAY)}]")),
        Alert(
            name="ExporterDown",
            expr=f"{_SCRAPED} == 0",
            severity="critical",
            hold=DOWN_FOR,
            summary="The out-of-process exporter has not answered for 2 minutes",
            description=f"{WHO}: the scrapes fail (up is {{{{ $value }}}}).",
            runbook="exporter-not-reporting",
        ),
        # A bot that is down writes nothing, and BotDown has told of it. Which bot an exporter reads nobody knows but by
        # the host: no more of what is old is explained there than there are bots down, or one would hide another.
        Alert(
            name="ExporterDataOld",
            expr=query(f"""
                {_by_host(old)}
                  unless on (host)
                (
                  count by (host) ({_by_host(f"max_over_time({BOT_SCRAPED}[{site.span(DOWN_FOR)}]) == 0")})
                    >=
                  count by (host) ({_by_host(old)})
                )
            """),
            severity="critical",
            hold=60,
            summary=f"The exporter answers, but the bot wrote nothing for {number(DATA_OLD / 60)} minutes",
            description=f"{WHO}: what the bot wrote last is {{{{ $value | humanizeDuration }}}} old.",
            runbook="exporter-not-reporting",
        ),
    ]


def vanished_rules(site: Site) -> list[Rule]:
    """Return the rules for a target that is no more, as a pod's: it has no ``up`` that could be 0."""
    half_day = site.span(HALF_DAY)
    return [
        Record(name=_WATCHED, expr=f"{BOT_SCRAPED} or {_SCRAPED}"),
        Record(
            name=_SETTLED,
            expr=f"count by (job) ({_WATCHED} == 1 and on (job, instance) {_WATCHED} offset {site.span(site.settled)})",
        ),
        Record(
            name=_MISSING,
            expr=query(f"""
                max_over_time({_SETTLED}[{half_day}])
                  - on (job)
                (count by (job) ({_WATCHED}) or 0 * max_over_time({_SETTLED}[{half_day}]))
            """),
        ),
        # Targets are counted, as another address may follow; how many are missing is a label, as for BotNotReporting.
        Alert(
            name="TargetGone",
            expr=lasting(_MISSING, DOWN_FOR, watched=site.heard, pace=site.pace),
            severity="critical",
            summary="Prometheus knows fewer bots or exporters to scrape than within the last 12 hours",
            description=(
                "{{ $labels.job }}: {{ $value | humanize }} fewer of its targets are known to Prometheus than within "
                "the last 12 hours, and that for 2 minutes."
            ),
            runbook="target-gone",
            labels={"missing": "{{ $value }}"},
        ),
    ]


def _by_host(expression: str) -> str:
    return f'label_replace({expression}, "host", "$1", "instance", "(.+?)(:[0-9]+)?")'
