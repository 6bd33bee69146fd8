"""Days that go wrong: what begins, and who is to hear of it."""

import time
from collections.abc import Callable

from stages import MINUTE, Scenario, Stage, a_chain, expected, one_agent, one_gateway

BREAK = 1.5
"""Seconds that a restart takes: half a minute for the bots."""


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
        time.sleep(MINUTE)


def collector_ends(stage: Stage) -> None:
    """Kill the Collector that the bots send to."""
    stage.collectors[0].kill()


def collector_crash_loop(stage: Stage) -> None:
    """Kill the Collector each minute, and start it again."""
    for _ in range(5):
        stage.collectors[0].kill()
        stage.collectors[0].start()
        time.sleep(MINUTE)


def vanishes(stage: Stage) -> None:
    """Have Prometheus know the bot no more, as a pod that was evicted, and end it."""
    stage.targets.write_text("[]")
    stage.bot.end()


def bot_and_its_file_end(stage: Stage) -> None:
    """End the bot that the exporter reads."""
    stage.bot.end()
    stops_writing(stage)


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
HALF_REJECTED = (
    change(rejected_of=2),
    expected("OrdersFailing", "OrderErrorRateHigh high", "OrdersFailing warning"),
)
SCENARIOS: dict[str, Scenario] = {
    "quiet-day": Scenario("A quiet day: orders each ten seconds, one of fifty rejected", change(), NOBODY),
    "quiet-day-over-otlp": Scenario(
        "A quiet day of two bots that send over OTLP", change(), NOBODY, bots=2, over_otlp=True
    ),
    "order-errors": Scenario("Every second order is rejected", *HALF_REJECTED),
    "order-errors-on-both-roads": Scenario(
        "The same of a bot that is scraped and sends over OTLP as well", *HALF_REJECTED, both_roads=True
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
        "The only Collector is killed; two bots sent to it",
        collector_ends,
        expected("CollectorDown", perhaps="CollectorDown warning, MetricsEndpointDown critical"),
        bots=0,
        collectors=True,
        place=one_agent,
        alone=True,
    ),
    "dead-gateway": Scenario(
        "A Collector of several is killed",
        collector_ends,
        expected(ticket="CollectorDown warning", perhaps="MetricsEndpointDown critical"),
        bots=0,
        collectors=True,
        place=one_gateway,
    ),
    "collector-crash-loop": Scenario(
        "A Collector is killed and started again each minute",
        collector_crash_loop,
        expected(ticket="CollectorRestarting warning", perhaps="CollectorDown warning"),
        bots=0,
        collectors=True,
        place=one_gateway,
    ),
    "store-away": Scenario(
        "The store behind agent and gateway takes no more; the agent's queue is small; the bot is scraped as well",
        lambda stage: stage.refuse.set(),
        expected(
            ticket="CollectorSendFailing warning, CollectorQueueStuck warning, CollectorQueueFilling warning, "
            "TelemetryExportFailing warning",
            # The gateway's is kept back; the agent's joins its group, and is told with it ten minutes later.
            perhaps="CollectorRefusing warning",
        ),
        bots=0,
        collectors=True,
        place=a_chain,
    ),
    "vanished-bot": Scenario("The bot's pod vanishes: Prometheus knows it no more", vanishes, expected("TargetGone")),
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
        host="127.0.0.3",
    ),
    "dead-bot-of-an-exporter": Scenario(
        "The bot is killed; Prometheus scraped it, and the exporter beside it",
        bot_and_its_file_end,
        expected("BotDown", perhaps="MetricsEndpointDown critical"),
        exporter=True,
        host="127.0.0.2",
    ),
    "no-way-to-the-collector": Scenario(
        "A bot that is scraped also sends over OTLP, and is refused",
        lambda stage: stage.refuse.set(),
        expected(ticket="TelemetryExportFailing warning"),
        sends=True,
    ),
    "bad-values": Scenario("The bot records what is no number", bad_value, expected(ticket="TelemetryErrors warning")),
}
