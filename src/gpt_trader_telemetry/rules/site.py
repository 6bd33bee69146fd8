"""What differs from one place to another where the rules are evaluated: one object, which all of them are made from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from gpt_trader_telemetry.errors import ConfigurationError
from gpt_trader_telemetry.rules.promql import Pace
from gpt_trader_telemetry.settings import Settings
from gpt_trader_telemetry.thresholds import VARIABLES, Thresholds

__all__ = ["MISSED_FOR", "SITE_VARIABLES", "Site"]

MISSED_FOR: Final = 60.0
"""Beyond the age from which a heartbeat is old: an export that comes late makes it no bot less."""

_USUAL_INTERVAL: Final = Settings().export_interval
_USUAL_JOB: Final = Settings().service_name
_USUAL_PREFIXES: Final = (Settings().metric_prefix, "gpt_trader")
"""The two that the playbook names."""
_RUNBOOKS: Final = "docs/runbooks.md"
_LONGEST_INTERVAL: Final = 150.0
"""Prometheus forgets a sample after five minutes, and rules look as far back: two exports must be in there."""
_OVERLAP: Final = 300.0
"""For so long one bot may run beside the one that takes its place, and they are not two."""

SITE_VARIABLES: Final = (
    *VARIABLES, "OTEL_METRIC_EXPORT_INTERVAL", "COINBASE_TRADER_METRIC_PREFIX", "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
)  # fmt: skip
"""What is read of a bot's environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the rules of one Prometheus are made from; durations are in seconds.

    Raises:
        ConfigurationError: bots export so seldom that the rules could not judge what they tell, or a job has no name.

    >>> Site(export_interval=120.0).heartbeat_old
    360.0
    """

    thresholds: Thresholds = field(default_factory=Thresholds)
    export_interval: float = _USUAL_INTERVAL
    """The longest that any of the bots has between two exports over OTLP."""
    prefixes: tuple[str, ...] = _USUAL_PREFIXES
    """What the names of exporters' series begin with."""
    jobs: tuple[str, ...] = (_USUAL_JOB,)
    """Prometheus' jobs of bots that it scrapes: a bot of another is known when it has once told of itself."""
    runbooks: str = _RUNBOOKS
    """Where that page is read: what the links of alerts and panels begin with."""
    pace: Pace = field(default_factory=Pace)

    def __post_init__(self) -> None:
        if not all(self.jobs):
            raise ConfigurationError("a job of bots has no name: leave it out, or say which")
        if self.export_interval > _LONGEST_INTERVAL:
            raise ConfigurationError(
                f"an export interval of {self.export_interval:g} s is too long to alert on: the rules look back five "
                f"minutes, and need two exports there; {_LONGEST_INTERVAL:g} s is the longest"
            )

    @classmethod
    def from_mapping(
        cls,
        environ: Mapping[str, str],
        *,
        prefixes: tuple[str, ...] = (),
        jobs: tuple[str, ...] = (),
        runbooks: str = _RUNBOOKS,
    ) -> Self:
        """Read it from a bot's variables, and add prefixes of exporters and jobs of bots that have other environments.

        >>> Site.from_mapping({"OTEL_SERVICE_NAME": "momentum"}, prefixes=("my_desk",), jobs=("grid",))
        Site(..., prefixes=('coinbase_trader', 'gpt_trader', 'my_desk'), jobs=('gpt-trader', 'momentum', 'grid'), ...)
        """
        settings = Settings.from_env({name: environ[name] for name in SITE_VARIABLES if name in environ})
        checked = (Settings(metric_prefix=prefix).metric_prefix for prefix in prefixes)
        return cls(
            thresholds=settings.thresholds,
            export_interval=settings.export_interval,
            prefixes=tuple(dict.fromkeys([*_USUAL_PREFIXES, settings.metric_prefix, *checked])),
            jobs=tuple(dict.fromkeys([_USUAL_JOB, settings.service_name, *jobs])),
            runbooks=runbooks.rstrip("#"),
        )

    @property
    def heartbeat_old(self) -> float:
        """Age from which a bot that sends says nothing: two exports in a row may be late or lost.

        A shorter interval than usual makes it no shorter, since a restart takes its time.
        """
        return 3 * max(self.export_interval, _USUAL_INTERVAL)

    @property
    def heard(self) -> float:
        """How long who sends has to be heard: at any time, and from when Prometheus itself came back."""
        return self.heartbeat_old + MISSED_FOR

    @property
    def settled(self) -> float:
        """How long a bot must have been there to be missed: one that takes another's place is there beside it."""
        return self.heartbeat_old + _OVERLAP

    @property
    def exported_at(self) -> str:
        """The selector of the series that every exporter has."""
        return f'{{__name__=~"({"|".join(self.prefixes)})_metrics_timestamp_seconds"}}'

    @property
    def of_bots(self) -> str:
        r"""The matcher of bots' jobs.

        >>> Site().of_bots, Site(jobs=("gpt-trader", 'a.b"')).of_bots
        ('job="gpt-trader"', 'job=~"gpt\\\\-trader|a\\\\.b\\""')
        """
        if len(self.jobs) == 1:
            return f'job="{_quoted(self.jobs[0])}"'
        return f'job=~"{_quoted("|".join(map(re.escape, self.jobs)))}"'

    def span(self, seconds: float) -> str:
        """Return a duration as PromQL spells it, at this pace."""
        return self.pace.span(seconds)

    def seconds(self, seconds: float) -> str:
        """Return a number of seconds, at this pace."""
        return self.pace.seconds(seconds)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
