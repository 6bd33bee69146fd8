"""Reading back what an integration recorded."""

import re

from support.scraping import scrape

BROKER_CALLS = "gpt_trader_broker_call_latency_seconds_count"
ORDERS = "gpt_trader_order_submission_total"
ATTEMPTS = "gpt_trader_api_requests_total"
RETRIES = "gpt_trader_api_retries_total"
ERRORS = "gpt_trader_telemetry_errors_total"


def counted(telemetry, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """Return what stands above zero under ``name``, by the values of these labels, which have no quotes in them.

    Read with a pattern, since the matrix reads thousands of times.
    """
    found: dict[tuple[str, ...], float] = {}
    for pairs, number in re.findall(rf"^{name}\{{(.*)\}} (\S+)$", telemetry.metrics_text(), re.MULTILINE):
        if float(number):
            given = dict(re.findall(r'(\w+)="([^"]*)"', pairs))
            key = tuple(given[label] for label in labels)
            found[key] = found.get(key, 0) + float(number)
    return found


def broker_calls(telemetry) -> dict[tuple[str, ...], float]:
    """Return the broker calls made, by operation, outcome and reason."""
    return counted(telemetry, BROKER_CALLS, "operation", "outcome", "reason")


def orders(telemetry) -> dict[tuple[str, ...], float]:
    """Return the orders submitted, by result, reason and side."""
    return counted(telemetry, ORDERS, "result", "reason", "side")


def attempts(telemetry) -> dict[tuple[str, ...], float]:
    """Return the HTTP attempts made, by category and result."""
    return counted(telemetry, ATTEMPTS, "category", "result")


def retries(telemetry) -> dict[tuple[str, ...], float]:
    """Return the HTTP attempts after the first, by category and reason."""
    return counted(telemetry, RETRIES, "category", "reason")


def faults(telemetry, component: str | None = None) -> float:
    """Return the errors kept from the bot, of one component or of all."""
    return scrape(telemetry).total(ERRORS, **({} if component is None else {"component": component}))


def value(telemetry, name: str, **labels: str) -> float:
    """Return the sum of a metric's series."""
    return scrape(telemetry).total(name, **labels)
