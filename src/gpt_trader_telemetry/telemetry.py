"""Telemetry owns everything: the pipeline, the HTTP server, and what is recorded through it.

What a Telemetry is made of is loaded when one is made: a program that only imports the names pays for the names.
"""

# ruff: noqa: PLC0415 - see above

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from gpt_trader_telemetry import instrument
from gpt_trader_telemetry.errors import ConfigurationError
from gpt_trader_telemetry.instrument.account import Account
from gpt_trader_telemetry.instrument.binding import bind
from gpt_trader_telemetry.instrument.broker import BrokerCall
from gpt_trader_telemetry.instrument.guards import GuardRun
from gpt_trader_telemetry.instrument.identifying import identify
from gpt_trader_telemetry.instrument.instrument import Instrument
from gpt_trader_telemetry.instrument.market_data import MarketData
from gpt_trader_telemetry.instrument.order import OrderSubmission
from gpt_trader_telemetry.instrument.process import ProcessUsage
from gpt_trader_telemetry.instrument.record import Labels
from gpt_trader_telemetry.instrument.site import NOTHING, Scope
from gpt_trader_telemetry.instrument.verdicts import Classify
from gpt_trader_telemetry.instrument.websocket import WebSocket
from gpt_trader_telemetry.pipeline.delivery import Delivery, in_turn
from gpt_trader_telemetry.pipeline.ticker import Ticker
from gpt_trader_telemetry.process_end import AtProcessEnd
from gpt_trader_telemetry.recording.current import DEFAULT, Slot
from gpt_trader_telemetry.recording.recorder import OfOneProcess, each_of
from gpt_trader_telemetry.settings import Settings

if TYPE_CHECKING:
    from gpt_trader_telemetry.http.asgi import AsgiApp
    from gpt_trader_telemetry.http.endpoints import Endpoints
    from gpt_trader_telemetry.http.health_server import HealthServer
    from gpt_trader_telemetry.http.wsgi import WsgiApp
    from gpt_trader_telemetry.integrations.objects import ObjectT, Operation

_SERVER_STOP_TIMEOUT: Final = 0.4
_SAMPLE_INTERVAL: Final = 1.0
_LONGEST_WAIT: Final = 1e6


class Telemetry:
    """The telemetry of one bot. Several may live in one process; they share nothing.

    It opens what its settings ask for when it is made, and closes it in ``shutdown`` or at the end of a
    ``with`` block.

    Args:
        settings: what to open; read from the environment unless given.
        meter_provider: record through this OpenTelemetry MeterProvider instead of the built-in cells; its owner
            exports.
        tracer_provider: open spans through this OpenTelemetry TracerProvider; its owner exports. Left out, the
            global one that there is by now, or one of our own where ``settings`` name an endpoint for traces.
        clock: seconds of a clock that only goes forward, for windows, ages and health; tests give their own.

    Raises:
        ConfigurationError: a setting that cannot be meant, or a port that is taken.

    >>> with Telemetry(Settings()) as telemetry:
    ...     telemetry.record_gauge("gpt_trader_open_orders", 3)
    ...     "gpt_trader_open_orders 3" in telemetry.metrics_text()
    True
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        meter_provider: MeterProvider | None = None,
        tracer_provider: TracerProvider | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        from gpt_trader_telemetry.health import Health
        from gpt_trader_telemetry.health.signals import Signals
        from gpt_trader_telemetry.health.trading_history import TradingHistory
        from gpt_trader_telemetry.http.bot_routes import SAMPLED_AT_LEAST_EVERY, BotHealth
        from gpt_trader_telemetry.instrument.spans import Spans
        from gpt_trader_telemetry.pipeline.choosing import pipeline_for
        from gpt_trader_telemetry.pipeline.traces import open_traces, provider_around

        if not isinstance(settings, Settings | None):
            raise ConfigurationError(
                f"settings cannot be of type {type(settings).__name__}; give Settings(...), or none at all"
            )
        self.settings = Settings.from_env() if settings is None else settings
        self.signals = Signals(
            self.settings.thresholds,
            clock=clock,
            # Both are made below.
            ws_staleness=lambda: self.websocket.staleness(),  # noqa: PLW0108
            market_data_staleness=lambda: self.market_data.staleness(),  # noqa: PLW0108
            on_error=self._note_source_error,
        )
        """The execution signals over the last minutes; ``set_source`` says where an age comes from."""
        self._trading = TradingHistory(clock)
        tap, tracing = each_of(self.signals.tap, self._trading.tap), provider_around(self.settings, tracer_provider)
        # Exemplars are chosen once, here.
        traced = tracing is not None or self.settings.exports_traces
        self._pipeline = pipeline_for(self.settings, meter_provider, traced=traced, tap=tap)
        recorder = self._pipeline.recorder
        self._traces = open_traces(self.settings, tracing, self._pipeline.resource, recorder)
        if self._traces is not None:
            recorder.spans = self._spans = Spans(self._traces.tracer(), recorder.faults)
        self._slot = Slot(self._pipeline.recorder)
        self._process = ProcessUsage(self._pipeline.recorder)
        self.health = Health(self._slot, clock=clock)
        """Checks and readiness, shown at ``/health``, ``/live`` and ``/ready``."""
        self._bot = BotHealth(self.health, self.signals, self._trading)
        self.websocket = WebSocket(
            self._slot,
            message_stale_after=self.settings.ws_message_stale_after,
            heartbeat_stale_after=self.settings.ws_heartbeat_stale_after,
            clock=clock,
        )
        stale_after = self.settings.thresholds.market_data_staleness_seconds_warn
        self.market_data = MarketData(stale_after=stale_after, faults=self._pipeline.recorder.faults, clock=clock)
        self.account = Account(self._slot)
        self.signals.watch(self._pipeline.recorder, SAMPLED_AT_LEAST_EVERY)
        self._closing = threading.RLock()
        self._is_closing = False
        self._delivery: Delivery | None = None
        self._endpoints = self._open_endpoints()
        self._sampler = Ticker("gpt-trader-telemetry-signals", _SAMPLE_INTERVAL, self._sample)
        self._at_end = AtProcessEnd(self.shutdown)
        _after_fork_in_child(self)

    def _sample(self) -> None:
        with self._pipeline.recorder.faults.shield("health", "the signals could not be sampled"):
            self._bot.sample()

    def _note_source_error(self, error: BaseException) -> None:
        self._pipeline.recorder.faults.note("health", "a signal's source raised, so that the signal is UNKNOWN", error)

    def _open_endpoints(self) -> "Endpoints":
        from gpt_trader_telemetry.http.bot_routes import bot_routes, scrape_route
        from gpt_trader_telemetry.http.endpoints import Endpoints

        identity = {"service": self.settings.service_name, "instance": self._pipeline.instance_id}
        metrics = scrape_route(self.settings, self._pipeline.prometheus)
        routes = bot_routes(self._bot, metrics, identity)
        try:
            endpoints = Endpoints(routes, self.settings, self._note_http_error)
        except ConfigurationError:
            self._shut_down_pipelines(0)
            raise
        if endpoints.server is not None:
            self._watch_performance()
        return endpoints

    def _watch_performance(self) -> None:
        from gpt_trader_telemetry.health import Performance

        self.health.watch_performance(Performance(self._process, self.signals.slow_calls))

    @property
    def server(self) -> "HealthServer | None":
        """The HTTP server, with its ``url``; None where the settings start none, and in a forked child."""
        return self._endpoints.server

    def asgi_app(self) -> "AsgiApp":
        """Return every endpoint as an ASGI app, to mount in a service with a server of its own.

        The token of ``settings.health_token_file`` is asked for here too; host, port and TLS are the service's.

        Raises:
            ConfigurationError: the token's file cannot be read.

        >>> with Telemetry(Settings()) as telemetry:
        ...     mounts = {"/bot": telemetry.asgi_app()}  # FastAPI: service.mount("/bot", telemetry.asgi_app())
        """
        self._watch_performance()
        return self._endpoints.asgi()

    def wsgi_app(self) -> "WsgiApp":
        """Return every endpoint as a WSGI app; see ``asgi_app``."""
        self._watch_performance()
        return self._endpoints.wsgi()

    def _note_http_error(self, error: BaseException) -> None:
        self._pipeline.recorder.faults.note("http", "a request could not be answered", error)

    @property
    def meter_provider(self) -> MeterProvider:
        """The MeterProvider for instruments of your own; they appear on both roads beside the catalogue's."""
        return self._pipeline.meter_provider

    @property
    def tracer_provider(self) -> TracerProvider | None:
        """The TracerProvider that spans are opened through, for spans of your own; None where nothing is traced."""
        return None if self._traces is None else self._traces.provider

    def metrics_text(self, accept: str = "text/plain") -> str:
        """Return what ``/metrics`` would answer, also where no server runs; empty if there is nothing to scrape."""
        prometheus = self._pipeline.prometheus
        return "" if prometheus is None else prometheus.render(accept)[1].decode()

    def flush(self, timeout: float = 2.0) -> Delivery:
        """Deliver what was recorded so far; wait ``timeout`` seconds at the most. Only DELIVERED is true."""
        if self._delivery is not None:
            return self._delivery
        if self._traces is None:
            return self._pipeline.flush(timeout)
        self._spans.end_late_ones()
        return in_turn(timeout, self._traces.flush, self._pipeline.flush)

    def _shut_down_pipelines(self, timeout: float) -> Delivery:
        if self._traces is None:
            return self._pipeline.shutdown(timeout)
        self._spans.end_late_ones()
        return in_turn(timeout, self._traces.shutdown, self._pipeline.shutdown)

    def shutdown(self, timeout: float = 2.0) -> Delivery:
        """Deliver what was recorded and close everything, within about ``timeout`` seconds.

        True only if everything was delivered. A second call returns what the first did. Decorated functions go
        on working and record nothing.
        """
        if not self._closing.acquire(timeout=max(0.0, min(timeout, _LONGEST_WAIT))):
            return Delivery.TIMED_OUT  # another thread is at it
        try:
            if self._delivery is None:
                if self._is_closing:
                    return Delivery.TIMED_OUT  # a signal handler, on the thread that is at it
                self._is_closing = True
                self._delivery = self._close(timeout)
            return self._delivery
        finally:
            self._closing.release()

    def _close(self, timeout: float) -> Delivery:
        if DEFAULT.recorder is self._pipeline.recorder:
            DEFAULT.set(None)
        self._slot.set(None)
        self._sampler.stop(_SERVER_STOP_TIMEOUT / 2)
        delivery = self._shut_down_pipelines(timeout)
        self.health.stop(_SERVER_STOP_TIMEOUT / 2)
        self._endpoints.stop(_SERVER_STOP_TIMEOUT)
        self._at_end.cancel()
        return delivery

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()

    def _restart_after_fork(self) -> None:
        if self._delivery is not None:
            return
        self._closing = threading.RLock()
        for part in (self.websocket, self.account, self.market_data, self._process):
            part.reset()
        for watching in (self._slot, DEFAULT, self.signals, self._trading, self.health):
            watching.reset_after_fork()
        for kept in list(self._pipeline.recorder.sites.values()):
            if isinstance(kept, OfOneProcess):
                kept.reset_after_fork()
        self._sampler.start()
        self._endpoints.reset_after_fork()
        self._pipeline.restart_after_fork()
        if self._traces is not None:
            self._traces.restart_after_fork(self._pipeline.resource)
            self._spans.use(self._traces.tracer())
        self._at_end.rearm_after_fork()

    # What follows is every module-level name as a method: the same, recording into this Telemetry.

    def broker_call(self, operation: str, *, classify: Classify | None = None) -> Instrument[BrokerCall]:
        """Measure calls to the broker; see :func:`gpt_trader_telemetry.broker_call`."""
        return instrument.broker.broker_call(operation, classify=classify, slot=self._slot)

    def order_submission(
        self,
        side: object = None,
        *,
        side_of: Callable[..., object] | None = None,
        decision_id: object = NOTHING,
        classify: Classify | None = None,
    ) -> Instrument[OrderSubmission]:
        """Count and time orders; see :func:`gpt_trader_telemetry.order_submission`."""
        return instrument.orders.order_submission(
            side, side_of=side_of, decision_id=decision_id, classify=classify, slot=self._slot
        )

    def instrument_broker(self, broker: "ObjectT", operations: "Mapping[str, str | Operation]") -> "ObjectT":
        """Record the calls of an object of your own; see :func:`gpt_trader_telemetry.instrument_broker`."""
        from gpt_trader_telemetry.integrations.objects import instrument_broker

        return instrument_broker(broker, operations, slot=self._slot)

    def guard(self, name: str, *, classify: Classify | None = None) -> Instrument[GuardRun]:
        """Count a risk guard's runs and trips; see :func:`gpt_trader_telemetry.guard`."""
        return instrument.guards.guard(name, classify=classify, slot=self._slot)

    def cycle(self) -> Instrument[Scope]:
        """Time one trading cycle; see :func:`gpt_trader_telemetry.cycle`."""
        return instrument.cycle.cycle(slot=self._slot)

    def phase(self, name: str) -> Instrument[Scope]:
        """Time one phase of a cycle; see :func:`gpt_trader_telemetry.phase`."""
        return instrument.cycle.phase(name, slot=self._slot)

    def bind(
        self, *, decision_id: object = None, cycle: object = None, symbol: object = None, order_id: object = None
    ) -> bind:
        """Say what a block is about; see :func:`gpt_trader_telemetry.bind`."""
        return bind(decision_id=decision_id, cycle=cycle, symbol=symbol, order_id=order_id, slot=self._slot)

    def identify(self, *, order_id: object = None, symbol: object = None) -> None:
        """Say which order this is; see :func:`gpt_trader_telemetry.identify`."""
        identify(order_id=order_id, symbol=symbol, slot=self._slot)

    def record_counter(self, name: str, increment: Any = 1, labels: Labels = None) -> None:
        """Add to a counter; see :func:`gpt_trader_telemetry.record_counter`."""
        instrument.record.record_counter(name, increment, labels, slot=self._slot)

    def record_gauge(self, name: str, value: Any, labels: Labels = None) -> None:
        """Set a gauge; see :func:`gpt_trader_telemetry.record_gauge`."""
        instrument.record.record_gauge(name, value, labels, slot=self._slot)

    def record_histogram(
        self, name: str, value: Any, labels: Labels = None, buckets: Iterable[float] | None = None
    ) -> None:
        """Record a value in a histogram; see :func:`gpt_trader_telemetry.record_histogram`."""
        instrument.record.record_histogram(name, value, labels, buckets, slot=self._slot)

    def record_data_quality(
        self, symbol: str, interval: str, score: Any, issues: Iterable[tuple[object, object]] = ()
    ) -> None:
        """Record what a load of candles was like; see :func:`gpt_trader_telemetry.record_data_quality`."""
        instrument.record.record_data_quality(symbol, interval, score, issues, slot=self._slot)

    def data_quality(self) -> Mapping[tuple[str, str], tuple[float | None, int]]:
        """Return the score and the number of issues of the last load of each symbol and interval.

        To be checked: ``health.register("data_quality", partial(check_data_quality, telemetry.data_quality))``.
        """
        return self._pipeline.recorder.loads.copy()


def _after_fork_in_child(telemetry: Telemetry) -> None:
    if not hasattr(os, "register_at_fork"):
        return
    alive = weakref.WeakMethod(telemetry._restart_after_fork)

    def restart() -> None:
        again = alive()
        if again is not None:
            again()

    os.register_at_fork(after_in_child=restart)
