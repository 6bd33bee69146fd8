"""The bots of real clients, run as users run them: they trade, are shown rightly, and end when they are told to."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from support.scraping import Scrape, parse

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE = 30.0
FAULTS = "late=0,reject=0.1,rate_limit=0.03,unavailable=0.03,drop=0.03,hang=0"


@pytest.mark.parametrize("bot", ["ccxt_bot.py", "coinbase_bot.py"])
def test_a_bot_trades_and_ends_when_it_is_told_to(bot: str) -> None:
    """Orders on both sides, refusals, errors and a feed that comes back; a clean end, and not a word of complaint."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "GPT_TRADER_"))}
    options = ["--port", "0", "--every", "0.01", "--drops", "0.5", "--faults", FAULTS]
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(EXAMPLES / bot), *options],
        env=own,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        url = next(line.split()[-1] for line in process.stdout if "/metrics" in line)
        deadline = time.monotonic() + PATIENCE
        while not enough(scrape := read(url)):
            assert time.monotonic() < deadline, scrape.values
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        said, complained = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, said.splitlines()[-1], complained) == (0, "stopped", "")
    submits = sum(
        scrape.total("gpt_trader_broker_call_latency_seconds_count", operation="submit", outcome=outcome)
        for outcome in ("success", "failure")
    )
    # One may be between its two records.
    assert abs(submits - scrape.total("gpt_trader_order_submission_total")) <= 1
    assert scrape.total("gpt_trader_order_submission_total", side="unknown") == 0
    assert scrape.total("gpt_trader_telemetry_errors_total") == 0


def read(url: str) -> Scrape:
    """Scrape the bot."""
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return parse(answer.read().decode())


def enough(scrape: Scrape) -> bool:
    """Tell whether everything has come that is to come."""
    orders = [
        scrape.total("gpt_trader_order_submission_total", side=side, result="success") for side in ("buy", "sell")
    ]
    return (
        min(orders) > 0
        and scrape.total("gpt_trader_order_submission_total", result="rejected") > 0
        and scrape.total("gpt_trader_api_requests_total", result="error") > 0
        and scrape.total("gpt_trader_ws_reconnect_count") > 0
        and scrape.value("gpt_trader_ws_connected") == 1
    )
