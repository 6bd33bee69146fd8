"""Bots that trade through a day that goes wrong in one way each, at a faster clock."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gpt_trader_telemetry import Rejected, Settings, Telemetry
from gpt_trader_telemetry.thresholds import MARKET_DATA_STALENESS_SECONDS, Thresholds
from support.receivers import free_port

FACTOR = 20.0
"""Times as fast as real: five minutes are 15 s, a scrape each 15 s is one each 0.75 s."""

THRESHOLDS = Thresholds(
    window_seconds=300 / FACTOR,
    **{
        f"{signal}_{level}": getattr(Thresholds(), f"{signal}_{level}") / FACTOR
        for signal in ("broker_latency_p95_ms", "ws_staleness_seconds", "market_data_staleness_seconds")
        for level in ("warn", "crit")
    },
)
"""The playbook's, with what is measured in time divided like time."""

STEP = 0.1
SLOW = 4.0 / FACTOR


class GuardError(Exception):
    """A guard tripped."""

    category, recoverable = "limit", True


class RateLimitError(Exception):
    """The broker asks to try again."""

    status_code = 429


@dataclass
class Day:
    """How a day goes; what a scenario changes when its trouble begins."""

    rejected_of: int = 50
    """Every how many orders one is rejected."""
    order_every: float = 0.5
    cycle_every: float = 0.5
    slow: bool = False
    retries: int = 0
    guards_trip: int = 0
    """Trips to come, all in one step."""
    messages: bool = True
    market_data: bool = True
    reconnects_every: float | None = None
    decision_id: str = "d-1"
    does: list[Callable[[Telemetry], object]] = field(default_factory=list)
    """Done once each."""


class Bot:
    """A bot of a thread of its own, with a Telemetry and a listener of its own."""

    def __init__(self, **settings: Any) -> None:
        self.port = free_port()
        self.day = Day()
        self._settings = settings
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.telemetry: Telemetry | None = None

    @property
    def address(self) -> str:
        """Where it serves its metrics."""
        return f"{self._settings.get('health_host', '127.0.0.1')}:{self.port}"

    def start(self) -> None:
        """Begin to trade, from counters at zero."""
        with self._lock:
            self._stop.clear()
            self.telemetry = Telemetry(
                Settings(
                    health_server_enabled=True,
                    metrics_endpoint_enabled=True,
                    health_port=self.port,
                    thresholds=THRESHOLDS,
                    **self._settings,
                )
            )
            self._thread = threading.Thread(target=self._trade, args=(self.telemetry,), daemon=True)
            self._thread.start()

    def end(self) -> None:
        """End as a process does: nothing answers any more."""
        with self._lock:
            if self._thread is not None:
                self._stop.set()
                self._thread.join(10)
                self.telemetry.shutdown(0.2)
                self._thread = None

    def _trade(self, telemetry: Telemetry) -> None:
        desk = Desk(telemetry, self)
        while not self._stop.wait(STEP):
            desk.step()


class Desk:
    """What the bot does in each step."""

    def __init__(self, telemetry: Telemetry, bot: Bot) -> None:
        self.telemetry, self.bot = telemetry, bot
        self.orders = 0
        self.tick_at = self.reconnected_at = time.monotonic()
        # The first order and cycle come when a server has seen the counters at zero.
        self.order_at = self.cycle_at = time.monotonic() + 1.5
        telemetry.signals.set_source(MARKET_DATA_STALENESS_SECONDS, lambda: time.monotonic() - self.tick_at)
        telemetry.websocket.connected()

        @telemetry.guard("daily_loss")
        def check(*, trips: bool) -> None:
            if trips:
                raise GuardError

        self.check = check
        submit = telemetry.broker_call("submit")(self._submit)
        self.submit = submit
        self.order = telemetry.order_submission(side="side", decision_id="decision_id", classify=lambda answer: answer)(
            self._order
        )
        self.cycle = telemetry.cycle()(self._cycle)

    def step(self) -> None:
        day, now = self.bot.day, time.monotonic()
        while day.does:
            day.does.pop()(self.telemetry)
        if day.messages:
            self.telemetry.websocket.message()
        if day.market_data:
            self.tick_at = now
        if day.reconnects_every and now - self.reconnected_at >= day.reconnects_every:
            self.reconnected_at = now
            self.telemetry.websocket.disconnected(ConnectionError("closed"))
            self.telemetry.websocket.connected()
        for _ in range(day.guards_trip):
            day.guards_trip -= 1
            self._check(trips=True)
        if now >= self.cycle_at:
            self.cycle_at = now + day.cycle_every
            self.cycle()
        if now >= self.order_at:
            self.order_at = now + day.order_every
            try:
                self.order("buy", day.decision_id)
            except RateLimitError:
                pass

    def _cycle(self) -> None:
        self._check(trips=False)

    def _check(self, *, trips: bool) -> None:
        try:
            self.check(trips=trips)
        except GuardError:
            pass

    def _order(self, side: str, decision_id: str) -> Rejected | None:
        day = self.bot.day
        self.orders += 1
        for attempt in range(day.retries + 1):
            try:
                self.submit(busy=attempt < day.retries)
            except RateLimitError:
                continue
        return Rejected("insufficient_funds") if self.orders % day.rejected_of == 0 else None

    def _submit(self, *, busy: bool) -> None:
        if self.bot.day.slow:
            time.sleep(SLOW)
        if busy:
            raise RateLimitError


class HandingOn:
    """What stands in for a Collector: hands on what its bots last sent, under their own job and instance.

    A bot sends each minute; what it sent is forgotten after five, as the Collector's Prometheus exporter does.
    """

    def __init__(self, job: str) -> None:
        self.job = job
        self.bots: dict[str, Bot] = {}
        self._sent: dict[str, tuple[float, str]] = {}

    def __call__(self, path: str, body: bytes) -> bytes:
        now, texts = time.monotonic(), []
        for instance, bot in self.bots.items():
            at, _ = self._sent.get(instance, (-1e9, ""))
            if bot._thread is not None and now - at >= 60 / FACTOR:
                self._sent[instance] = (now, self._labelled(bot.telemetry.metrics_text(), instance))
        for at, text in self._sent.values():
            if now - at < 300 / FACTOR:
                texts.append(text)
        return ("\n".join(texts) + "\n").encode()

    def _labelled(self, text: str, instance: str) -> str:
        who = f'job="{self.job}",instance="{instance}"'
        lines = []
        for line in text.splitlines():
            if line.startswith("#") or not line:
                continue
            name, space, value = line.rpartition(" ")
            named, brace, labels = name.partition("{")
            lines.append(f"{named}{{{who}" + (f",{labels}" if brace else "}") + space + value)
        return "\n".join(lines)
