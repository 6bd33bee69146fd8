"""``instrument_all``: every instrumentor of this distribution, now or when its library is imported."""

import importlib
import logging
import subprocess
import sys

import gpt_trader_telemetry
from gpt_trader_telemetry import Settings, instrument_all
from support.scraping import scrape


def test_what_is_registered_is_instrumented_when_it_is_imported(registered, caplog) -> None:
    """By entry points of this distribution alone; what fails is passed over, counted and logged."""
    with gpt_trader_telemetry.configure(settings=Settings()) as telemetry:
        assert instrument_all() == ("test_broker",)
        broker = importlib.import_module("test_broker")
        assert broker.submit() == "accepted"
        calls = scrape(telemetry).total("gpt_trader_broker_call_latency_seconds_count", operation="submit")
        assert calls == 1
        assert scrape(telemetry).value("gpt_trader_telemetry_errors_total", component="integration") == 2
    told = sorted(record.getMessage().partition(". ")[0] for record in caplog.records)
    assert told == [
        "integration: test_absent could not be instrumented", "integration: test_failing could not be instrumented",
    ]  # fmt: skip


def test_a_second_call_changes_nothing(registered, caplog) -> None:
    """And without a Telemetry, what fails is logged."""
    assert instrument_all() == instrument_all() == ("test_broker",)
    assert importlib.import_module("test_broker").submit() == "accepted"
    assert "already instrumented" not in caplog.text
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_without_the_extra_it_says_which_to_install() -> None:
    """Once for each client, at the end of the log's line; the bot goes on."""
    script = (
        "import sys; sys.modules['opentelemetry.instrumentation'] = None\n"
        "from gpt_trader_telemetry import instrument_all\n"
        "print(instrument_all())"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "()\n"
    told = "is not installed; install gpt-trader-telemetry with its extra `ccxt` or `coinbase`\n"
    assert ran.stderr.count(told) == 2, ran.stderr
