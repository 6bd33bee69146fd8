"""What the rules are to do when Prometheus itself comes back: nobody is told of its absence, but of all that it missed."""

from rule_cases_around import AGENT, OF_AGENT, dead, down, gone
from rule_cases_bots import DOWN, IDLE, again, cycles, missing, started
from rule_words import (
    EXPORTER,
    FIRST,
    JOB,
    OTHER,
    QUIET,
    SECOND,
    STEP,
    Case,
    Values,
    clock,
    heartbeat,
    level,
    ramp,
    up,
)

LEFT, BACK = 2400, 3000
"""From and to when Prometheus is away, unless a case says otherwise."""
AFTER = range(BACK, BACK + 1200, STEP)
LATE = 105
"""Seconds after which the first export comes: an agent that waits 45 s to try again, and what came meanwhile."""
DEAD: Values = clock(0, LEFT + 60, then=LEFT + 45, scrapes=120)
"""The heartbeat of a bot that ended meanwhile, as a Collector keeps it."""


def sent(left: int, back: int, late: int = LATE) -> Values:
    """Return the heartbeat of a bot that sends, whose first export after an outage comes late."""
    return [*clock(0, left), *level((None, (back + late - left) // STEP)), *range(back + late, back + 1800, STEP)]


def nobody_is_missed(minutes: int) -> Case:
    """Return what is to happen after an outage of such a length."""
    left, back = LEFT, LEFT + round(60 * minutes)
    return Case(
        f"Prometheus is away for {minutes} minutes; what bots send comes {LATE} s after it", "BotNotReporting",
        heartbeat(sent(left, back), FIRST) | heartbeat(sent(left, back), SECOND),
        dict.fromkeys(range(back, back + 1200, STEP), QUIET), labels=JOB, away=(left, back),
    )  # fmt: skip


def slow_cycles(left: int) -> Values:
    """Return the cycles of a bot that makes one each three minutes."""
    return [float(at // 180) for at in range(0, left + 1800, STEP)]


AWAY: list[Case] = [
    *(nobody_is_missed(minutes) for minutes in (2, 3, 5, 10)),
    Case("one of two ended meanwhile", "BotNotReporting",
         heartbeat(DEAD, FIRST) | heartbeat(sent(LEFT, BACK), SECOND),
         {BACK + 165: QUIET, BACK + 180: missing(1), BACK + 1000: missing(1)}, labels=JOB, away=(LEFT, BACK)),
    Case("both ended meanwhile, and the Collector as well", "BotNotReporting",
         heartbeat(clock(0, LEFT, scrapes=120), FIRST) | heartbeat(clock(0, LEFT, scrapes=120), SECOND),
         {BACK + 165: QUIET, BACK + 180: missing(2), BACK + 1000: missing(2)}, labels=JOB, away=(LEFT, BACK)),
    *(Case(f"a bot with a cycle each three minutes; Prometheus is away for {minutes} minutes", "BotNotTrading",
           heartbeat(clock(0, LEFT + 1800)) | cycles(slow_cycles(LEFT)),
           dict.fromkeys(range(LEFT + 60 * minutes, LEFT + 1800, STEP), QUIET), away=(LEFT, LEFT + 60 * minutes))
      for minutes in (8, 12)),
    Case("a bot hangs since Prometheus went away", "BotNotTrading",
         heartbeat(clock(0, LEFT + 1800)) | cycles([*ramp(0, 1, LEFT // STEP), *level((LEFT // STEP, 120))]),
         {BACK + 645: QUIET, BACK + 660: IDLE, BACK + 1140: IDLE}, away=(LEFT, BACK)),
    Case("five bots were added before Prometheus was away, and tell of themselves late", "BotRestarting",
         {name: values for number in range(5) for name, values in heartbeat(
             [*[None] * 140, *sent(LEFT, BACK)[140:]], f'job="gpt-trader",instance="new-{number}"').items()},
         dict.fromkeys(AFTER, QUIET), labels=JOB, away=(LEFT, BACK)),
    Case("a bot that is scraped was restarted four times since", "BotRestarting",
         heartbeat(clock(0, BACK + 1200)) | started(*range(BACK // 60, BACK // 60 + 5)),
         {BACK + 225: QUIET, BACK + 240: again("bot:8080", 4)}, away=(LEFT, BACK)),
    Case("the bot is there all the while", "BotDown", up(level((1, 280))), dict.fromkeys(AFTER, QUIET), away=(LEFT, BACK)),
    Case("the bot went down meanwhile", "BotDown", up(level((1, 170), (0, 110))),
         {BACK + 105: QUIET, BACK + 120: DOWN, BACK + 1140: DOWN}, away=(LEFT, BACK)),
    Case("the exporter is there all the while", "ExporterDown", up(level((1, 280)), EXPORTER),
         dict.fromkeys(AFTER, QUIET), away=(LEFT, BACK)),
    Case("the exporter went down meanwhile", "ExporterDown", up(level((1, 170), (0, 110)), EXPORTER),
         {BACK + 105: QUIET, BACK + 120: down("bot:9000 of gpt-trader-exporter: ")},
         labels={"job": "gpt-trader-exporter", "instance": "bot:9000"}, away=(LEFT, BACK)),
    *(Case(f"all targets are found again half a minute after {minutes} minutes", "TargetGone",
           up(level((1, LEFT // STEP), (None, 4 * minutes + 2), (1, 200))) | up(level((1, 400)), OTHER),
           dict.fromkeys(range(LEFT + 60 * minutes, LEFT + 60 * minutes + 1200, STEP), QUIET),
           labels=JOB, away=(LEFT, LEFT + 60 * minutes))
      for minutes in (1, 10)),
    Case("a target vanished meanwhile", "TargetGone",
         up(level((1, 170), (None, 110))) | up(level((1, 280)), OTHER),
         {BACK + 165: QUIET, BACK + 180: gone(1), BACK + 1140: gone(1)}, labels=JOB, away=(LEFT, BACK)),
    Case("the Collector is there all the while", "CollectorDown",
         up(level((1, 280)), AGENT) | heartbeat(sent(LEFT, BACK), FIRST), dict.fromkeys(AFTER, QUIET), away=(LEFT, BACK)),
    Case("the Collector went down meanwhile", "CollectorDown",
         up(level((1, 170), (0, 110)), AGENT) | heartbeat(clock(0, LEFT), FIRST),
         {BACK + 105: QUIET, BACK + 120: dead("agent:8888 of gpt-trader-collector: ", "warning", "critical")}, labels=OF_AGENT, away=(LEFT, BACK)),
]  # fmt: skip
