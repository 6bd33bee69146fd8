"""Asserting telemetry in tests of one's own; with pytest, the ``telemetry`` fixture comes with this package.

>>> from gpt_trader_telemetry import order_submission
>>> with recorded() as telemetry:
...     with order_submission(side="buy") as order:
...         telemetry.clock.advance(0.25)
...         order.reject("insufficient_funds")
...     rejected = telemetry.value("gpt_trader_order_submission_total", result="rejected")
>>> print(rejected)
1
"""

from gpt_trader_telemetry.testing.clock import Clock
from gpt_trader_telemetry.testing.reading import Histogram, Value
from gpt_trader_telemetry.testing.recording import Fault, FaultsError, Recording, recorded
from gpt_trader_telemetry.testing.spans import RecordedSpan, RecordedSpans

__all__ = [
    "Clock",
    "Fault",
    "FaultsError",
    "Histogram",
    "RecordedSpan",
    "RecordedSpans",
    "Recording",
    "Value",
    "recorded",
]
