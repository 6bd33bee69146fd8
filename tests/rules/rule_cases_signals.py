"""What the rules about the key thresholds are to do, and the playbook's own."""

from collections.abc import Iterable
from dataclasses import dataclass

from rule_words import BOT, QUIET, STEP, WHO, Case, Said, Values, clock, counted, heartbeat, level, ramp, up

from gpt_trader_telemetry.thresholds import SIGNALS, Thresholds


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

SIGNAL_CASES: list[Case] = [
    *(case for name in SIGNALS for case in signal_cases(name)),
    *WITHOUT_SIGNALS,
    *OF_THE_DEAD,
    *PLAYBOOK,
]
