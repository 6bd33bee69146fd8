"""Reading back what an integration recorded."""

from support.scraping import scrape

BROKER_CALLS = "gpt_trader_broker_call_latency_seconds_count"
ORDERS = "gpt_trader_order_submission_total"
ATTEMPTS = "gpt_trader_api_requests_total"
RETRIES = "gpt_trader_api_retries_total"
ERRORS = "gpt_trader_telemetry_errors_total"


def counted(telemetry, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """Return what stands above zero under ``name``, by the values of these labels."""
    found: dict[tuple[str, ...], float] = {}
    for (sample, pairs), number in scrape(telemetry).values.items():
        if sample == name and number:
            key = tuple(dict(pairs)[label] for label in labels)
            found[key] = found.get(key, 0) + number
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
