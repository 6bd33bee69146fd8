"""When a signal warns and when it is critical: one frozen object, from code or from the environment."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple, Self

from gpt_trader_telemetry.errors import ConfigurationError

ORDER_ERROR_RATE: Final = "order_error_rate"
ORDER_RETRY_RATE: Final = "order_retry_rate"
BROKER_LATENCY_P95_MS: Final = "broker_latency_p95_ms"
WS_STALENESS_SECONDS: Final = "ws_staleness_seconds"
GUARD_TRIP_COUNT: Final = "guard_trip_count"
MARKET_DATA_STALENESS_SECONDS: Final = "market_data_staleness_seconds"
MISSING_DECISION_IDS: Final = "missing_decision_ids"

UNITS: Final[Mapping[str, str]] = {
    ORDER_ERROR_RATE: "ratio",
    ORDER_RETRY_RATE: "ratio",
    BROKER_LATENCY_P95_MS: "ms",
    WS_STALENESS_SECONDS: "s",
    GUARD_TRIP_COUNT: "count",
    MARKET_DATA_STALENESS_SECONDS: "s",
    MISSING_DECISION_IDS: "count",
}
"""The unit of each signal's value; a ratio of 0.05 is 5 %."""

SIGNALS: Final = tuple(UNITS)
"""Every signal, in the order in which they are shown."""

_MAX_WINDOW: Final = 86_400.0


class Limits(NamedTuple):
    """Above ``warn`` a signal warns, above ``crit`` it is critical; a value equal to one is not above it."""

    warn: float
    crit: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """The thresholds of all signals, strictly greater-than, and what they need to be judged.

    Where a field says nothing else, its default is the monitoring playbook's, "Key Thresholds".

    Raises:
        ConfigurationError: what cannot be meant, by its field and value.

    >>> Thresholds(order_error_rate_crit=0.2).limits("order_error_rate")
    Limits(warn=0.05, crit=0.2)
    """

    order_error_rate_warn: float = 0.05
    order_error_rate_crit: float = 0.15
    """Rejected and failed orders as a share of all, 0 to 1."""
    order_retry_rate_warn: float = 0.10
    order_retry_rate_crit: float = 0.25
    """Submit calls beyond an order's first, for each order; above 1 where most orders take several."""
    broker_latency_p95_ms_warn: float = 1000.0
    broker_latency_p95_ms_crit: float = 3000.0
    """Milliseconds within which 95 % of a broker operation's calls end, of the slowest operation."""
    ws_staleness_seconds_warn: float = 30.0
    ws_staleness_seconds_crit: float = 60.0
    """Age of the last WebSocket message."""
    guard_trip_count_warn: float = 3.0
    guard_trip_count_crit: float = 10.0
    """Trips of all guards in the window."""
    market_data_staleness_seconds_warn: float = 60.0
    market_data_staleness_seconds_crit: float = 120.0
    """Age of the stalest market data that the bot trades on.

    The playbook has no row for it: these are twice the WebSocket's, since heartbeats and other symbols keep a feed
    fresh while one quiet symbol has no trade to tell of.
    """
    missing_decision_ids_warn: float = 0.0
    missing_decision_ids_crit: float = 10.0
    """Orders in the window sent without the decision id that they should have.

    The playbook has no row for it: one such order is a hole in the audit trail already, and more of them than the
    orders that suffice to judge a rate are no slip but how the bot trades.
    """

    window_seconds: float = 300.0
    """How far back the rates, counts and latencies look, in seconds (1 to 86,400), as 60 slots."""
    minimum_orders: int = 10
    """Orders in the window without which the error and the retry rate are not judged."""
    minimum_latencies: int = 20
    """Calls of an operation in the window without which its latency is not judged."""
    required: tuple[str, ...] = ()
    """Signals that must be known: while one is not, health is degraded."""

    def __post_init__(self) -> None:
        for name in SIGNALS:
            _check_limits(name, *self.limits(name))
        _require(
            _is_number(self.window_seconds) and 1 <= self.window_seconds <= _MAX_WINDOW,
            "window_seconds", self.window_seconds, "a number of seconds from 1 to 86400",
        )  # fmt: skip
        for name in ("minimum_orders", "minimum_latencies"):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            _require(whole and value >= 0, name, value, "a whole number of at least 0")
        if isinstance(self.required, str):
            raise ConfigurationError(f"required cannot be {self.required!r}; it is a tuple of signals' names")
        object.__setattr__(self, "required", tuple(self.required))
        for name in self.required:
            _require(name in SIGNALS, "required", name, f"one or more of {', '.join(SIGNALS)}")

    def limits(self, signal: str) -> Limits:
        """Return both thresholds of a signal."""
        return Limits(getattr(self, f"{signal}_warn"), getattr(self, f"{signal}_crit"))

    @classmethod
    def from_mapping(cls, environ: Mapping[str, str], **defaults: Any) -> Self:
        """Read thresholds from variables, named in VARIABLES; ``defaults`` are for those that are not set.

        An empty variable is one that is not set.

        Raises:
            ConfigurationError: a variable that cannot be read, or thresholds that do not go together.

        >>> Thresholds.from_mapping({"GPT_TRADER_GUARD_TRIP_COUNT_CRIT": "20"}).guard_trip_count_crit
        20.0
        """
        values = dict(defaults)
        unknown = set(values) - {item.name for item in fields(cls)}
        if unknown:
            raise ConfigurationError(f"Thresholds has no field {min(unknown)!r}")
        for variable, name in VARIABLES.items():
            text = environ.get(variable, "").strip()
            if text:
                values[name] = _read(variable, text, _READERS.get(name, float))
        with naming_variables(environ, VARIABLES.items()):
            return cls(**values)


@contextmanager
def naming_variables(environ: Mapping[str, str], variables: Iterable[tuple[str, str]]) -> Iterator[None]:
    """Add to an error about a field the variables that have set it, which is what its reader has written.

    ``variables`` are each a variable and its field.
    """
    try:
        yield
    except ConfigurationError as error:
        field = re.split(r"[ :]", str(error), maxsplit=1)[0]
        given = [variable for variable, name in variables if name == field and environ.get(variable, "").strip()]
        raise ConfigurationError(f"{error} (set by {' and '.join(given)})" if given else str(error)) from None


def _check_limits(signal: str, warn: float, crit: float) -> None:
    most = 1.0 if signal == ORDER_ERROR_RATE else math.inf
    meant = "a share from 0 to 1" if signal == ORDER_ERROR_RATE else "a number of at least 0"
    for name, value in ((f"{signal}_warn", warn), (f"{signal}_crit", crit)):
        _require(_is_number(value) and 0 <= value <= most, name, value, meant)
    _require(warn <= crit, f"{signal}_warn", warn, f"at most {signal}_crit, which is {crit!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -math.inf < value < math.inf


def _require(holds: bool, name: str, value: object, meant: str) -> None:  # noqa: FBT001
    if not holds:
        raise ConfigurationError(f"{name} cannot be {value!r}; it is {meant}")


def _read(variable: str, text: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(text)
    except ValueError:
        kind = "whole number" if read is int else "number"
        raise ConfigurationError(f"{variable}: {text!r} is no {kind}") from None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip().casefold() for name in text.split(",") if name.strip())


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "minimum_orders": int,
    "minimum_latencies": int,
    "required": _names,
}

VARIABLES: Final[Mapping[str, str]] = {
    **{f"GPT_TRADER_{signal}_{level}".upper(): f"{signal}_{level}" for signal in SIGNALS for level in ("warn", "crit")},
    "GPT_TRADER_SIGNAL_WINDOW_SECONDS": "window_seconds",
    "GPT_TRADER_SIGNAL_MINIMUM_ORDERS": "minimum_orders",
    "GPT_TRADER_SIGNAL_MINIMUM_LATENCIES": "minimum_latencies",
    "GPT_TRADER_SIGNALS_REQUIRED": "required",
}
"""Environment variables and the fields that they set.

``GPT_TRADER_<SIGNAL>_WARN`` and ``GPT_TRADER_<SIGNAL>_CRIT`` for each signal, such as
``GPT_TRADER_ORDER_ERROR_RATE_CRIT=0.2``; ``GPT_TRADER_SIGNALS_REQUIRED`` lists names, separated by commas.
"""
