"""The words that rules are made of: durations, numbers, and rules as Prometheus loads them."""

from dataclasses import dataclass, field
from textwrap import dedent
from typing import Any, Final, Literal

from gpt_trader_telemetry.catalog import Metric

__all__ = [
    "WHO", "Alert", "Pace", "Record", "Rule", "lasting", "minutes", "never_away", "number", "own_labels", "query",
    "scraped",
]  # fmt: skip

Severity = Literal["warning", "critical"]

_MINUTE: Final = 60.0
_UNITS: Final = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))

WHO: Final = "{{ $labels.instance }} of {{ $labels.job }}"
"""How a description names a target."""

OVERFLOW_LABEL: Final = "otel_metric_overflow"
"""What OpenTelemetry puts on the one series that takes what comes after a metric's cap."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How many times faster than the wall's the clock of the rules goes: 1, but where hours are played in minutes.

    >>> Pace().span(300), Pace(30).span(300), Pace(30).seconds(10)
    ('5m', '10s', '0.3333333333333333')
    """

    factor: float = 1.0

    def span(self, seconds: float) -> str:
        """Return a duration as PromQL spells it, to the millisecond."""
        return span(seconds / self.factor)

    def seconds(self, seconds: float) -> str:
        """Return a number of seconds."""
        return number(seconds / self.factor)


def span(seconds: float) -> str:
    """Return a duration as PromQL spells it; nothing is ``0m``.

    >>> span(90), span(0), span(0.25)
    ('1m30s', '0m', '250ms')
    """
    left = round(seconds * 1000)
    text = ""
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        text += f"{count}{unit}" if count else ""
    return text or "0m"


def number(value: float) -> str:
    """Spell a number exactly, without a point that says nothing.

    >>> number(3.0), number(0.05), number(1234567.0)
    ('3', '0.05', '1234567')
    """
    return f"{value:.0f}" if value == round(value) else repr(float(value))


def minutes(seconds: float) -> str:
    """Say a window's length.

    >>> minutes(300), minutes(60), minutes(10)
    ('5 minutes', 'minute', '10 seconds')
    """
    if seconds == 60:  # noqa: PLR2004 - a minute
        return "minute"
    return f"{number(seconds / 60)} minutes" if seconds > 60 else f"{number(seconds)} seconds"  # noqa: PLR2004


def own_labels(metric: Metric, *, keep: tuple[str, ...] = ()) -> str:
    """Return the labels that a metric itself has, for ``without``: what is left tells targets apart.

    >>> from gpt_trader_telemetry.catalog import GUARD_CHECKS
    >>> own_labels(GUARD_CHECKS, keep=("guard",))
    'result, otel_metric_overflow'
    """
    return ", ".join([*(name for name in metric.label_names if name not in keep), OVERFLOW_LABEL])


def query(text: str) -> str:
    """Return an expression that was written over several lines, without the indentation of the code around it."""
    return dedent(text).strip()


def scraped(jobs: str, told: str) -> str:
    """Return the ``up`` of targets by their job, or by what they told within a range: who is down tells nothing.

    >>> print(scraped('job="bot"', "heartbeat[1d]"))
    up
      and on (job, instance)
    (
      up{job="bot"}
        or
      last_over_time(heartbeat[1d])
    )
    """
    return query(f"""
        up
          and on (job, instance)
        (
          up{{{jobs}}}
            or
          last_over_time({told})
        )
    """)


def lasting(series: str, seconds: float, *, watched: float, pace: Pace) -> str:
    """Return a recorded count where it has been above nothing for a time: the least that it was.

    As ``for`` would, but a count that changes is believed all the while, where it is a label of the alert. What
    Prometheus does not know yet after it was away itself is not believed: see `never_away`.

    >>> lasting("missing", 120, watched=60, pace=Pace())
    'min_over_time(missing[2m]) > 0 and count_over_time(last_over_time(missing[1m])[1m:1m]) >= 1'
    """
    return f"min_over_time({series}[{pace.span(seconds)}]) > 0 and {never_away(series, watched, pace)}"


def never_away(series: str, seconds: float, pace: Pace) -> str:
    """Return a recorded series where it was recorded in each minute of a time: rules were evaluated all the while.

    >>> never_away("missing", 240, Pace())
    'count_over_time(last_over_time(missing[1m])[4m:1m]) >= 4'
    """
    minute = pace.span(_MINUTE)
    each = f"last_over_time({series}[{minute}])"
    return f"count_over_time({each}[{pace.span(seconds)}:{minute}]) >= {seconds // _MINUTE:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A recording rule."""

    name: str
    expr: str

    def as_rule(self, pace: Pace, runbooks: str) -> dict[str, Any]:
        """Return the rule as Prometheus loads it."""
        del pace, runbooks
        return {"record": self.name, "expr": self.expr}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alerting rule; critical ones page, the others make tickets."""

    name: str
    expr: str
    severity: Severity
    hold: float = 0.0
    """Seconds for which the expression must have had a result."""
    summary: str
    """When it fires: the same for every series."""
    description: str
    """What is so now: a template that holds the value."""
    runbook: str
    """An anchor in docs/runbooks.md."""
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def pages(self) -> bool:
        """Whether somebody is woken."""
        return self.severity == "critical"

    def as_rule(self, pace: Pace, runbooks: str) -> dict[str, Any]:
        """Return the rule as Prometheus loads it; ``runbooks`` is where docs/runbooks.md is read."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": pace.span(self.hold),
            "labels": {"severity": self.severity, **({"page": "true"} if self.pages else {}), **self.labels},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{runbooks}#{self.runbook}",
            },
        }


Rule = Record | Alert
