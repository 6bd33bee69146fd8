"""Days that go wrong, played twenty times as fast before a real Prometheus and a real Alertmanager.

All at once, each under a job of its own. With WRITE_ALERT_SCENARIOS=1 the run writes docs/alert-scenarios.json, which
docs/alerts.md shows.
"""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from operators_programs import Operators, free_port, operators, served
from promtool import alerting, committed
from trading_days import FACTOR, THRESHOLDS, Bot, HandingOn

DOCS = Path(__file__).parents[2] / "docs"
MISSING = [tool for tool in ("prometheus", "prometheus-alertmanager") if shutil.which(tool) is None]
pytestmark = [
    pytest.mark.soak,
    pytest.mark.alone,
    pytest.mark.skipif(bool(MISSING), reason=f"{' and '.join(MISSING)} not on this machine"),
]

CALM = 95.0
"""Seconds of peace: half an hour of a bot's, before which nobody knows what is usual for it."""
TROUBLE = 45.0
"""Seconds of trouble: a quarter of an hour for the bots, time for the slowest of the alerts."""
BREAK = 1.5
"""Seconds that a restart takes: half a minute for the bots."""

Expected = Mapping[str, frozenset[str]]


def expected(page: str = "", ticket: str = "", perhaps: str = "") -> Expected:
    """Name the alerts that must page, that must make a ticket, and that may make one before something inhibits them."""
    return {
        "page": frozenset(f"{name} critical" for name in page.split()),
        "ticket": frozenset(ticket.split(", ")) - {""},
        "perhaps": frozenset(perhaps.split(", ")) - {""},
    }


@dataclass
class Stage:
    """What a scenario plays on: its bots, and who hands on what they send where Prometheus does not scrape them."""

    job: str
    bots: list[Bot]
    handing_on: HandingOn | None = None
    scraped: int | None = None
    handed_on: int | None = None
    """The ports that Prometheus scrapes: the bot's own or the exporter's, and the Collector's."""
    exported_at: Callable[[], float] = time.time
    exporter: ExitStack = field(default_factory=ExitStack)
    refuse: threading.Event = field(default_factory=threading.Event)

    def receive(self, path: str, body: bytes) -> bytes:
        """Take an export, with the empty answer that says so."""
        if self.refuse.is_set():
            raise LookupError
        return b""

    @property
    def bot(self) -> Bot:
        return self.bots[0]


@dataclass(frozen=True)
class Scenario:
    """A day, what goes wrong, and who is to hear of it."""

    what: str
    begin: Callable[[Stage], object]
    heard: Expected
    bots: int = 1
    over_otlp: bool = False
    """Sent to a Collector, and scraped only there."""
    both_roads: bool = False
    """Scraped as well as sent."""
    exporter: bool = False
    sends: bool = False
    """To a receiver of its own, beside being scraped."""
    quiet_before: Callable[[Bot], object] = lambda bot: None


def change(**days: object) -> Callable[[Stage], None]:
    """Change how the bot's day goes."""

    def begin(stage: Stage) -> None:
        for name, value in days.items():
            setattr(stage.bot.day, name, value)

    return begin


def restart(stage: Stage) -> None:
    """End the bot, and start it again with counters at zero."""
    stage.bot.end()
    if stage.handing_on:
        (instance,) = stage.handing_on.bots
        # What was sent last under the old instance id stays until it expires.
        del stage.handing_on.bots[instance]
    time.sleep(BREAK)
    stage.bot.start()
    if stage.handing_on:
        stage.handing_on.bots["b-restarted"] = stage.bot


def crash_loop(stage: Stage) -> None:
    """Restart the bot each minute."""
    for _ in range(6):
        stage.bot.end()
        stage.bot.start()
        time.sleep(60 / FACTOR)


def collector_ends(stage: Stage) -> None:
    """Have the Collector answer no more."""
    stage.handing_on.answers = False


def stops_writing(stage: Stage) -> None:
    """Have the bot write no more metrics."""
    now = time.time()
    stage.exported_at = lambda: now


def bad_data(stage: Stage) -> None:
    """Load bad candles, and find marks stale."""
    stage.bot.day.does.append(lambda telemetry: telemetry.record_data_quality("BTC-USD", "1h", 0.8, [("gap", "error")]))
    stage.bot.day.does.append(lambda telemetry: telemetry.record_counter("gpt_trader_stale_marks_total", 6))


def bad_value(stage: Stage) -> None:
    """Record what is no number."""
    stage.bot.day.does.append(lambda telemetry: telemetry.record_gauge("gpt_trader_open_orders", float("nan")))


def lonely(stage: Stage) -> None:
    """Have one order refused, in a night without others."""

    def refuse(telemetry) -> None:
        with telemetry.order_submission(side="buy") as order:
            order.reject("invalid_price")

    stage.bot.day.does.append(refuse)


NOBODY = expected()
SCENARIOS: dict[str, Scenario] = {
    "quiet-day": Scenario("A quiet day: orders each ten seconds, one of fifty rejected", change(), NOBODY),
    "quiet-day-over-otlp": Scenario(
        "A quiet day of two bots that send over OTLP", change(), NOBODY, bots=2, over_otlp=True
    ),
    "order-errors": Scenario(
        "Every second order is rejected",
        change(rejected_of=2),
        expected("OrdersFailing", "OrderErrorRateHigh high", "OrdersFailing warning"),
    ),
    "order-errors-on-both-roads": Scenario(
        "The same of a bot that is scraped and sends over OTLP as well",
        change(rejected_of=2),
        expected("OrdersFailing", "OrderErrorRateHigh high", "OrdersFailing warning"),
        both_roads=True,
    ),
    "order-retries": Scenario(
        "The broker asks to try again, once for each order",
        change(retries=1),
        expected("OrdersRetried", perhaps="OrdersRetried warning"),
    ),
    "slow-broker": Scenario(
        "Each call takes 4 s",
        change(slow=True),
        expected("BrokerSlow", "BrokerLatencyP95High high", "BrokerSlow warning"),
    ),
    "guard-spike": Scenario(
        "A guard trips 12 times at once",
        change(guards_trip=12),
        expected("GuardTripBurst", perhaps="GuardTripBurst warning"),
    ),
    "silent-feed": Scenario(
        "The WebSocket is connected and says nothing",
        change(messages=False),
        expected("WebSocketStale", perhaps="WebSocketStale warning"),
    ),
    "stale-market-data": Scenario(
        "One symbol's prices stand still while messages come",
        change(market_data=False),
        expected("MarketDataStale", perhaps="MarketDataStale warning"),
    ),
    "reconnect-loop": Scenario(
        "The WebSocket is connected anew each 20 s", change(reconnects_every=1.0), expected("WebSocketReconnectLoop")
    ),
    "missing-ids": Scenario(
        "Orders are sent without a decision id",
        change(decision_id=""),
        expected("DecisionIdsMissing", perhaps="DecisionIdsMissing warning"),
    ),
    "bad-data": Scenario(
        "Candles with gaps, and six stale marks",
        bad_data,
        expected(ticket="DataQualityLow warning, StaleMarks warning"),
    ),
    "dead-bot": Scenario(
        "The bot is killed; Prometheus scraped it",
        lambda stage: stage.bot.end(),
        expected("BotDown", perhaps="MetricsEndpointDown critical"),
    ),
    "dead-bot-over-otlp": Scenario(
        "One bot of two is killed; they sent over OTLP",
        lambda stage: stage.bot.end(),
        expected("BotNotReporting"),
        bots=2,
        over_otlp=True,
    ),
    "dead-collector": Scenario(
        "The Collector of two bots is killed", collector_ends, expected("BotNotReporting"), bots=2, over_otlp=True
    ),
    "hung-bot": Scenario(
        "The bot answers and makes no more cycles", change(cycle_every=1e6), expected("BotNotTrading")
    ),
    "restart": Scenario("The bot is restarted in half a minute; counters begin at zero", restart, NOBODY),
    "restart-over-otlp": Scenario("The same of a bot that sends over OTLP", restart, NOBODY, over_otlp=True),
    "crash-loop": Scenario(
        "The bot is restarted each minute",
        crash_loop,
        expected("BotRestarting"),
    ),
    "lonely-failed-order": Scenario(
        "One order in a night without others fails",
        lonely,
        expected(ticket="OrderErrorRateHigh high"),
        quiet_before=lambda bot: setattr(bot.day, "order_every", 1e6),
    ),
    "dead-exporter": Scenario(
        "The out-of-process exporter is killed",
        lambda stage: stage.exporter.close(),
        expected("ExporterDown", perhaps="MetricsEndpointDown critical"),
        bots=0,
        exporter=True,
    ),
    "silent-exporter": Scenario(
        "The exporter answers, the bot writes nothing",
        stops_writing,
        expected("ExporterDataOld"),
        bots=0,
        exporter=True,
    ),
    "no-way-to-the-collector": Scenario(
        "A bot that is scraped also sends over OTLP, and is refused",
        lambda stage: stage.refuse.set(),
        expected(ticket="TelemetryExportFailing warning"),
        sends=True,
    ),
    "bad-values": Scenario("The bot records what is no number", bad_value, expected(ticket="TelemetryErrors warning")),
}


@dataclass(frozen=True)
class Outcome:
    """Who heard of what in a scenario: seconds of the bots' clock from the beginning of the trouble."""

    page: Mapping[str, float]
    ticket: Mapping[str, float]
    fired: Mapping[str, float]
    instances: Mapping[str, int]
    """By how many instances each alert was told of."""
    incidents: int
    """How many groups a pager or a ticket system was told of."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> Mapping[str, Outcome]:
    """Play all days at once."""
    with ExitStack() as stack:
        stages = {job: _set_up(job, scenario, stack) for job, scenario in SCENARIOS.items()}
        scraped = {job: stage.scraped for job, stage in stages.items() if stage.scraped}
        handed_on = {job: stage.handed_on for job, stage in stages.items() if stage.handed_on}
        folder = tmp_path_factory.mktemp("operators")
        with operators(folder, THRESHOLDS, FACTOR, scraped, handed_on) as programs:
            time.sleep(CALM)
            begun = time.time()
            troubles = [
                threading.Thread(target=scenario.begin, args=(stages[job],)) for job, scenario in SCENARIOS.items()
            ]
            for trouble in troubles:
                trouble.start()
            time.sleep(TROUBLE)
            for trouble in troubles:
                trouble.join(10)
            assert {rule["name"]: rule["lastError"] for rule in programs.rules() if rule["health"] != "ok"} == {}
            told = {job: _outcome(job, programs, begun) for job in SCENARIOS}
    if os.environ.get("WRITE_ALERT_SCENARIOS"):
        _write(told)
    return told


def _set_up(job: str, scenario: Scenario, stack: ExitStack) -> Stage:
    """Start a scenario's bots, and who answers for them."""
    stage = Stage(job, [])
    settings = {}
    if scenario.sends:
        port = stack.enter_context(served(stage.receive)).server_address[1]
        settings = {"otlp_endpoint": f"http://127.0.0.1:{port}", "export_interval": 60 / FACTOR, "otlp_timeout": 0.2}
    stage.bots += [Bot(**settings) for _ in range(scenario.bots)]
    for bot in stage.bots:
        scenario.quiet_before(bot)
        bot.start()
        stack.callback(bot.end)
    if scenario.exporter:
        written, alive = "coinbase_trader_metrics_timestamp_seconds", "gpt_trader_telemetry_heartbeat_timestamp_seconds"
        stage.scraped = free_port()
        stage.exporter.enter_context(
            served(
                lambda path, body: f"{written} {stage.exported_at()}\n{alive} {time.time()}\n".encode(), stage.scraped
            )
        )
        stack.callback(stage.exporter.close)
    elif not scenario.over_otlp:
        stage.scraped = stage.bot.port
    if scenario.over_otlp or scenario.both_roads:
        stage.handing_on = HandingOn(job)
        stage.handing_on.bots.update({f"b-{number}": bot for number, bot in enumerate(stage.bots)})
        stage.handed_on = stack.enter_context(served(stage.handing_on)).server_address[1]
    return stage


def _outcome(job: str, programs: Operators, begun: float) -> Outcome:
    def after(times: Mapping[str, float]) -> dict[str, float]:
        return {name: (at - begun) * FACTOR for name, at in sorted(times.items(), key=lambda item: item[1])}

    told = programs.heard.firing(job)
    return Outcome(
        after(told["page"]),
        after(told["ticket"]),
        after(programs.fired(job)),
        programs.heard.instances(job),
        len(programs.heard.incidents.get(job, ())),
    )


def _write(outcomes: Mapping[str, Outcome]) -> None:
    rows = [
        {
            "scenario": scenario.what,
            "page": {name.split()[0]: round(seconds) for name, seconds in outcomes[job].page.items()},
            # Whether a warning is told before its critical alert inhibits it is a matter of luck.
            "ticket": {
                name.split()[0]: round(seconds)
                for name, seconds in outcomes[job].ticket.items()
                if name in scenario.heard["ticket"]
            },
        }
        for job, scenario in SCENARIOS.items()
    ]
    (DOCS / "alert-scenarios.json").write_text(json.dumps(rows, indent=2) + "\n")


@pytest.mark.parametrize("job", SCENARIOS)
def test_the_right_people_hear_the_right_thing(job: str, outcomes) -> None:
    """Pages exactly as expected; tickets, too, but for warnings that are inhibited sooner or later."""
    heard, outcome = SCENARIOS[job].heard, outcomes[job]
    assert set(outcome.page) == heard["page"], outcome
    assert heard["ticket"] <= set(outcome.ticket) <= heard["ticket"] | heard["perhaps"], outcome


def test_nothing_was_told_before_there_was_trouble(outcomes) -> None:
    """Half a minute, or ten minutes for the bots, in which nobody is to be woken."""
    assert {job: outcome for job, outcome in outcomes.items() if any(at < 0 for at in outcome.fired.values())} == {}


def test_every_generated_alert_fired_somewhere(outcomes) -> None:
    """And no scenario's alert is missing from the table."""
    fired = {name for outcome in outcomes.values() for name in outcome.fired}
    generated = {
        f"{name} {severity}" for (name, severity), rule in alerting(committed()).items() if "annotations" in rule
    }
    assert generated <= fired


def test_nobody_hears_of_a_warning_that_is_critical(outcomes) -> None:
    """Where both fire at once, Alertmanager keeps the warning to itself."""
    outcome = outcomes["guard-spike"]
    assert "GuardTripBurst warning" in outcome.fired
    assert "GuardTripBurst warning" not in outcome.ticket


def test_a_bot_on_both_roads_is_one_incident(outcomes) -> None:
    """Scraped and sent, its alert fires for two instances and pages once: they are one group of Alertmanager's."""
    outcome = outcomes["order-errors-on-both-roads"]
    assert outcome.instances["OrdersFailing critical"] == 2
    assert outcome.incidents - len(outcome.ticket) == 1


def test_the_table_in_the_docs_is_of_these_days() -> None:
    """Every scenario has its row, with the alerts that it is expected to raise; the times are those last measured."""
    rows = json.loads((DOCS / "alert-scenarios.json").read_text())
    found = [(row["scenario"], set(row["page"]), set(row["ticket"])) for row in rows]
    assert found == [
        (scenario.what, *({name.split()[0] for name in scenario.heard[channel]} for channel in ("page", "ticket")))
        for scenario in SCENARIOS.values()
    ]
    assert all(0 < seconds < 60 * 15 for row in rows for seconds in (*row["page"].values(), *row["ticket"].values()))
