"""Exact under threads, bounded under floods; in full size among the soak tests."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from instrumented import broker_calls, faults
from storms import cardinality_storm, check_scrapes, scraped_while, trading_storm

from gpt_trader_telemetry import Settings, Telemetry
from support.scraping import OPENMETRICS, TEXT, scrape


def test_every_count_is_exact_under_threads_and_scrapers(telemetry) -> None:
    """Eight threads and two scrapers: no count off by one, no scrape with a series twice, missing or going down."""
    trading_storm(telemetry, threads=8, calls=20_000)


def test_series_that_are_born_during_scrapes_are_whole(telemetry) -> None:
    """New label sets, new metrics and new decorators all the time: each is there from its birth on, in full."""

    def births(thread: int) -> None:
        for number in range(100):
            with telemetry.broker_call(f"op {number}"):
                pass
            telemetry.record_counter(f"gpt_trader_own_{number}", 1, {"thread": thread})
            telemetry.record_histogram(f"gpt_trader_sizes_{number}", number, {"number": number % 7})
            telemetry.guard(f"guard {number}")(lambda: None)()
            telemetry.account.update(exposure={f"{thread}-{number % 50}": number})

    check_scrapes(scraped_while(telemetry, [lambda thread=thread: births(thread) for thread in range(6)], []))
    scraped = scrape(telemetry)
    for number in range(100):
        assert scraped.total("gpt_trader_broker_call_latency_seconds_count", operation=f"op {number}") == 6
        assert scraped.total(f"gpt_trader_own_{number}_total") == 6
        assert scraped.total(f"gpt_trader_sizes_{number}_count") == 6
        assert scraped.value("gpt_trader_guard_checks_total", guard=f"guard {number}", result="success") == 6
    assert faults(telemetry) == 0


def test_distinct_values_beyond_the_cap_share_one_series(telemetry, caplog) -> None:
    """Memory stays bounded, the total exact, and one warning names the label that is to blame."""
    assert cardinality_storm(telemetry, caplog, values=50_000) < 8_000_000


@pytest.mark.parametrize("limit", [8, 25])
def test_the_cap_is_the_settings(limit, caplog) -> None:
    """However small: each metric has its own, and what overflows is still counted, timed or set."""
    with Telemetry(Settings(cardinality_limit=limit)) as telemetry:
        for number in range(30):
            with telemetry.broker_call(f"op {number}"):
                pass
            with telemetry.guard(f"guard {number}"):
                pass
            telemetry.record_gauge("gpt_trader_symbol_exposure_usd", number, {"symbol": number})
        for accept in (TEXT, OPENMETRICS):
            scraped = scrape(telemetry, accept)
            latency = "gpt_trader_broker_call_latency_seconds_count"
            assert scraped.total(latency) == 30
            assert scraped.value(latency, otel_metric_overflow="true") == 30 - limit
            assert scraped.total("gpt_trader_guard_checks_total") == 30
            assert scraped.value("gpt_trader_symbol_exposure_usd", otel_metric_overflow="true") == 29
            assert len(scraped.label_sets("gpt_trader_symbol_exposure_usd")) == limit + 1
        blamed = [
            ("broker_call", "operation"),
            ("guard_checks", "guard"),
            ("guard_trips", "guard"),
            ("symbol", "symbol"),
        ]
        warned = [record.getMessage() for record in caplog.records]
        assert 3 <= len(warned) <= 4
        for warning in warned:
            assert any(metric in warning and f"the label {label!r}" in warning for metric, label in blamed)
        assert faults(telemetry) == 0


def test_a_flood_of_one_label_leaves_known_series_alone(telemetry) -> None:
    """What was there before the flood goes on counting under its own labels."""
    seen = telemetry.broker_call("submit")(lambda: None)
    seen()
    for number in range(3000):
        with telemetry.broker_call(f"op {number}"):
            pass
    seen()
    scraped = scrape(telemetry)
    labels = {"operation": "submit", "outcome": "success", "reason": "none"}
    assert scraped.value("gpt_trader_broker_call_latency_seconds_count", **labels) == 2


def test_shutting_down_while_threads_record_loses_nothing_but_what_comes_after() -> None:
    """No call raises or blocks, and no scrape is broken, whenever it happens."""
    for _ in range(5):
        telemetry = Telemetry(Settings())
        submit = telemetry.order_submission("buy")(telemetry.broker_call("submit")(lambda: 7))
        going = threading.Event()

        def trade(submit=submit, telemetry=telemetry, going=going) -> int:
            for number in range(3000):
                assert submit() == 7
                with telemetry.guard(f"guard {number % 20}"):
                    pass
                telemetry.record_gauge("gpt_trader_open_orders", number)
                going.set()
            return 1

        with ThreadPoolExecutor(4) as pool:
            work = [pool.submit(trade) for _ in range(4)]
            going.wait(10)
            telemetry.shutdown()
            assert sum(each.result() for each in work) == 4
        assert faults(telemetry) == 0
        assert broker_calls(telemetry)["success", "none"] >= 1
