"""A script that a timer starts: it rebalances a portfolio, pushes its metrics over OTLP, and ends.

OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 uv run examples/push_and_exit.py    # a Collector listens there

There is no server, and nothing has to come and scrape before the end. Without an endpoint nothing is sent, and the
script says so. Where nobody answers at the endpoint, the work is done all the same; the push is given up after two
seconds, and the exit code is 1, so that the timer knows.
"""

import sys

from gpt_trader_telemetry import Rejected, Settings, broker_call, configure, cycle, order_submission

PRICES = {"BTC": 50_000.0, "ETH": 2_500.0, "SOL": 125.0, "EUR": 1.0}
HOLDINGS = {"BTC": 1.6, "ETH": 10.0, "SOL": 52.0, "EUR": 20_000.0}
TARGETS = {"BTC": 0.6, "ETH": 0.3, "SOL": 0.05}
"""Parts of the whole; what is left stays cash."""
SMALLEST = 100.0
"""EUR; the broker accepts no smaller order."""


def refusal(accepted: bool) -> Rejected | None:  # noqa: FBT001
    """Judge an answer: this broker says no without raising, to the call and so to the order."""
    return None if accepted else Rejected("invalid_size")


@order_submission(side="side", classify=refusal)
@broker_call("submit", classify=refusal)
def submit(symbol: str, side: str, value: float) -> bool:
    """Stand in for a broker's client."""
    return symbol in PRICES and side in {"buy", "sell"} and value >= SMALLEST


@cycle()
def rebalance() -> None:
    """Bring each holding to its target."""
    whole = sum(HOLDINGS[symbol] * price for symbol, price in PRICES.items())
    for symbol, part in TARGETS.items():
        value = part * whole - HOLDINGS[symbol] * PRICES[symbol]
        side = "buy" if value > 0 else "sell"
        accepted = submit(symbol, side, abs(value))
        print(f"{side} {symbol} for {abs(value):.2f} EUR: {'accepted' if accepted else 'too small'}")


def main() -> int:
    """Do the work, push, and return the exit code."""
    endpoint = Settings.from_env().otlp_endpoint
    print(f"pushing to {endpoint}" if endpoint else "no OTEL_EXPORTER_OTLP_ENDPOINT is set: nothing is pushed")
    telemetry = configure()
    try:
        rebalance()
    finally:  # a run that failed is the one to be told about
        delivery = telemetry.shutdown(timeout=2)
        if endpoint:
            print(f"pushed: {delivery.name}")
    return 0 if delivery else 1


if __name__ == "__main__":
    sys.exit(main())
