"""Every instrumentor of this package at once."""

import logging
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from gpt_trader_telemetry.recording.current import DEFAULT

_GROUP: Final = "opentelemetry_instrumentor"
_DISTRIBUTION: Final = "gpt-trader-telemetry"
_logger = logging.getLogger("gpt_trader_telemetry")


def instrument_all() -> tuple[str, ...]:
    """Instrument the broker clients that this package knows, now or when they are imported.

    Instrumentors are found as ``opentelemetry-instrument`` finds them, by their entry points; none imports the library
    that it instruments. One that cannot be loaded or fails is counted, logged once and passed over. Returns the names
    of those that are instrumented, also by an earlier call.

    >>> names = instrument_all()
    """
    return tuple(sorted(point.name for point in entry_points(group=_GROUP) if _is_ours(point) and _instrument(point)))


def _is_ours(point: EntryPoint) -> bool:
    return point.dist is not None and point.dist.name.replace("_", "-").lower() == _DISTRIBUTION


def _instrument(point: EntryPoint) -> bool:
    try:
        instrumentor: Any = point.load()()
        if not instrumentor.is_instrumented_by_opentelemetry:
            # An absent library is none to check; it is instrumented when it is there.
            instrumentor.instrument(skip_dep_check=True)
    except Exception as fault:
        what = f"{point.name} could not be instrumented"
        if DEFAULT.recorder is None:
            _logger.warning("%s", what, exc_info=fault)
        else:
            DEFAULT.recorder.faults.note("integration", what, fault)
        return False
    return True
