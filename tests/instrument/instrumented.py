"""What the tests of the instruments share: reading back what was counted, and a clock that only they move."""

import re

from support.scraping import scrape

LATENCY = "gpt_trader_broker_call_latency_seconds"
ORDERS = "gpt_trader_order_submission_total"
TRIPS = "gpt_trader_guard_trips_total"
CHECKS = "gpt_trader_guard_checks_total"
ERRORS = "gpt_trader_telemetry_errors_total"
BLOCKED = "gpt_trader_trades_blocked_total"


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Hostile:
    """A value that gives nothing away: neither its text nor a number."""

    def __str__(self) -> str:
        raise OSError

    def __float__(self) -> float:
        raise RuntimeError

    __repr__ = __str__


def named(value: object) -> str:
    """Return an id of a value that may have no text, the same in every process."""
    try:
        return f"{type(value).__name__} {re.sub(r' at 0x[0-9a-f]+', '', repr(value)):.30}"
    except OSError:
        return "hostile"


def counted(telemetry, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """Return what stands above zero under ``name``, by the values of these labels."""
    found: dict[tuple[str, ...], float] = {}
    for (sample, pairs), value in scrape(telemetry).values.items():
        if sample == name and value:
            key = tuple(dict(pairs)[label] for label in labels)
            found[key] = found.get(key, 0) + value
    return found


def broker_calls(telemetry) -> dict[tuple[str, ...], float]:
    """Return the broker calls made, by outcome and reason."""
    return counted(telemetry, LATENCY + "_count", "outcome", "reason")


def orders(telemetry) -> dict[tuple[str, ...], float]:
    """Return the orders submitted, by result, reason and side."""
    return counted(telemetry, ORDERS, "result", "reason", "side")


def trips(telemetry) -> dict[tuple[str, ...], float]:
    """Return the guard trips, by category and recoverable."""
    return counted(telemetry, TRIPS, "category", "recoverable")


def checks(telemetry) -> dict[tuple[str, ...], float]:
    """Return the guard runs, by result."""
    return counted(telemetry, CHECKS, "result")


def faults(telemetry, component: str | None = None) -> float:
    """Return the errors kept from the bot, of one component or of all."""
    return scrape(telemetry).total(ERRORS, **({} if component is None else {"component": component}))


def seconds(telemetry, **labels: str) -> float:
    """Return the seconds that broker calls with these labels took together."""
    return scrape(telemetry).total(LATENCY + "_sum", **labels)


def described(error: BaseException | None, depth: int = 6) -> object:
    """Return all that an exception carries: its kind, words and notes, and what is behind it."""
    if error is None or not depth:
        return None
    return (
        type(error),
        error.args,
        getattr(error, "__notes__", None),
        error.__suppress_context__,
        described(error.__cause__, depth - 1),
        described(error.__context__, depth - 1),
    )
