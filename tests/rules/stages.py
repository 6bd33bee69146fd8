"""Where days go wrong: the bots, exporters and Collectors of a scenario, and who is to hear of it."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from trading_days import FACTOR, Bot, HandingOn

from support.collector import Collector, find_collector
from support.listening import served
from support.receivers import free_port

MINUTE = 60 / FACTOR

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
    folder: Path
    bots: list[Bot] = field(default_factory=list)
    handing_on: HandingOn | None = None
    collectors: list[Collector] = field(default_factory=list)
    scraped: list[str] = field(default_factory=list)
    handed_on: list[str] = field(default_factory=list)
    """The addresses that Prometheus scrapes: of bots, exporters and Collectors themselves, and of who hands on."""
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

    @property
    def targets(self) -> Path:
        """The file from which Prometheus knows what to scrape."""
        return self.folder / f"{self.job}.targets.json"


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
    collectors: bool = False
    """Played with real Collectors, which ``place`` starts."""
    place: Callable[[Stage, ExitStack], object] = lambda stage, stack: None
    alone: bool = False
    """Before operators of its own, since it is about all Collectors that they know."""
    host: str = "127.0.0.1"
    quiet_before: Callable[[Bot], object] = lambda bot: None


def here(scenario: Scenario) -> bool:
    """Whether it can be played on this machine: Collectors must be there."""
    try:
        return not scenario.collectors or bool(find_collector())
    except pytest.skip.Exception:
        return False


def set_up(job: str, scenario: Scenario, folder: Path, stack: ExitStack) -> Stage:
    """Start a scenario's bots, and who answers for them."""
    stage = Stage(job, folder)
    settings = {"health_host": scenario.host}
    if scenario.sends:
        address = stack.enter_context(served(stage.receive))
        settings |= {"otlp_endpoint": f"http://{address}", "export_interval": MINUTE, "otlp_timeout": 0.2}
    stage.bots += [Bot(**settings) for _ in range(scenario.bots)]
    for bot in stage.bots:
        scenario.quiet_before(bot)
        bot.start()
        stack.callback(bot.end)
    if scenario.exporter:
        _export(stage, scenario.host)
        stack.callback(stage.exporter.close)
    if not scenario.over_otlp:
        stage.scraped += [bot.address for bot in stage.bots]
    if scenario.over_otlp or scenario.both_roads:
        stage.handing_on = HandingOn(job)
        stage.handing_on.bots.update({f"b-{number}": bot for number, bot in enumerate(stage.bots)})
        stage.handed_on.append(stack.enter_context(served(stage.handing_on)))
    scenario.place(stage, stack)
    stage.targets.write_text(json.dumps([{"targets": stage.scraped}]))
    return stage


def _export(stage: Stage, host: str) -> None:
    """Serve what the exporter does."""
    written, alive = "coinbase_trader_metrics_timestamp_seconds", "gpt_trader_telemetry_heartbeat_timestamp_seconds"
    port = free_port()
    stage.exporter.enter_context(
        served(lambda path, body: f"{written} {stage.exported_at()}\n{alive} {time.time()}\n".encode(), port, host=host)
    )
    stage.scraped.append(f"{host}:{port}")


def collect(stage: Stage, stack: ExitStack, name: str, *files: str, **more: str) -> Collector:
    """Start a real Collector, and have Prometheus scrape what it tells of itself."""
    folder = stage.folder / f"{stage.job}-{name}"
    folder.mkdir()
    collector = Collector(folder, *files, **more)
    collector.start()
    stack.callback(collector.kill)
    stage.collectors.append(collector)
    stage.scraped.append(f"127.0.0.1:{collector.ports['own']}")
    return collector


def one_agent(stage: Stage, stack: ExitStack) -> None:
    """Let the bots send to an agent that Prometheus scrapes, as in the compose stack."""
    forgets = f"exporters: {{prometheus: {{metric_expiration: {600 / FACTOR:g}s}}}}"
    agent = collect(stage, stack, "agent", "agent.yaml", "agent-scrape-only.yaml", extra=forgets)
    stage.handed_on.append(f"127.0.0.1:{agent.ports['shown']}")
    trade(stage, stack, 2, agent)


def one_gateway(stage: Stage, stack: ExitStack) -> None:
    """Run a gateway that nobody sends to."""
    collect(stage, stack, "gateway", "gateway.yaml")


def a_chain(stage: Stage, stack: ExitStack) -> None:
    """Let a bot that is scraped send to an agent, this to a gateway, and this to a store."""
    store = stack.enter_context(served(stage.receive))
    gateway = collect(stage, stack, "gateway", "gateway.yaml", GPT_TRADER_REMOTE_WRITE=f"http://{store}/w")
    small = "{queue_size: 30_000, batch: {min_size: 1_000, max_size: 20_000}}"
    agent = collect(
        stage, stack, "agent", "agent.yaml", extra=f"exporters: {{otlp_grpc: {{sending_queue: {small}}}}}",
        GPT_TRADER_GATEWAY=f"127.0.0.1:{gateway.ports['grpc']}",
    )  # fmt: skip
    trade(stage, stack, 1, agent)
    stage.scraped.append(stage.bot.address)


def trade(stage: Stage, stack: ExitStack, number: int, agent: Collector) -> None:
    """Start bots that send to a Collector each minute."""
    for _ in range(number):
        bot = Bot(otlp_endpoint=agent.http, export_interval=MINUTE, otlp_timeout=1.0, service_name=stage.job)
        stage.bots.append(bot)
        bot.start()
        stack.callback(bot.end)
