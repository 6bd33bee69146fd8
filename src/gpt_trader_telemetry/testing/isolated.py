"""A Telemetry that opens nothing, and its place as the process default for the length of a test."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from opentelemetry.trace import TracerProvider

from gpt_trader_telemetry.configuring import _default
from gpt_trader_telemetry.pipeline.delivery import Delivery
from gpt_trader_telemetry.pipeline.own import OwnPipeline
from gpt_trader_telemetry.recording.current import DEFAULT
from gpt_trader_telemetry.recording.recorder import Listener
from gpt_trader_telemetry.settings import Settings
from gpt_trader_telemetry.telemetry import Telemetry
from gpt_trader_telemetry.testing.clock import Clock
from gpt_trader_telemetry.testing.spans import SpanStore


def opening_nothing(settings: Settings) -> Settings:
    """Return settings whose limits and thresholds are these, with no listener and no exporter; always recording."""
    unset = dict.fromkeys(("otlp_endpoint", "otlp_metrics_endpoint", "otlp_traces_endpoint"))
    return settings.with_changes(health_server_enabled=False, telemetry_disabled=False, **unset)


class IsolatedTelemetry(Telemetry):
    """A Telemetry without threads: values are folded, signals sampled and checks run when the test asks for it.

    Where the bot shuts it down it records nothing more, as any other, but can still be read and be taken up again.
    """

    def __init__(self, settings: Settings, clock: Clock, listener: Listener, tracer_provider: TracerProvider) -> None:
        super().__init__(opening_nothing(settings), tracer_provider=tracer_provider, clock=clock)
        assert isinstance(self._pipeline, OwnPipeline)
        self.recorder = self._pipeline.recorder
        self.recorder.faults.listener = listener
        self._pipeline._ticker.stop()
        self._sampler.stop()
        self.health._autostart = False

    def flush(self, timeout: float = 2.0) -> Delivery:
        """There is nothing to deliver."""
        return Delivery.DELIVERED

    def shutdown(self, timeout: float = 2.0) -> Delivery:
        """Record nothing more. There is nothing to deliver."""
        if DEFAULT.recorder is self.recorder:
            DEFAULT.set(None)
        self._slot.set(None)
        self._delivery = Delivery.DELIVERED
        return self._delivery

    def take_up(self) -> None:
        """Record again, as the one that ``configure`` makes after a shutdown does; what was recorded stays."""
        self._delivery = None
        self._slot.set(self.recorder)

    def close(self) -> None:
        """Shut down for good."""
        self._delivery = self._traces = None
        super().shutdown(timeout=0.5)


class Isolation:
    """What the bot's calls of ``configure`` come to in a test: the Telemetry there is, or one of other settings."""

    def __init__(self, settings: Settings, clock: Clock, listener: Listener) -> None:
        self.spans = SpanStore()
        self._made_with = (clock, listener, self.spans.provider)
        self._all: list[IsolatedTelemetry] = []
        self.instance = self._make(settings)

    def _make(self, settings: Settings) -> IsolatedTelemetry:
        made = IsolatedTelemetry(settings, *self._made_with)
        self._all.append(made)
        return made

    def configured(self, settings: Settings | None, **_ignored: Any) -> Telemetry:
        """Return what ``configure`` returns: settings that are not given are the test's, not the environment's.

        Settings apply, but for what they would open; nothing becomes OpenTelemetry's global MeterProvider, and
        providers of the bot's own are passed by.
        """
        now = self.instance
        wanted = now.settings if settings is None else opening_nothing(settings)
        if wanted != now.settings:
            self.instance = self._make(wanted)
        self.instance.take_up()
        return self.instance

    @contextmanager
    def installed(self) -> Generator[None]:
        """Be the process default within the block; leave the one before in its place."""
        with _default.lock:
            before, made_with, make = _default.telemetry, _default.made_with, _default.make
            recorder = DEFAULT.recorder
            _default.telemetry, _default.made_with, _default.make = None, (), self.configured
            DEFAULT.set(self.instance.recorder)
        try:
            yield
        finally:
            with _default.lock:
                _default.telemetry, _default.made_with, _default.make = before, made_with, make
                ended = before is not None and before._delivery is not None
                DEFAULT.set(None if ended else recorder)
            for made in self._all:
                made.close()
