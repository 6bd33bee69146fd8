"""A bot whose finalizers trade, in a process of its own: what may go wrong there ends the process."""

import gc
import subprocess
import sys
from pathlib import Path

from gpt_trader_telemetry import Telemetry
from support.scraping import scrape


def trade(telemetry: Telemetry, times: int) -> None:
    """Send an order, and have the collector of garbage send two and cancel one meanwhile; print what was counted."""
    send = telemetry.broker_call("submit")(lambda: None)

    @telemetry.order_submission("sell")
    def close() -> None:
        send()

    @telemetry.order_submission("buy")
    def quotes():
        try:
            yield
        finally:
            close()

    class Position:
        def __init__(self) -> None:
            self.myself, self.quotes = self, quotes()
            next(self.quotes)

        def __del__(self) -> None:
            close()

    for _ in range(times):
        Position()
        close()
    gc.collect()
    close()
    orders = (value for (name, _), value in scrape(telemetry).values.items() if "order_submission_total" in name)
    print(*filter(None, orders))  # noqa: T201 - read by whoever started this


def orders_of(script: str) -> list[float]:
    """Run a script that trades, and return what was counted of each kind of order, least first."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", script],
        cwd=Path(__file__).parents[1], check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return sorted(map(float, done.stdout.split()))
