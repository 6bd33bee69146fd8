"""OpenTelemetry instrumentation for trading bots.

>>> from gpt_trader_telemetry import broker_call, guard, order_submission
>>> @order_submission(side="side")
... @broker_call("submit")
... def submit(symbol, side, quantity):
...     return "accepted"
>>> submit("BTC-USD", "buy", 1)
'accepted'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from gpt_trader_telemetry._version import __version__

if TYPE_CHECKING:
    from gpt_trader_telemetry.configuring import configure
    from gpt_trader_telemetry.errors import ConfigurationError, TelemetryError, UsageError
    from gpt_trader_telemetry.instrument.binding import bind
    from gpt_trader_telemetry.instrument.broker import broker_call
    from gpt_trader_telemetry.instrument.cycle import cycle, phase
    from gpt_trader_telemetry.instrument.guards import Tripped, guard
    from gpt_trader_telemetry.instrument.identifying import identify
    from gpt_trader_telemetry.instrument.orders import order_submission
    from gpt_trader_telemetry.instrument.record import (
        record_counter,
        record_data_quality,
        record_gauge,
        record_histogram,
    )
    from gpt_trader_telemetry.instrumentors import instrument_all
    from gpt_trader_telemetry.integrations.objects import Operation, instrument_broker
    from gpt_trader_telemetry.pipeline.delivery import Delivery
    from gpt_trader_telemetry.reasons import Failed, Rejected
    from gpt_trader_telemetry.settings import Settings
    from gpt_trader_telemetry.telemetry import Telemetry

__all__ = [
    "ConfigurationError",
    "Delivery",
    "Failed",
    "Operation",
    "Rejected",
    "Settings",
    "Telemetry",
    "TelemetryError",
    "Tripped",
    "UsageError",
    "__version__",
    "bind",
    "broker_call",
    "configure",
    "cycle",
    "guard",
    "identify",
    "instrument_all",
    "instrument_broker",
    "order_submission",
    "phase",
    "record_counter",
    "record_data_quality",
    "record_gauge",
    "record_histogram",
]

_MODULES: Final = {
    "configuring": ("configure",),
    "errors": ("ConfigurationError", "TelemetryError", "UsageError"),
    "instrument.binding": ("bind",),
    "instrument.broker": ("broker_call",),
    "instrument.cycle": ("cycle", "phase"),
    "instrument.guards": ("Tripped", "guard"),
    "instrument.identifying": ("identify",),
    "instrument.orders": ("order_submission",),
    "instrument.record": ("record_counter", "record_data_quality", "record_gauge", "record_histogram"),
    "integrations.objects": ("Operation", "instrument_broker"),
    "instrumentors": ("instrument_all",),
    "pipeline.delivery": ("Delivery",),
    "reasons": ("Failed", "Rejected"),
    "settings": ("Settings",),
    "telemetry": ("Telemetry",),
}
"""Where each name is from; a module is loaded when a name of its is first asked for."""


def __getattr__(name: str) -> object:
    for module, names in _MODULES.items():
        if name in names:
            value: object = getattr(import_module(f"{__name__}.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
