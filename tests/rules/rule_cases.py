"""What the rules are to do: series that are put in, and at which second which alert says what.

Prometheus scrapes and evaluates every 15 s from second 0 on. Values are lists, None where a scrape finds nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gpt_trader_telemetry.thresholds import SIGNALS, Thresholds

STEP = 15
BOT = 'job="gpt-trader",instance="bot:8080"'
WHO = "bot:8080 of gpt-trader: "
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


def level(*steps: tuple[float | None, int]) -> Values:
    """Return values that stand for a number of scrapes each."""
    return [value for value, scrapes in steps for _ in range(scrapes)]


def ramp(start: float, step: float, scrapes: int) -> Values:
    """Return values that rise from scrape to scrape."""
    return [start + step * number for number in range(scrapes)]


def clock(begin: int, end: int, *, then: float | None = None, scrapes: int = 0) -> Values:
    """Return the time of each scrape, as a heartbeat has it, from one second up to another; absent before."""
    return [*[None] * (begin // STEP), *range(begin, end, STEP), *[then] * scrapes]


def spelled(values: Values) -> str:
    """Spell values as promtool reads them: a series that ends gets the marker that a scrape without it leaves."""
    texts: list[str] = []
    for number, value in enumerate(values):
        ended = value is None and number and values[number - 1] is not None
        texts.append("stale" if ended else "_" if value is None else f"{value:.15g}")
    return " ".join(texts)


def signal(name: str, values: Values, who: str = BOT) -> dict[str, Values]:
    """Return a signal as a bot exposes it: a status always, a value where it is known."""
    return {
        f'gpt_trader_signal_value{{signal="{name}",{who}}}': values,
        f'gpt_trader_signal_status{{signal="{name}",{who}}}': [-1.0 if value is None else 0.0 for value in values],
    }


@dataclass(frozen=True)
class Signal:
    """How a signal's alert is called, how long it waits, and how it words two values above its thresholds."""

    alert: str
    hold: int
    warn: tuple[float, str]
    crit: tuple[float, str]
    says: str
    limits: tuple[str, str]


ORDERS = " of the orders of the last 5 minutes"
WORDED: dict[str, Signal] = {
    "order_error_rate": Signal(
        "OrdersFailing", 60, (0.06, "6%"), (0.2, "20%"), "{}" + ORDERS + " were rejected or failed", ("5 %", "15 %")
    ),
    "order_retry_rate": Signal(
        "OrdersRetried", 60, (0.125, "12.5%"), (1.5, "150%"),
        "submit calls beyond an order's first were {}" + ORDERS, ("10 %", "25 %"),
    ),
    "broker_latency_p95_ms": Signal(
        "BrokerSlow", 60, (1000.5, "1000 ms"), (3001, "3001 ms"),
        "the slowest broker operation's p95 of the last 5 minutes is {}", ("1000 ms", "3000 ms"),
    ),
    "ws_staleness_seconds": Signal(
        "WebSocketStale", 30, (30.5, "30.5s"), (61, "1m 1s"), "the last WebSocket message is {} old", ("30 s", "60 s")
    ),
    "guard_trip_count": Signal(
        "GuardTripBurst", 0, (4, "4"), (11, "11"), "guards tripped {} times in the last 5 minutes", ("3", "10")
    ),
    "market_data_staleness_seconds": Signal(
        "MarketDataStale", 30, (61, "1m 1s"), (7200, "2h 0m 0s"),
        "the stalest market data that the bot trades on is {} old", ("60 s", "120 s"),
    ),
    "missing_decision_ids": Signal(
        "DecisionIdsMissing", 0, (1, "1"), (11, "11"), "{} orders of the last 5 minutes had no decision id", ("0", "10")
    ),
}  # fmt: skip


def said(name: str, value: str, *severities: str, who: str = WHO) -> Said:
    """Return the description of each severity."""
    worded = WORDED[name]
    limits = dict(zip(("warning", "critical"), worded.limits, strict=True))
    return {one: f"{who}{worded.says.format(value)}; {one} above {limits[one]}." for one in severities}


def signal_cases(name: str) -> Iterable[Case]:
    """Cases of one signal, of its own gauge."""
    worded, limits = WORDED[name], Thresholds().limits(name)
    values = level(
        (limits.warn, 8), (worded.warn[0], 8), (limits.crit, 8), (worded.crit[0], 8), (limits.warn, 4), (None, 4)
    )
    waits, warns, stays, pages, over = 8 * STEP, 8 * STEP + worded.hold, 24 * STEP, 24 * STEP + worded.hold, 32 * STEP
    at: dict[int, Said] = {
        waits - STEP: QUIET,
        warns: said(name, worded.warn[1], "warning"),
        pages: said(name, worded.crit[1], "warning", "critical"),
        over: QUIET,
        36 * STEP: QUIET,
    }
    if worded.hold:
        at |= {warns - STEP: QUIET, pages - STEP: said(name, worded.crit[1], "warning")}
    else:
        at |= {stays - STEP: said(name, f"{limits.crit:g}", "warning")}
    yield Case(
        f"{name}: strictly above, for as long as it takes, and over with it", worded.alert, signal(name, values), at
    )
    yield Case(
        f"{name}: above for one scrape less than it takes is not above",
        worded.alert,
        signal(name, level((limits.warn, 4), (worded.crit[0], max(1, worded.hold // STEP)), (limits.warn, 12))),
        {STEP * (4 + worded.hold // STEP): QUIET if worded.hold else said(name, worded.crit[1], "warning", "critical"),
         STEP * (5 + worded.hold // STEP): QUIET},
    )  # fmt: skip
    other = BOT.replace("bot:", "other:")
    yield Case(
        f"{name}: one bot of two, and the bot is named",
        worded.alert,
        signal(name, level((limits.warn, 20))) | signal(name, level((worded.warn[0], 20)), other),
        {15 * STEP: said(name, worded.warn[1], "warning", who=WHO.replace("bot:", "other:"))},
        labels={"job": "gpt-trader", "instance": "other:8080"},
    )
    yield Case(f"{name}: nothing there, nothing said", worded.alert, {}, {0: QUIET, 600: QUIET})


def orders(result: str, values: Values, reason: str = "none", side: str = "buy") -> dict[str, Values]:
    """Return a counter of orders."""
    return {f'gpt_trader_order_submission_total{{result="{result}",reason="{reason}",side="{side}",{BOT}}}': values}


def counted(before: float, after: float) -> Values:
    """Return a counter that rises once, at second 60."""
    return level((before, 4), (after, 30))


def calls(operation: str, seconds: float, number: int, outcome: str = "success") -> dict[str, Values]:
    """Return the histogram of calls that all took the same time, made at second 60."""
    name, labels = "gpt_trader_broker_call_latency_seconds", f'operation="{operation}",outcome="{outcome}",{BOT}'
    buckets = {
        f'{name}_bucket{{le="{bound}",{labels}}}': counted(0, number if seconds <= float(bound) else 0)
        for bound in ("0.1", "1.0", "2.5", "5.0", "10.0", "+Inf")
    }
    return {**buckets, f"{name}_count{{{labels}}}": counted(0, number)}


def trips(guard: str, values: Values, category: str = "limit") -> dict[str, Values]:
    """Return a counter of trips."""
    return {f'gpt_trader_guard_trips_total{{guard="{guard}",category="{category}",recoverable="true",{BOT}}}': values}


BOTH = ("warning", "critical")
ERRORS, LATENCY, TRIPS, MISSING = (
    "order_error_rate",
    "broker_latency_p95_ms",
    "guard_trip_count",
    "missing_decision_ids",
)
MISSING_COUNTER = f"gpt_trader_order_missing_decision_id_total{{{BOT}}}"

WITHOUT_SIGNALS = [
    Case("ten failed orders of ten are all", "OrdersFailing", orders("failed", counted(0, 10), "timeout"),
         {105: QUIET, 120: said(ERRORS, "100%", *BOTH)}),
    Case("nine orders are too few to judge", "OrdersFailing", orders("failed", counted(0, 9)), {300: QUIET}),
    Case("one lonely failed order at night", "OrdersFailing",
         orders("success", level((400, 40))) | orders("failed", counted(0, 1)), {60: QUIET, 150: QUIET, 300: QUIET}),
    Case("15 of 100 are not more than 15 %", "OrdersFailing",
         orders("success", counted(0, 85)) | orders("failed", counted(0, 8)) | orders("rejected", counted(0, 7)),
         {150: said(ERRORS, "15%", "warning")}),
    Case("16 of 100 are", "OrdersFailing",
         orders("success", counted(0, 84)) | orders("failed", counted(0, 8), side="sell")
         | orders("rejected", counted(0, 8)), {150: said(ERRORS, "16%", *BOTH)}),
    Case("no orders are no error rate", "OrdersFailing",
         orders("success", level((7, 40))) | orders("failed", level((3, 40))), {300: QUIET, 585: QUIET}),
    Case("over when the window has moved on", "OrdersFailing", orders("failed", counted(0, 10)),
         {345: said(ERRORS, "100%", *BOTH), 375: QUIET}),
    Case("a restart in the middle adds no errors", "OrdersFailing",
         orders("success", [*ramp(100, 5, 12), *ramp(0, 5, 20)]) | orders("failed", level((50, 12), (0, 20))),
         dict.fromkeys(range(60, 465, 15), QUIET)),
    Case("too few by the bot's own count is not judged by the counters", "OrdersFailing",
         signal(ERRORS, level((None, 40))) | orders("failed", counted(0, 50)), {300: QUIET}),
    Case("twenty slow calls of one operation, whatever the others do", "BrokerSlow",
         calls("submit", 0.05, 500) | calls("cancel", 4.0, 20), {105: QUIET, 120: said(LATENCY, "4875 ms", *BOTH)}),
    Case("between the thresholds", "BrokerSlow", calls("submit", 2.0, 20), {150: said(LATENCY, "2425 ms", "warning")}),
    Case("failed calls take time too", "BrokerSlow",
         calls("submit", 0.05, 10) | calls("submit", 4.0, 10, "failure"), {150: said(LATENCY, "4750 ms", *BOTH)}),
    Case("nineteen calls are too few to judge", "BrokerSlow", calls("submit", 9.0, 19), {300: QUIET}),
    Case("no calls are no latency", "BrokerSlow", calls("submit", 9.0, 0), {300: QUIET}),
    Case("trips of all guards are one count, and exactly ten are not more than ten", "GuardTripBurst",
         trips("daily_loss", counted(0, 6)) | trips("stale_mark", counted(0, 4), "data"),
         {45: QUIET, 60: said(TRIPS, "10", "warning")}),
    Case("eleven in one burst are, at once", "GuardTripBurst",
         trips("daily_loss", counted(0, 6)) | trips("stale_mark", counted(0, 5), "data"),
         {45: QUIET, 60: said(TRIPS, "11", *BOTH), 345: said(TRIPS, "11", *BOTH), 375: QUIET}),
    Case("a series that has just been found is not stretched to a fourth trip", "GuardTripBurst",
         trips("a", level((5, 4), (8, 20))), dict.fromkeys(range(0, 360, STEP), QUIET)),
    Case("three trips are not more than three", "GuardTripBurst", trips("a", counted(2, 5)), {60: QUIET, 300: QUIET}),
    Case("trips before and after a restart add up", "GuardTripBurst",
         trips("a", level((0, 4), (8, 4), (0, 4), (3, 20))), {180: said(TRIPS, "11", *BOTH)}),
    Case("one order without an id is one too many, ten are not critical", "DecisionIdsMissing",
         {MISSING_COUNTER: level((0, 4), (1, 4), (10, 20))},
         {45: QUIET, 60: said(MISSING, "1", "warning"), 120: said(MISSING, "10", "warning")}),
    Case("eleven are", "DecisionIdsMissing", {MISSING_COUNTER: counted(0, 11)}, {60: said(MISSING, "11", *BOTH)}),
    Case("a restart counts none", "DecisionIdsMissing", {MISSING_COUNTER: level((9, 10), (0, 20))}, {300: QUIET}),
    Case("the age of the last message, of a bot that has no signals", "WebSocketStale",
         {f"gpt_trader_ws_last_message_age_seconds{{{BOT}}}": level((30, 4), (61, 20))},
         {45: QUIET, 75: QUIET, 90: said("ws_staleness_seconds", "1m 1s", *BOTH)}),
]  # fmt: skip


def heartbeat(values: Values, who: str = BOT) -> dict[str, Values]:
    """Return a heartbeat."""
    return {f"gpt_trader_telemetry_heartbeat_timestamp_seconds{{{who}}}": values}


def up(values: Values, who: str = BOT) -> dict[str, Values]:
    """Return what Prometheus itself says of a target."""
    return {f"up{{{who}}}": values}


DOWN = {"critical": f"{WHO}the scrapes fail (up is 0). It has ended, hangs, or is cut off."}
OTHER = BOT.replace("bot:", "other:")
EXPORTER = 'job="gpt-trader-exporter",instance="bot:9000"'
EXPORTER_LABELS = {"job": "gpt-trader-exporter", "instance": "bot:9000"}
BEFORE = 1200
"""Seconds of which the median knows what is usual."""
FIRST, SECOND, THIRD = (f'job="gpt-trader",instance="{number}"' for number in ("5f0c", "77ae", "90d1"))
JOB = {"job": "gpt-trader"}


def missing(number: int, job: str = "gpt-trader") -> Said:
    """Return what is said of bots that send nothing."""
    return {
        "critical": f"{job}: {number} of its bots sent nothing for 4 minutes. They have ended, or the Collector has."
    }


def started(*minutes: int) -> dict[str, Values]:
    """Return what tells one start of a scraped bot from the next, each a minute long."""
    return {
        f'target_info{{service_instance_id="{minute}",{BOT}}}': level((None, 4 * minute), (1, 4), (None, 4))
        for minute in minutes
    }


def restarts_over_otlp(number: int) -> dict[str, Values]:
    """Return the heartbeats of a bot's lives of a minute each."""
    lives = range(BEFORE, BEFORE + 60 * (number + 1), 60)
    return {
        name: values
        for begin in lives[1:]
        for name, values in heartbeat(
            clock(begin, begin + 60, scrapes=4), f'job="gpt-trader",instance="{begin}"'
        ).items()
    }


def fleet(number: int, begin: int, end: int) -> dict[str, Values]:
    """Return the heartbeats of bots that come and go together."""
    who = (f'job="gpt-trader",instance="fleet-{one}"' for one in range(number))
    return {name: values for one in who for name, values in heartbeat(clock(begin, end), one).items()}


def again(instance: str, number: int) -> Said:
    """Return what is said of restarts."""
    return {"critical": f"gpt-trader {instance}: {number} restarts in 15 minutes."}


def cycles(values: Values, who: str = BOT) -> dict[str, Values]:
    """Return how many cycles there were."""
    return {f'gpt_trader_cycle_duration_seconds_count{{result="ok",{who}}}': values}


IDLE = {
    "critical": f"{WHO}no cycle for 10 minutes, where it usually makes 3 or more; it was alive 0s ago.",
}
NEVER_BEGAN = {"critical": IDLE["critical"].replace(WHO, "77ae of gpt-trader: ")}
TRADED = ramp(1, 1, 121)  # a cycle each 15 s for half an hour

LIVENESS = [
    Case("down for two minutes", "BotDown", up(level((1, 4), (0, 12), (1, 4))), {165: QUIET, 180: DOWN, 240: QUIET}),
    Case("a restart is quicker", "BotDown", up(level((1, 4), (0, 8), (1, 20))), {165: QUIET, 180: QUIET}),
    Case("of another job, known by the heartbeat it had", "BotDown",
         up(level((1, 4), (0, 12)), 'job="btc",instance="b:1"')
         | heartbeat(clock(0, 60, scrapes=12), 'job="btc",instance="b:1"'),
         {165: QUIET, 180: {"critical": DOWN["critical"].replace(WHO, "b:1 of btc: ")}},
         labels={"job": "btc", "instance": "b:1"}),
    Case("a target that never was a bot", "BotDown", up(level((0, 40)), 'job="node",instance="n:1"'), {300: QUIET}),
    Case("an exporter has a heartbeat too, and is no bot", "BotDown",
         up(level((1, 4), (0, 20)), EXPORTER) | heartbeat(clock(0, 60, scrapes=20), EXPORTER), {180: QUIET, 300: QUIET}),
    Case("nor is one under the bots' own job", "BotDown",
         up(level((1, 4), (0, 20)))
         | {f"coinbase_trader_metrics_timestamp_seconds{{{BOT}}}": level((1, 4), (None, 20))},
         {180: QUIET, 300: QUIET}),
    Case("nor is one under another job", "BotDown",
         up(level((1, 4), (0, 20)), 'job="x",instance="x:1"') | heartbeat(clock(0, 60, scrapes=20), 'job="x",instance="x:1"')
         | {'coinbase_trader_metrics_timestamp_seconds{job="x",instance="x:1"}': level((1, 4), (None, 20))},
         {180: QUIET, 300: QUIET}),
    Case("a target that was taken out", "BotDown",
         up(level((1, 4), (None, 40))) | heartbeat(clock(0, 60, scrapes=40)), {300: QUIET}),
    Case("one bot of two over OTLP ends", "BotNotReporting",
         heartbeat(clock(0, BEFORE, then=BEFORE - STEP, scrapes=30), FIRST) | heartbeat(clock(0, BEFORE + 450), SECOND),
         {BEFORE + 225: QUIET, BEFORE + 240: missing(1)}, labels=JOB),
    Case("an export that is exactly as old as may be", "BotNotReporting",
         heartbeat([*clock(0, BEFORE, then=BEFORE - STEP, scrapes=12), *range(BEFORE + 180, BEFORE + 300, STEP)], FIRST),
         dict.fromkeys(range(BEFORE, BEFORE + 300, STEP), QUIET), labels=JOB),
    Case("the Collector ends: its series end at once, all bots are silent", "BotNotReporting",
         heartbeat(clock(0, BEFORE, scrapes=40), FIRST) | heartbeat(clock(0, BEFORE, scrapes=40), SECOND),
         {BEFORE + 225: QUIET, BEFORE + 240: missing(2)}, labels=JOB),
    Case("one was taken out, and then another ends: that is another alert", "BotNotReporting",
         heartbeat(clock(0, BEFORE, scrapes=200), FIRST) | heartbeat(clock(0, BEFORE + 900, scrapes=100), SECOND)
         | heartbeat(clock(0, BEFORE + 3600), THIRD),
         {BEFORE + 240: missing(1), BEFORE + 1125: missing(1), BEFORE + 1140: missing(2), BEFORE + 1500: missing(2)},
         labels=JOB),
    Case("and comes back", "BotNotReporting",
         heartbeat([*clock(0, BEFORE, scrapes=40), *range(BEFORE + 600, BEFORE + 900, STEP)], FIRST),
         {BEFORE + 585: missing(1), BEFORE + 600: QUIET}, labels=JOB),
    Case("a restart over OTLP is another instance, and no bot less", "BotNotReporting",
         heartbeat(clock(0, BEFORE, then=BEFORE - STEP, scrapes=20), FIRST) | heartbeat(clock(BEFORE + 60, BEFORE + 900), SECOND),
         dict.fromkeys(range(BEFORE, BEFORE + 900, STEP), QUIET), labels=JOB),
    Case("of two jobs, the one", "BotNotReporting",
         heartbeat(clock(0, BEFORE + 600), FIRST)
         | heartbeat(clock(0, BEFORE, scrapes=40), 'job="btc",instance="77ae"'),
         {BEFORE + 240: missing(1, "btc")}, labels={"job": "btc"}),
    Case("a bot that was added lately", "BotNotReporting",
         heartbeat(clock(0, 21_600), FIRST) | heartbeat(clock(18_000, 18_600, scrapes=200), SECOND),
         {18_825: QUIET, 18_840: missing(1), 21_585: missing(1)}, labels=JOB),
    Case("a bot that had not sent for eight minutes", "BotNotReporting",
         heartbeat(clock(0, 300, then=285, scrapes=40), FIRST), dict.fromkeys(range(0, 900, STEP), QUIET), labels=JOB),
    Case("a bot is missed for twelve hours, and then was taken out", "BotNotReporting",
         heartbeat(clock(0, BEFORE, scrapes=2960), FIRST),
         {BEFORE + 43_320: missing(1), BEFORE + 43_440: QUIET}, labels=JOB, every=4),
    Case("six bots take each other's place one by one, each minutes before the other ends", "BotNotReporting",
         {name: values for number in range(6) for name, values in (
             heartbeat(clock(0, BEFORE + 180 * number + 240), f'job="gpt-trader",instance="old-{number}"')
             | heartbeat(clock(BEFORE + 180 * number, BEFORE + 3600), f'job="gpt-trader",instance="new-{number}"')
         ).items()},
         dict.fromkeys(range(BEFORE, BEFORE + 3600, 60), QUIET), labels=JOB),
    Case("a bot on both roads is missed by the other alert alone", "BotNotReporting",
         heartbeat(clock(0, BEFORE, scrapes=40)) | up(level((1, 80), (0, 40)))
         | {f'target_info{{service_instance_id="5f0c",{BOT}}}': level((1, 80), (None, 40))}
         | heartbeat(clock(0, BEFORE, then=BEFORE - STEP, scrapes=40), FIRST),
         dict.fromkeys(range(BEFORE, BEFORE + 600, STEP), QUIET), labels=JOB),
    Case("and one beside it that only sends by this one", "BotNotReporting",
         heartbeat(clock(0, BEFORE, scrapes=40)) | up(level((1, 80), (0, 40)))
         | {f'target_info{{service_instance_id="5f0c",{BOT}}}': level((1, 80), (None, 40))}
         | heartbeat(clock(0, BEFORE, then=BEFORE - STEP, scrapes=40), FIRST)
         | heartbeat(clock(0, BEFORE, then=BEFORE - STEP, scrapes=40), SECOND),
         {BEFORE + 225: QUIET, BEFORE + 240: missing(1)}, labels=JOB),
    Case("a bot that is scraped is not missed here", "BotNotReporting",
         heartbeat(clock(0, BEFORE, scrapes=40)) | up(level((1, 240), (0, 40))), {BEFORE + 300: QUIET}),
    Case("no bot, none missed", "BotNotReporting", {}, {BEFORE: QUIET}),
    Case("the fourth restart in a quarter of an hour", "BotRestarting",
         heartbeat(clock(0, 1800)) | started(*range(5)),
         {225: QUIET, 240: again("bot:8080", 4), 900: again("bot:8080", 4), 975: QUIET}),
    Case("the third", "BotRestarting", heartbeat(clock(0, 1800)) | started(*range(4)), dict.fromkeys(range(0, 1200, STEP), QUIET)),
    Case("restarts of something that is no bot", "BotRestarting", started(*range(9)), {600: QUIET}),
    Case("restarts over OTLP, where each is another instance", "BotRestarting",
         heartbeat(clock(0, BEFORE), FIRST) | restarts_over_otlp(4),
         {BEFORE + 465: QUIET, BEFORE + 480: again("", 4), BEFORE + 1125: again("", 4), BEFORE + 1140: QUIET}, labels=JOB),
    Case("three restarts over OTLP", "BotRestarting", heartbeat(clock(0, BEFORE), FIRST) | restarts_over_otlp(3),
         dict.fromkeys(range(BEFORE, BEFORE + 1200, STEP), QUIET), labels=JOB),
    Case("one bot of eleven over OTLP restarts", "BotRestarting",
         fleet(10, 0, BEFORE + 600) | restarts_over_otlp(4),
         {BEFORE + 465: QUIET, BEFORE + 480: again("", 4)}, labels=JOB),
    Case("a fifth bot, and a sixth, and a tenth are added over OTLP", "BotRestarting",
         heartbeat(clock(0, BEFORE + 1500), FIRST) | fleet(9, BEFORE, BEFORE + 1500),
         dict.fromkeys(range(BEFORE, BEFORE + 1500, 60), QUIET), labels=JOB),
    Case("six bots over OTLP are rolled to another version", "BotRestarting",
         {name: values for number in range(6) for name, values in (
             heartbeat(clock(0, BEFORE + number * STEP), f'job="gpt-trader",instance="old-{number}"')
             | heartbeat(clock(BEFORE + number * STEP, BEFORE + 900), f'job="gpt-trader",instance="new-{number}"')
         ).items()},
         dict.fromkeys(range(BEFORE, BEFORE + 900, 60), QUIET), labels=JOB),
    Case("no bot reports any more", "BotRestarting", heartbeat(clock(0, 60, scrapes=200), FIRST),
         dict.fromkeys(range(0, 3000, 60), QUIET), labels=JOB),
    Case("cycles stop while the bot answers", "BotNotTrading",
         heartbeat(clock(0, 3000)) | cycles([*TRADED, *level((121, 79))]),
         {2445: QUIET, 2460: IDLE, 2985: IDLE}),
    Case("and begin again", "BotNotTrading",
         heartbeat(clock(0, 3000)) | cycles([*TRADED, *level((121, 60)), *ramp(122, 1, 19)]),
         {2460: IDLE, 2700: IDLE, 2715: QUIET}),
    Case("cycles that stop for less than ten minutes", "BotNotTrading",
         heartbeat(clock(0, 3000)) | cycles([*TRADED, *level((121, 39)), *ramp(122, 1, 40)]),
         dict.fromkeys(range(1800, 3000, STEP), QUIET)),
    Case("a bot that makes a cycle a quarter of an hour", "BotNotTrading",
         heartbeat(clock(0, 3600)) | cycles([float(at // 900) for at in range(0, 3600, STEP)]),
         dict.fromkeys(range(600, 3600, 150), QUIET)),
    Case("a bot that has no cycles", "BotNotTrading", heartbeat(clock(0, 3000)), {2985: QUIET}),
    Case("a bot that has gone is not idle", "BotNotTrading",
         heartbeat(clock(0, 1800, scrapes=80)) | cycles([*TRADED[:-1], *level((None, 80))]),
         dict.fromkeys(range(1800, 3000, STEP), QUIET)),
    Case("what a Collector keeps of a bot that has gone is not an idle bot", "BotNotTrading",
         heartbeat(clock(0, 1800, then=1785, scrapes=80)) | cycles([*TRADED[:-1], *level((120, 80))]),
         dict.fromkeys(range(1800, 3000, STEP), QUIET)),
    Case("a restarted bot has ten minutes to begin", "BotNotTrading",
         heartbeat([*clock(0, 1800, scrapes=4), *range(1860, 3600, STEP)])
         | cycles([*TRADED[:-1], *level((None, 4 + 36)), *ramp(1, 1, 80)]),
         dict.fromkeys(range(1800, 3600, STEP), QUIET)),
    Case("a restarted bot that never begins", "BotNotTrading",
         heartbeat([*clock(0, 1800, scrapes=4), *range(1860, 3600, STEP)]) | cycles([*TRADED[:-1], *level((None, 120))]),
         {2505: QUIET, 2520: IDLE, 3585: IDLE}),
    Case("a bot that hangs for longer than it has traded", "BotNotTrading",
         heartbeat(clock(0, 14_400)) | cycles([*TRADED, *level((121, 839))]), {2400: QUIET, 2460: IDLE, 14_340: IDLE}, every=4),
    Case("a bot that hangs for twelve hours, and then rests", "BotNotTrading",
         heartbeat(clock(0, 50_400)) | cycles([*TRADED, *level((121, 3239))]), {43_200: IDLE, 50_340: QUIET}, every=4),
    Case("a bot that begins with what had piled up, and then is slow", "BotNotTrading",
         heartbeat(clock(0, 7200)) | cycles([*ramp(0, 1, 20), *(20.0 + at // 900 for at in range(300, 7200, STEP))]),
         dict.fromkeys(range(600, 7200, 150), QUIET)),
    Case("another instance takes the bot's place and never begins", "BotNotTrading",
         heartbeat(clock(0, 1860), FIRST) | cycles([*TRADED], FIRST) | heartbeat(clock(1875, 7200), SECOND),
         {2520: QUIET, 2535: NEVER_BEGAN, 7185: NEVER_BEGAN}, labels={"job": "gpt-trader", "instance": "77ae"}),
    Case("an exporter under the job of a bot that trades is no bot that hangs", "BotNotTrading",
         heartbeat(clock(0, 7200), FIRST) | cycles(ramp(1, 1, 480), FIRST) | heartbeat(clock(0, 7200), SECOND)
         | {f"coinbase_trader_metrics_timestamp_seconds{{{SECOND}}}": clock(0, 7200)},
         dict.fromkeys(range(1800, 7200, 300), QUIET)),
    Case("another instance of a job that has no cycles", "BotNotTrading",
         heartbeat(clock(0, 1860), FIRST) | heartbeat(clock(1875, 7200), SECOND), {7185: QUIET}),
    Case("beside a bot that has been there for half a day without cycles another trades", "BotNotTrading",
         heartbeat(clock(0, 50_400), FIRST) | heartbeat(clock(43_800, 50_400), SECOND)
         | cycles([*level((None, 2920)), *ramp(0, 1, 440)], SECOND), {50_340: QUIET}, every=4),
    Case("another instance of the job is slow", "BotNotTrading",
         heartbeat(clock(0, 7200), FIRST) | cycles(ramp(1, 1, 480), FIRST) | heartbeat(clock(1875, 7200), SECOND)
         | cycles([*level((None, 125)), *(float(at // 900) for at in range(1875, 7200, STEP))], SECOND),
         dict.fromkeys([*range(1800, 2520, 60), *range(2760, 7200, 60)], QUIET)),
]  # fmt: skip


def counter(name: str, values: Values, labels: str = "") -> dict[str, Values]:
    """Return a counter of the bot."""
    return {f"gpt_trader_{name}_total{{{labels}{BOT}}}": values}


def loop(number: int) -> Said:
    """Return what is said of a reconnect loop."""
    return {"critical": f"{WHO}{number} reconnects in 10 minutes."}


RECONNECTS, STALE, QUALITY = "websocket_reconnects", "stale_marks", "gpt_trader_data_quality_score"
FAILURES, INNER = "telemetry_export_failures", "telemetry_errors"
CANDLES = {"job": "gpt-trader", "instance": "bot:8080", "symbol": "BTC-USD", "interval": "1h"}
CANDLE_LABELS = f'symbol="BTC-USD",interval="1h",{BOT}'

FEEDS = [
    Case("the sixth reconnect in ten minutes", "WebSocketReconnectLoop", counter(RECONNECTS, [*ramp(0, 1, 7), *level((6, 60))]),
         {75: QUIET, 90: loop(6), 600: loop(6), 615: QUIET}),
    Case("five", "WebSocketReconnectLoop", counter(RECONNECTS, [*ramp(0, 1, 6), *level((5, 60))]),
         dict.fromkeys(range(0, 900, STEP), QUIET)),
    Case("one every two minutes", "WebSocketReconnectLoop",
         counter(RECONNECTS, [float(n // 8) for n in range(200)]), dict.fromkeys(range(0, 3000, STEP), QUIET)),
    Case("a restart of a bot that had many", "WebSocketReconnectLoop",
         counter(RECONNECTS, level((90, 10), (0, 40))), dict.fromkeys(range(0, 600, STEP), QUIET)),
    Case("four stale marks", "StaleMarks", counter(STALE, counted(0, 4)),
         {45: QUIET, 60: {"warning": f"{WHO}4 stale marks in 5 minutes."}, 375: QUIET}),
    Case("three", "StaleMarks", counter(STALE, counted(7, 10)), {60: QUIET, 300: QUIET}),
    Case("a restart", "StaleMarks", counter(STALE, level((90, 10), (0, 40))), {150: QUIET, 300: QUIET}),
    Case("a score below the minimum", "DataQualityLow", {f"{QUALITY}{{{CANDLE_LABELS}}}": level((0.95, 4), (0.949, 8))},
         {45: QUIET, 105: QUIET, 120: {"warning": f"{WHO}BTC-USD 1h has a score of 0.949."}}, labels=CANDLES),
    Case("the minimum itself", "DataQualityLow", {f"{QUALITY}{{{CANDLE_LABELS}}}": level((0.95, 40))}, {300: QUIET}),
    Case("no candles loaded", "DataQualityLow", {}, {300: QUIET}),
]  # fmt: skip

ROAD = {"job": "gpt-trader", "instance": "bot:8080", "road": "otlp"}
COMPONENT = {"job": "gpt-trader", "instance": "bot:8080", "component": "pipeline"}

TELEMETRY = [
    Case("the fourth failed export", "TelemetryExportFailing", counter(FAILURES, counted(0, 4), 'road="otlp",'),
         {45: QUIET, 60: {"warning": f"{WHO}4 exports over otlp failed in 10 minutes."}}, labels=ROAD),
    Case("the third", "TelemetryExportFailing", counter(FAILURES, counted(0, 3), 'road="otlp",'), {60: QUIET, 300: QUIET}),
    Case("a restart", "TelemetryExportFailing", counter(FAILURES, level((90, 10), (0, 30)), 'road="otlp",'), {300: QUIET}),
    Case("an error inside", "TelemetryErrors", counter(INNER, counted(5, 6), 'component="pipeline",'),
         {45: QUIET, 60: {"warning": f"{WHO}1 errors in pipeline in 10 minutes."}}, labels=COMPONENT),
    Case("an error of another part", "TelemetryErrors",
         counter(INNER, counted(0, 2), 'component="http",') | counter(FAILURES, counted(0, 2), 'road="otlp",')
         | counter(INNER, counted(0, 2), 'component="pipeline",'),
         {45: QUIET, 60: {"warning": f"{WHO}2 errors in http in 10 minutes."}},
         labels={**COMPONENT, "component": "http"}),
    Case("failed exports, each of which is an error too", "TelemetryErrors",
         counter(INNER, counted(3, 6), 'component="pipeline",') | counter(FAILURES, counted(2, 5), 'road="otlp",'),
         dict.fromkeys(range(0, 900, STEP), QUIET)),
    Case("an error beside a failed export", "TelemetryErrors",
         counter(INNER, counted(0, 4), 'component="pipeline",') | counter(FAILURES, counted(0, 3), 'road="otlp",'),
         {45: QUIET, 60: {"warning": f"{WHO}1 errors in pipeline in 10 minutes."}}, labels=COMPONENT),
    Case("errors of long ago", "TelemetryErrors", counter(INNER, level((5, 60)), 'component="pipeline",'),
         {0: QUIET, 300: QUIET, 885: QUIET}),
    Case("a restart", "TelemetryErrors", counter(INNER, level((5, 10), (0, 60)), 'component="pipeline",'), {300: QUIET}),
]  # fmt: skip

PUSHED = 'job="gpt-trader",instance="5f0c"'
STALE_FEED = "ws_staleness_seconds"
OF_PUSHED = {"job": "gpt-trader", "instance": "5f0c"}

OF_THE_DEAD = [
    Case("what a Collector keeps of a bot that has ended", "WebSocketStale",
         signal(STALE_FEED, level((61, 80)), PUSHED) | heartbeat(clock(0, 600, then=585, scrapes=40), PUSHED),
         {585: said(STALE_FEED, "1m 1s", *BOTH, who="5f0c of gpt-trader: "),
          765: said(STALE_FEED, "1m 1s", *BOTH, who="5f0c of gpt-trader: "), 780: QUIET, 1185: QUIET},
         labels=OF_PUSHED),
    Case("and of one without signals", "GuardTripBurst",
         trips("a", counted(0, 11)) | heartbeat(clock(0, 75, then=60, scrapes=40)),
         {60: said(TRIPS, "11", *BOTH), 240: said(TRIPS, "11", *BOTH), 255: QUIET}),
    Case("a scraped bot whose clock is slow", "WebSocketStale",
         signal(STALE_FEED, level((61, 40))) | heartbeat(ramp(-3600, STEP, 40)) | up(level((1, 40))),
         {585: said(STALE_FEED, "1m 1s", *BOTH)}),
]  # fmt: skip

HIGH: Said = {"high": ""}

PLAYBOOK = [
    Case("down", "MetricsEndpointDown", up(level((1, 4), (0, 12))), {165: QUIET, 180: {"critical": ""}}),
    Case("up", "MetricsEndpointDown", up(level((1, 40))), {300: QUIET}),
    Case("one lonely failed order fires it: a ticket", "OrderErrorRateHigh",
         orders("success", level((9, 40))) | orders("failed", counted(0, 1)), {165: QUIET, 180: HIGH}, labels={}),
    Case("15 of 100", "OrderErrorRateHigh", orders("success", counted(0, 86)) | orders("failed", counted(0, 14)),
         {300: QUIET}),
    Case("slow submits for five minutes", "BrokerLatencyP95High",
         {f'gpt_trader_broker_call_latency_seconds_bucket{{le="{bound}",operation="submit",{BOT}}}':
          ramp(0, step, 60) for bound, step in (("2.5", 0), ("5.0", 1), ("+Inf", 1))},
         {300: QUIET, 315: HIGH}, labels={}),
    Case("slow cancels", "BrokerLatencyP95High", calls("cancel", 4.0, 50), {360: QUIET}),
    Case("a trip every 15 s", "GuardTripSpike", trips("a", ramp(0, 1, 60)), {450: QUIET, 465: HIGH},
         labels={"job": "gpt-trader", "instance": "bot:8080", "guard": "a", "category": "limit", "recoverable": "true"}),
    Case("ten thousand at once", "GuardTripSpike", trips("a", counted(0, 10_000)), {300: QUIET, 345: QUIET, 375: QUIET}),
]  # fmt: skip

CASES: list[Case] = [
    *(case for name in SIGNALS for case in signal_cases(name)),
    *WITHOUT_SIGNALS,
    *LIVENESS,
    *FEEDS,
    *TELEMETRY,
    *OF_THE_DEAD,
    *PLAYBOOK,
]
