"""What the rules about bots are to do that no signal covers: whether they are there and trade, their feeds and telemetry."""

from rule_words import (
    BEFORE,
    BOT,
    EXPORTER,
    FIRST,
    JOB,
    QUIET,
    SECOND,
    STEP,
    THIRD,
    WHO,
    Case,
    Said,
    Values,
    clock,
    counted,
    heartbeat,
    level,
    ramp,
    up,
)

DOWN = {"critical": f"{WHO}the scrapes fail (up is 0). It has ended, hangs, or is cut off."}


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
