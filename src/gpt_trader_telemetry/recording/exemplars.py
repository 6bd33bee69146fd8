"""Exemplars: a value of a histogram together with the span in which it was recorded.

Chosen when the recorder is made. Without a tracer provider nothing is sampled and the hot path is a bare
``append``; with one, the filter is that of ``OTEL_METRICS_EXEMPLAR_FILTER``.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from opentelemetry.trace import get_current_span


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One value, when it was recorded, and its span (0 and 0 where there was none)."""

    value: float
    time_ns: int
    trace_id: int
    span_id: int


Sample: TypeAlias = Callable[[float], Exemplar | None]
"""Gives the exemplar of a value, if it is to have one."""


def trace_based(value: float) -> Exemplar | None:
    """Sample what is recorded inside a span that is itself sampled."""
    context = get_current_span().get_span_context()
    if not context.trace_flags.sampled:
        return None
    return Exemplar(value, time.time_ns(), context.trace_id, context.span_id)


def always_on(value: float) -> Exemplar | None:
    """Sample every value."""
    context = get_current_span().get_span_context()
    return Exemplar(value, time.time_ns(), context.trace_id, context.span_id)


FILTERS: Final[dict[str, Sample | None]] = {"trace_based": trace_based, "always_on": always_on, "always_off": None}
"""The values of ``OTEL_METRICS_EXEMPLAR_FILTER``."""
