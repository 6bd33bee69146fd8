"""Many threads that record while others scrape, at any size; the quick suite runs them small, the soak in full."""

import sys
import threading
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

from support.scraping import OPENMETRICS, TEXT, parse

LATENCY = "gpt_trader_broker_call_latency_seconds"
ORDERS = "gpt_trader_order_submission_total"
ORDER_LATENCY = "gpt_trader_order_submission_latency_seconds"
STRICTLY_PARSED = 25


def trading_storm(telemetry, *, threads: int, calls: int) -> None:
    """Record from many threads while two scrape without pause, then check every scrape and every count."""

    @telemetry.order_submission(side="side")
    @telemetry.broker_call("submit")
    def submit(side: str, *, fails: bool) -> None:
        if fails:
            raise TimeoutError

    @telemetry.guard("limit")
    def check(*, trips: bool) -> None:
        if trips:
            raise ValueError

    @telemetry.broker_call("stream", classify=lambda value: value)
    def judged(number: int) -> str | None:
        return None if number % 3 else "rate_limit"

    entered = telemetry.broker_call("with")

    def trade(thread: int) -> None:
        for number in range(calls // 5):
            with suppress(TimeoutError):
                submit("buy" if thread % 2 else "sell", fails=number % 10 == 0)
            with suppress(ValueError):
                check(trips=number % 7 == 0)
            judged(number)
            with entered as call:
                if number % 4 == 0:
                    call.fail("auth")
            telemetry.record_counter("gpt_trader_ticks_total", 1, {"thread": thread})

    scrapes = scraped_while(
        telemetry, [lambda thread=thread: trade(thread) for thread in range(threads)], list(_always(telemetry))
    )
    check_scrapes(scrapes)

    rounds = calls // 5
    final = parse(telemetry.metrics_text())
    ours, failed = threads // 2 * rounds, threads // 2 * len(range(0, rounds, 10))
    for side in ("buy", "sell"):
        assert final.value(ORDERS, result="success", reason="none", side=side) == ours - failed
        assert final.value(ORDERS, result="failed", reason="timeout", side=side) == failed
    called = {
        ("submit", "none"): 2 * (ours - failed),
        ("submit", "timeout"): 2 * failed,
        ("stream", "none"): threads * (rounds - len(range(0, rounds, 3))),
        ("stream", "rate_limit"): threads * len(range(0, rounds, 3)),
        ("with", "none"): threads * (rounds - len(range(0, rounds, 4))),
        ("with", "auth"): threads * len(range(0, rounds, 4)),
    }
    assert called == {
        (operation, reason): final.total(LATENCY + "_count", operation=operation, reason=reason)
        for operation, reason in called
    }
    tripped = threads * len(range(0, rounds, 7))
    guard = "gpt_trader_guard_{}_total"
    assert final.value(guard.format("trips"), guard="limit", category="generic", recoverable="false") == tripped
    assert final.value(guard.format("checks"), guard="limit", result="failure") == tripped
    assert final.value(guard.format("checks"), guard="limit", result="success") == threads * rounds - tripped
    for thread in range(threads):
        assert final.value("gpt_trader_ticks_total", thread=str(thread)) == rounds
    assert final.total("gpt_trader_telemetry_errors_total") == 0


def _always(telemetry) -> set[str]:
    return {line.rsplit(" ", 1)[0] for line in telemetry.metrics_text().splitlines() if not line.startswith("#")}


def scraped_while(telemetry, work: list[Callable[[], None]], expected: list[str]) -> list[list[str]]:
    """Do the work, each in a thread of its own that gives way as often as can be; return what each scraper read."""
    done = threading.Event()
    scrapes: list[list[str]] = [[], []]
    faults: list[BaseException] = []

    def scrape(number: int) -> None:
        accept = (TEXT, OPENMETRICS)[number]
        while not done.is_set():
            scrapes[number].append(telemetry.metrics_text(accept))

    def guarded(act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as fault:
            faults.append(fault)

    workers = [threading.Thread(target=guarded, args=(act,)) for act in work]
    scrapers = [threading.Thread(target=guarded, args=(lambda number=number: scrape(number),)) for number in (0, 1)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in scrapers + workers:
            thread.start()
        for thread in workers:
            thread.join()
        done.set()
        for thread in scrapers:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    if faults:
        raise faults[0]
    for texts in scrapes:
        assert texts
        for text in texts:
            missing = [series for series in expected if f"{series} " not in text]
            assert not missing, missing
    return scrapes


def check_scrapes(scrapes: list[list[str]]) -> None:
    """Check each scrape by itself and against the one before: nothing twice, nothing lost, nothing going down."""
    for texts in scrapes:
        before: dict[str, float] = {}
        for text in texts:
            values = _values_of(text)
            vanished = [series for series in before if series not in values]
            assert not vanished, vanished
            shrunk = [series for series, value in before.items() if _only_grows(series) and values[series] < value]
            assert not shrunk, shrunk
            _check_histograms(values)
            before = values
        for text in texts[:: max(1, len(texts) // STRICTLY_PARSED)]:
            scraped = parse(text)
            for labels in scraped.label_sets(ORDER_LATENCY + "_count"):
                # Counted and timed by one append: no scrape sees one without the other.
                counted = scraped.total(ORDERS, **labels)
                assert counted == scraped.value(ORDER_LATENCY + "_count", **labels)


def _values_of(text: str) -> dict[str, float]:
    values: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            assert series not in values, f"{series} stands twice"
            values[series] = float(value)
    return values


def _only_grows(series: str) -> bool:
    return series.partition("{")[0].endswith(("_total", "_bucket", "_count", "_sum"))


def _check_histograms(values: dict[str, float]) -> None:
    below: dict[str, float] = {}
    for series, value in values.items():
        name, found, le = series.partition('le="')
        if found:
            assert value >= below.get(name, 0), f"{series} is below the bucket before it"
            below[name] = value
            if le.startswith("+Inf"):
                plain = name.replace("_bucket{", "_count{").rstrip(",{")
                count = values[plain + ("}" if "{" in plain else "")]
                assert value == count, f"{series} is not the count"


def cardinality_storm(telemetry, caplog, *, values: int) -> int:
    """Record that many values of a free label; return how much memory that took beyond the first thousand."""
    submit = telemetry.broker_call("submit")(lambda: None)
    telemetry.record_counter("gpt_trader_orders_seen_total", 1, {"strategy": "momentum", "order": "first"})
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(values - 1):
            telemetry.record_counter("gpt_trader_orders_seen_total", 1, {"strategy": "momentum", "order": number})
            if number % 1000 == 0:
                submit()
        text = telemetry.metrics_text()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    scraped = parse(text)
    limit = telemetry.settings.cardinality_limit
    assert len(scraped.label_sets("gpt_trader_orders_seen_total")) == limit + 1
    assert scraped.value("gpt_trader_orders_seen_total", otel_metric_overflow="true") == values - limit
    assert scraped.total("gpt_trader_orders_seen_total") == values
    warnings = [record.getMessage() for record in caplog.records]
    assert len(warnings) == 1
    assert "'order'" in warnings[0]
    assert "'strategy'" not in warnings[0]
    assert "gpt_trader_orders_seen_total" in warnings[0]
    assert scraped.total("gpt_trader_telemetry_errors_total") == 0
    return grown
