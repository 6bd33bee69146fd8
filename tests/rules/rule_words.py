"""The words that cases of rules are written in: series that are put in, and at which second which alert says what.

Prometheus scrapes and evaluates every 15 s from second 0 on. Values are lists, None where a scrape finds nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

STEP = 15
BOT = 'job="gpt-trader",instance="bot:8080"'
WHO = "bot:8080 of gpt-trader: "
OTHER = BOT.replace("bot:", "other:")
EXPORTER = 'job="gpt-trader-exporter",instance="bot:9000"'
BEFORE = 1200
"""Seconds of which the median knows what is usual."""
FIRST, SECOND, THIRD = (f'job="gpt-trader",instance="{number}"' for number in ("5f0c", "77ae", "90d1"))
JOB = {"job": "gpt-trader"}
QUIET: Mapping[str, str] = {}

Values = Sequence[float | None]
Said = Mapping[str, str]
"""The description of each severity that fires; QUIET where none does."""


@dataclass(frozen=True)
class Case:
    """One alert's name under one set of series."""

    promise: str
    alert: str
    series: Mapping[str, Values]
    at: Mapping[int, Said]
    labels: Mapping[str, str] | None = None
    """The target's labels and others that the alert keeps; the bot's job and instance unless given."""
    beside: Mapping[str, str] | None = None
    """The labels of another alert that says the same."""
    every: int = 1
    """Of how many scrapes and evaluations one takes place: a night of them all takes promtool long."""
    away: tuple[int, int] | None = None
    """The seconds from and to which Prometheus itself was away: nothing was scraped, and no rule evaluated."""


def level(*steps: tuple[float | None, int]) -> Values:
    """Return values that stand for a number of scrapes each."""
    return [value for value, scrapes in steps for _ in range(scrapes)]


def ramp(start: float, step: float, scrapes: int) -> Values:
    """Return values that rise from scrape to scrape."""
    return [start + step * number for number in range(scrapes)]


def clock(begin: int, end: int, *, then: float | None = None, scrapes: int = 0) -> Values:
    """Return the time of each scrape, as a heartbeat has it, from one second up to another; absent before."""
    return [*[None] * (begin // STEP), *range(begin, end, STEP), *[then] * scrapes]


def spelled(values: Values, away: range = range(0)) -> str:
    """Spell values as promtool reads them: a series that ends gets the marker that a scrape without it leaves.

    What ends while nobody scrapes gets none.
    """
    texts: list[str] = []
    for number, value in enumerate(values):
        ended = value is None and number and values[number - 1] is not None and number - 1 not in away
        unseen = value is None or number in away
        texts.append("stale" if ended and number not in away else "_" if unseen else f"{value:.15g}")
    return " ".join(texts)


def counted(before: float, after: float) -> Values:
    """Return a counter that rises once, at second 60."""
    return level((before, 4), (after, 30))


def heartbeat(values: Values, who: str = BOT) -> dict[str, Values]:
    """Return a heartbeat."""
    return {f"gpt_trader_telemetry_heartbeat_timestamp_seconds{{{who}}}": values}


def up(values: Values, who: str = BOT) -> dict[str, Values]:
    """Return what Prometheus itself says of a target."""
    return {f"up{{{who}}}": values}
