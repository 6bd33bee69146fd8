"""``configure``: the process's default Telemetry."""

import logging
import os
import threading
from collections.abc import Callable
from typing import Any, Final

from opentelemetry import metrics as otel_metrics
from opentelemetry import trace as otel_trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from gpt_trader_telemetry.errors import ConfigurationError
from gpt_trader_telemetry.recording.current import DEFAULT
from gpt_trader_telemetry.settings import Settings
from gpt_trader_telemetry.telemetry import Telemetry

_FROM_OUTSIDE: Final = "opentelemetry-instrument has configured this process from its environment"
_logger = logging.getLogger("gpt_trader_telemetry")


def _make_default(settings: Settings | None, *, set_global: bool, **providers: Any) -> Telemetry:
    telemetry = Telemetry(settings, **providers)
    if set_global:
        otel_metrics.set_meter_provider(telemetry.meter_provider)
        if telemetry.tracer_provider is not None and telemetry.tracer_provider is not providers["tracer_provider"]:
            otel_trace.set_tracer_provider(telemetry.tracer_provider)
    return telemetry


class _Default:
    """The process default, what makes it (in a test, the testing kit) and what it was made with."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.make: Callable[..., Telemetry] = _make_default
        self.telemetry: Telemetry | None = None
        self.made_with: tuple[object, ...] = ()
        self.is_from_outside = False
        """Whether ``opentelemetry-instrument`` made it: then the bot gets it whatever it asks for."""
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._reset_after_fork)

    def _reset_after_fork(self) -> None:
        self.lock = threading.Lock()


_default = _Default()


def configure(
    *,
    settings: Settings | None = None,
    meter_provider: MeterProvider | None = None,
    tracer_provider: TracerProvider | None = None,
    set_global: bool = False,
) -> Telemetry:
    """Make the process's default Telemetry, which module-level decorators record into.

    A second call returns the same one; after its shutdown, a new one.

    Args:
        settings: read from the environment unless given.
        meter_provider: record through this MeterProvider; see ``Telemetry``.
        tracer_provider: open spans through this TracerProvider; see ``Telemetry``.
        set_global: make its MeterProvider OpenTelemetry's global one too, and a TracerProvider of its own; each
            works once a process.

    Raises:
        ConfigurationError: a setting that cannot be meant, a port that is taken, or a second call with other
            arguments than the first.
    """
    made_with = (settings, meter_provider, tracer_provider, set_global)
    with _default.lock:
        existing = _default.telemetry
        if existing is not None and existing._delivery is None:
            if made_with not in (_default.made_with, (None, None, None, False)):
                if _default.is_from_outside:
                    _logger.warning("configure() was given arguments that are not used: %s", _FROM_OUTSIDE)
                    return existing
                raise ConfigurationError(
                    "configure() was called before with other arguments; shut that Telemetry down first, or make "
                    "one of your own with Telemetry(...)"
                )
            return existing
        telemetry = _default.make(
            settings, meter_provider=meter_provider, tracer_provider=tracer_provider, set_global=set_global
        )
        DEFAULT.set(telemetry._pipeline.recorder)
        _default.telemetry, _default.made_with, _default.is_from_outside = telemetry, made_with, False
        return telemetry


def configure_from_outside() -> None:
    """Make the process's default Telemetry for a bot that knows nothing of it, its providers the global ones."""
    configure(set_global=True)
    _default.is_from_outside = True
