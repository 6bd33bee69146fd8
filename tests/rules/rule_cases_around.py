"""What the rules about everything around the bots are to do: exporters, targets that vanish, Collectors."""

from rule_words import (
    BEFORE,
    BOT,
    EXPORTER,
    JOB,
    OTHER,
    QUIET,
    STEP,
    WHO,
    Case,
    Said,
    Values,
    clock,
    heartbeat,
    level,
    ramp,
    up,
)

WRITTEN = "coinbase_trader_metrics_timestamp_seconds"
EXPORTERS_LABELS = {"job": "gpt-trader-exporter", "instance": "bot:9000"}
ON_ITS_HOST = {**EXPORTERS_LABELS, "host": "bot"}
OLD = {"critical": "bot:9000 of gpt-trader-exporter: what the bot wrote last is 6m 15s old."}
SIX_MINUTES = 375


def down(who: str) -> Said:
    """Return what is said of an exporter that does not answer."""
    return {"critical": f"{who}the scrapes fail (up is 0)."}


def written(values: Values, who: str = EXPORTER) -> dict[str, Values]:
    """Return when the bot wrote last, as an exporter says."""
    return {f"{WRITTEN}{{{who}}}": values}


EXPORTERS = [
    Case("the exporter is down for two minutes", "ExporterDown", up(level((1, 4), (0, 12), (1, 4)), EXPORTER),
         {165: QUIET, 180: down("bot:9000 of gpt-trader-exporter: "), 240: QUIET}, labels=EXPORTERS_LABELS),
    Case("under the bot's job, known by what it exposed", "ExporterDown",
         up(level((1, 4), (0, 12)))
         | {f"gpt_trader_metrics_timestamp_seconds{{{BOT}}}": level((1, 4), (None, 12))},
         {165: QUIET, 180: down(WHO)}),
    Case("the exporter restarts", "ExporterDown", up(level((1, 4), (0, 8), (1, 8)), EXPORTER), {180: QUIET}),
    Case("no exporter, none missed", "ExporterDown", up(level((0, 40)), 'job="node",instance="n:1"'), {300: QUIET}),
    Case("what the bot wrote is six minutes old", "ExporterDataOld", written(level((0, 40))),
         {300: QUIET, 360: QUIET, SIX_MINUTES: OLD}, labels=ON_ITS_HOST),
    Case("it writes once in five minutes", "ExporterDataOld",
         written([STEP * (n // 20) * 20 for n in range(80)]), dict.fromkeys(range(0, 1200, STEP), QUIET)),
    Case("the bot on its host is down, which is told already", "ExporterDataOld",
         written(level((0, 80))) | up(level((1, 4), (0, 76))), dict.fromkeys(range(0, 1200, STEP), QUIET)),
    Case("the bot on its host comes and goes, and is not told to be down", "ExporterDataOld",
         written(level((0, 40))) | up(level((1, 4), *[(0, 7), (1, 1)] * 5)), {SIX_MINUTES: OLD}, labels=ON_ITS_HOST),
    Case("the bot of another host is down", "ExporterDataOld",
         written(level((0, 40))) | up(level((1, 4), (0, 36)), OTHER), {SIX_MINUTES: OLD}, labels=ON_ITS_HOST),
    Case("the bot that is down is back, and writes nothing", "ExporterDataOld",
         written(level((0, 80))) | up(level((1, 4), (0, 36), (1, 40))), {600: QUIET, 645: QUIET, 660: {
             "critical": "bot:9000 of gpt-trader-exporter: what the bot wrote last is 11m 0s old."}},
         labels=ON_ITS_HOST),
    Case("of two bots on a host one hangs, and none is down", "ExporterDataOld",
         written(ramp(0, STEP, 40), EXPORTER + ',profile="a"') | written(level((0, 40)), EXPORTER + ',profile="b"')
         | up(level((1, 40))) | up(level((1, 40)), BOT.replace("8080", "8081")),
         {SIX_MINUTES: OLD}, labels={**ON_ITS_HOST, "profile": "b"}),
    Case("of two bots on a host one is down and one hangs: one explains no two", "ExporterDataOld",
         written(level((0, 40)), EXPORTER + ',profile="a"') | written(level((0, 40)), EXPORTER + ',profile="b"')
         | up(level((1, 4), (0, 36))) | up(level((1, 40)), BOT.replace("8080", "8081")),
         {360: QUIET, SIX_MINUTES: OLD}, labels={**ON_ITS_HOST, "profile": "a"},
         beside={**ON_ITS_HOST, "profile": "b"}),
    Case("what is explained on another host explains nothing here", "ExporterDataOld",
         written(level((0, 40))) | up(level((1, 40)))
         | written(level((0, 40)), EXPORTER.replace("bot:", "other:")) | up(level((1, 4), (0, 36)), OTHER),
         {360: QUIET, SIX_MINUTES: OLD}, labels=ON_ITS_HOST),
    Case("an exporter without a port in its name", "ExporterDataOld",
         written(level((0, 40)), 'job="gpt-trader-exporter",instance="desk"')
         | up(level((1, 4), (0, 36)), 'job="gpt-trader",instance="other-desk"'),
         {SIX_MINUTES: {"critical": OLD["critical"].replace("bot:9000", "desk")}},
         labels={**ON_ITS_HOST, "instance": "desk", "host": "desk"}),
]  # fmt: skip


def gone(number: int, job: str = "gpt-trader") -> Said:
    """Return what is said of targets that are known no more."""
    return {
        "critical": f"{job}: {number} fewer of its targets are known to Prometheus than within the last 12 hours, "
        "and that for 2 minutes."
    }


VANISHED = [
    Case("one target of two vanishes", "TargetGone",
         up(level((1, 80), (None, 40))) | up(level((1, 120)), OTHER),
         {1305: QUIET, 1320: gone(1), 1785: gone(1)}, labels=JOB),
    Case("all targets vanish, for twelve hours", "TargetGone", up(level((1, 80), (None, 3000))),
         {1260: QUIET, 1320: gone(1), 44_340: gone(1), 44_640: QUIET}, labels=JOB, every=4),
    Case("one was taken out, and then another vanishes: that is another alert", "TargetGone",
         up(level((1, 80), (None, 120))) | up(level((1, 140), (None, 60)), OTHER)
         | up(level((1, 200)), BOT.replace("bot:", "third:")),
         {1320: gone(1), 2205: gone(1), 2220: gone(2), 2900: gone(2)}, labels=JOB),
    Case("a target moves to another address", "TargetGone",
         up(level((1, 80), (None, 200))) | up(level((None, 84), (1, 196)), OTHER),
         dict.fromkeys(range(0, 4200, 60), QUIET)),
    Case("a target that follows another is beside it for some minutes", "TargetGone",
         up(level((1, 80), (None, 200))) | up(level((None, 60), (1, 220)), OTHER),
         dict.fromkeys(range(0, 4200, 60), QUIET)),
    Case("a target that was there for some minutes", "TargetGone",
         up(level((1, 28), (None, 40))), dict.fromkeys(range(0, 1000, 60), QUIET)),
    Case("an exporter vanishes", "TargetGone", up(level((1, 80), (None, 40)), EXPORTER),
         {1305: QUIET, 1320: gone(1, "gpt-trader-exporter")}, labels={"job": "gpt-trader-exporter"}),
    Case("another job's target vanishes", "TargetGone", up(level((1, 80), (None, 40)), 'job="node",instance="n:1"'),
         {1320: QUIET, 1500: QUIET}),
]  # fmt: skip

AGENT = 'job="gpt-trader-collector",instance="agent:8888"'
GATEWAY = 'job="gpt-trader-gateway",instance="gateway:8888"'
OF_AGENT = {"job": "gpt-trader-collector", "instance": "agent:8888"}
OF_GATEWAY = {"job": "gpt-trader-gateway", "instance": "gateway:8888"}
FAILS, NOWHERE = (
    "the scrapes fail (up is 0). Bots send to others, where there are any.",
    (
        "the scrapes fail (up is 0), as do those of every other Collector. Nobody sees the bots that send; whether they "
        "trade is not known."
    ),
)
SENDS = heartbeat(clock(0, BEFORE, scrapes=40), 'job="gpt-trader",instance="5f0c"')
"""A bot that nobody scrapes, until its Collector ends."""
LATE = BEFORE + 120


def dead(who: str, *severities: str) -> Said:
    """Return what is said of a Collector that does not answer."""
    return {one: f"{who}{FAILS if one == 'warning' else NOWHERE}" for one in severities}


def own(name: str, values: Values, who: str = GATEWAY, labels: str = "") -> dict[str, Values]:
    """Return a series that a Collector tells of itself."""
    return {f"otelcol_{name}{{{labels}{who}}}": values}


def lives(*minutes: int, service: str = "gpt-trader-gateway") -> dict[str, Values]:
    """Return what tells one start of a Collector from the next, each a minute long."""
    return {
        f'target_info{{service_name="{service}",service_instance_id="{minute}",{GATEWAY}}}': level(
            (None, 4 * minute), (1, 4), (None, 4)
        )
        for minute in minutes
    }


def failed(number: int) -> Said:
    """Return what is said of points that a gateway could not hand on."""
    return {
        "warning": f"gateway:8888 of gpt-trader-gateway: prometheus_remote_write failed to hand on {number} points in 5 minutes."
    }


def refused(number: int) -> Said:
    """Return what is said of points that a gateway refused."""
    return {"warning": f"gateway:8888 of gpt-trader-gateway: {number} points were refused in 5 minutes."}


WRITES, FORWARDS, BY = 'exporter="prometheus_remote_write",', 'exporter="otlp_grpc",', 'receiver="otlp",transport="{}",'
AGAIN = {"warning": "gateway:8888 of gpt-trader-gateway: 4 restarts in 15 minutes."}
STUCK = {"warning": "agent:8888 of gpt-trader-collector: 20kiB wait in the queue of otlp_grpc."}
HALF_FULL = {
    "warning": "agent:8888 of gpt-trader-collector: the queue of otlp_grpc is 50.2% full. What comes when it is full is refused."
}
QUEUED = {**OF_AGENT, "exporter": "otlp_grpc", "data_type": "metrics"}
QUEUE = 'data_type="metrics",exporter="otlp_grpc",'

COLLECTORS = [
    Case("the only Collector ends, and there are bots that send", "CollectorDown",
         SENDS | up(level((1, 80), (0, 40)), AGENT),
         {LATE - STEP: QUIET, LATE: dead("agent:8888 of gpt-trader-collector: ", "warning", "critical")},
         labels=OF_AGENT),
    Case("and comes back", "CollectorDown", SENDS | up(level((1, 80), (0, 20), (1, 20)), AGENT),
         {BEFORE + 285: dead("agent:8888 of gpt-trader-collector: ", "warning", "critical"), BEFORE + 300: QUIET},
         labels=OF_AGENT),
    Case("a restart is quicker", "CollectorDown", SENDS | up(level((1, 80), (0, 8), (1, 20)), AGENT),
         dict.fromkeys(range(BEFORE, BEFORE + 300, STEP), QUIET)),
    Case("one gateway of two", "CollectorDown",
         SENDS | up(level((1, 80), (0, 40)), GATEWAY) | up(level((1, 120)), GATEWAY.replace("gateway:", "other:")),
         {LATE - STEP: QUIET, LATE: dead("gateway:8888 of gpt-trader-gateway: ", "warning")}, labels=OF_GATEWAY),
    Case("the gateway, while an agent answers: its bots are missed by themselves", "CollectorDown",
         SENDS | up(level((1, 80), (0, 40)), GATEWAY) | up(level((1, 120)), AGENT),
         {LATE: dead("gateway:8888 of gpt-trader-gateway: ", "warning")}, labels=OF_GATEWAY),
    Case("where all bots are scraped themselves, nobody is blind", "CollectorDown",
         heartbeat(clock(0, BEFORE + 600)) | up(level((1, 120))) | up(level((1, 80), (0, 40)), AGENT),
         {LATE - STEP: QUIET, LATE: dead("agent:8888 of gpt-trader-collector: ", "warning")}, labels=OF_AGENT),
    Case("bots that send have been away for half a day", "CollectorDown",
         SENDS | up(level((1, 3100), (0, 40)), AGENT), {46_620: dead("agent:8888 of gpt-trader-collector: ", "warning")},
         labels=OF_AGENT, every=4),
    Case("under any job, by the service's name in its own series", "CollectorDown",
         SENDS | up(level((1, 80), (0, 40)), 'job="x",instance="x:1"')
         | {'target_info{service_name="gpt-trader-collector",job="x",instance="x:1"}': level((1, 80), (None, 40))},
         {LATE: dead("x:1 of x: ", "warning", "critical")}, labels={"job": "x", "instance": "x:1"}),
    Case("a Collector of somebody else's", "CollectorDown",
         SENDS | up(level((1, 80), (0, 40)), 'job="x",instance="x:1"')
         | {'target_info{service_name="otelcol",job="x",instance="x:1"}': level((1, 80), (None, 40))}, {LATE: QUIET}),
    Case("the fourth restart in a quarter of an hour", "CollectorRestarting", lives(*range(5)),
         {225: QUIET, 240: AGAIN, 945: AGAIN, 960: QUIET},
         labels=OF_GATEWAY),
    Case("the third", "CollectorRestarting", lives(*range(4)), dict.fromkeys(range(0, 1200, STEP), QUIET)),
    Case("of somebody else's", "CollectorRestarting", lives(*range(9), service="otelcol"), {600: QUIET}),
    Case("a gateway's backend answers no more", "CollectorSendFailing",
         own("exporter_send_failed_metric_points", [*level((0, 4)), *ramp(10, 10, 60)], labels=WRITES),
         {345: QUIET, 360: failed(200), 900: failed(200)}, labels={**OF_GATEWAY, "exporter": "prometheus_remote_write"}),
    Case("it was started anew in a moment", "CollectorSendFailing",
         own("exporter_send_failed_metric_points", level((0, 4), (300, 44)), labels=WRITES),
         dict.fromkeys(range(0, 720, STEP), QUIET)),
    Case("nothing ever failed", "CollectorSendFailing",
         own("exporter_send_failed_metric_points", level((0, 60)), labels=WRITES), {600: QUIET, 885: QUIET}),
    Case("an agent whose gateway is away", "CollectorQueueStuck",
         own("exporter_queue_size", level((0, 4), (20_480, 40)), AGENT, QUEUE)
         | own("exporter_sent_metric_points", level((9, 44)), AGENT, FORWARDS),
         {345: QUIET, 360: STUCK, 645: STUCK}, labels=QUEUED),
    Case("an agent that never reached its gateway", "CollectorQueueStuck",
         own("exporter_queue_size", level((0, 4), (20_480, 40)), AGENT, QUEUE)
         | own("exporter_sent_metric_points", ramp(0, 10, 44), AGENT, 'exporter="prometheus",'),
         {345: QUIET, 360: STUCK}, labels=QUEUED),
    Case("and reaches it", "CollectorQueueStuck",
         own("exporter_queue_size", level((20_480, 90)), AGENT, QUEUE)
         | own("exporter_sent_metric_points", level((9, 30), (10, 1), (20, 59)), AGENT, FORWARDS),
         {435: STUCK, 450: QUIET, 1050: QUIET, 1065: STUCK}, labels=QUEUED),
    Case("a queue that always holds something, and moves", "CollectorQueueStuck",
         own("exporter_queue_size", level((20_480, 60)), AGENT, QUEUE)
         | own("exporter_sent_metric_points", ramp(0, 10, 60), AGENT, FORWARDS),
         dict.fromkeys(range(0, 900, STEP), QUIET) | {0: QUIET}),
    Case("an empty queue", "CollectorQueueStuck", own("exporter_queue_size", level((0, 60)), AGENT, QUEUE), {600: QUIET}),
    Case("more than half of the queue", "CollectorQueueFilling",
         own("exporter_queue_size", level((500, 4), (502, 20), (500, 4)), AGENT, QUEUE)
         | own("exporter_queue_capacity", level((1000, 28)), AGENT, QUEUE),
         {45: QUIET, 105: QUIET, 120: HALF_FULL, 345: HALF_FULL, 360: QUIET}, labels=QUEUED),
    Case("a queue without an end", "CollectorQueueFilling",
         own("exporter_queue_size", level((500, 40)), AGENT, QUEUE)
         | own("exporter_queue_capacity", level((0, 40)), AGENT, QUEUE), {300: QUIET}),
    Case("what bots send is refused, by both ways and for both reasons", "CollectorRefusing",
         own("receiver_refused_metric_points", [*level((0, 4)), *ramp(10, 10, 40)], labels=BY.format("http"))
         | own("receiver_refused_metric_points", [*level((0, 4)), *ramp(10, 10, 40)], labels=BY.format("grpc"))
         | own("receiver_failed_metric_points", [*level((0, 4)), *ramp(10, 10, 40)], labels=BY.format("grpc")),
         {345: QUIET, 360: refused(600)}, labels=OF_GATEWAY),
    Case("it is refused once, and taken again", "CollectorRefusing",
         own("receiver_refused_metric_points", level((0, 4), (300, 44)), labels=BY.format("http")),
         dict.fromkeys(range(0, 720, STEP), QUIET)),
    Case("nothing was ever refused", "CollectorRefusing",
         own("receiver_refused_metric_points", level((0, 60)), labels=BY.format("http")), {600: QUIET, 885: QUIET}),
]  # fmt: skip
