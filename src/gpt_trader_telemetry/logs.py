"""Which trace, span, decision and order a log record belongs to: for standard logging, and for structlog.

The ids of the current span, whoever opened it, and what ``bind`` said around the call that logs.
"""

import logging
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from opentelemetry.trace import get_current_span

from gpt_trader_telemetry.instrument.binding import bound_fields

FIELDS: Final = ("trace_id", "span_id", "decision_id", "cycle", "symbol", "order_id")
"""What is added, where it is known."""


def correlation() -> Mapping[str, Any]:
    """Return what is known here of ``FIELDS``.

    >>> from gpt_trader_telemetry import bind
    >>> with bind(decision_id="d-1"):
    ...     correlation()
    {'decision_id': 'd-1'}
    """
    known = dict(bound_fields())
    context = get_current_span().get_span_context()
    if context.is_valid:
        known |= {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
    return known


class CorrelationFilter(logging.Filter):
    """Adds ``FIELDS`` to each record that passes a handler; the text is empty where one is not known.

    What a record has already, by ``extra=``, it keeps. It belongs on handlers: a logger's filters do not see what its
    children log. There is no record factory that does the same, since with one ``extra={"symbol": ...}`` would raise.

    >>> handler = logging.StreamHandler()
    >>> handler.addFilter(CorrelationFilter())
    >>> handler.setFormatter(logging.Formatter("%(message)s decision=%(decision_id)s trace=%(trace_id)s"))
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass. Never raises."""
        try:
            known = correlation()
        except Exception:  # somebody else's span
            known = {}
        for name in FIELDS:
            record.__dict__.setdefault(name, known.get(name, ""))
        return True


def correlate_logs(*handlers: logging.Handler) -> None:
    """Have these handlers, or the root logger's as they are now, add ``FIELDS`` to what they write.

    >>> correlate_logs()
    """
    for handler in handlers or logging.getLogger().handlers:
        if not any(isinstance(known, CorrelationFilter) for known in handler.filters):
            handler.addFilter(CorrelationFilter())


def add_correlation(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add to an event of structlog what is known of ``FIELDS``; it is a processor.

    ``structlog.configure(processors=[add_correlation, structlog.processors.JSONRenderer()])``

    >>> from gpt_trader_telemetry import bind
    >>> with bind(symbol="BTC-USD"):
    ...     add_correlation(None, "info", {"event": "bought"})
    {'event': 'bought', 'symbol': 'BTC-USD'}
    """
    try:
        known = correlation()
    except Exception:  # somebody else's span
        return event
    for name, value in known.items():
        event.setdefault(name, value)
    return event
