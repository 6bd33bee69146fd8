"""OpenTelemetry instrumentation for trading bots.

>>> from gpt_trader_telemetry import broker_call, guard, order_submission
>>> @order_submission(side="side")
... @broker_call("submit")
... def submit(symbol, side, quantity):
...     return "accepted"
>>> submit("BTC-USD", "buy", 1)
'accepted'
"""

from gpt_trader_telemetry._version import __version__
from gpt_trader_telemetry.errors import ConfigurationError, TelemetryError, UsageError
from gpt_trader_telemetry.instrument.broker import broker_call
from gpt_trader_telemetry.instrument.cycle import cycle, phase
from gpt_trader_telemetry.instrument.guards import Tripped, guard
from gpt_trader_telemetry.instrument.orders import order_submission
from gpt_trader_telemetry.instrument.record import (
    record_counter,
    record_data_quality,
    record_gauge,
    record_histogram,
)
from gpt_trader_telemetry.pipeline.delivery import Delivery
from gpt_trader_telemetry.reasons import Failed, Rejected
from gpt_trader_telemetry.settings import Settings
from gpt_trader_telemetry.telemetry import Telemetry, configure

__all__ = [
    "ConfigurationError",
    "Delivery",
    "Failed",
    "Rejected",
    "Settings",
    "Telemetry",
    "TelemetryError",
    "Tripped",
    "UsageError",
    "__version__",
    "broker_call",
    "configure",
    "cycle",
    "guard",
    "order_submission",
    "phase",
    "record_counter",
    "record_data_quality",
    "record_gauge",
    "record_histogram",
]
