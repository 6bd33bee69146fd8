"""The original's defects, each in its numbers as it was reproduced; ours must not have them."""

import threading

import pytest
from signal_model import call, order, trip

from gpt_trader_telemetry.catalog import (
    BROKER_CALL_LATENCY,
    GUARD_TRIPS,
    ORDER_RETRIES,
    ORDER_SUBMISSION,
)
from gpt_trader_telemetry.health.signals import Signals
from gpt_trader_telemetry.instrument.broker import broker_call
from gpt_trader_telemetry.instrument.orders import order_submission
from gpt_trader_telemetry.recording.bound import BoundRecorder
from gpt_trader_telemetry.recording.current import Slot
from support.timing import Clock, eventually


@pytest.fixture
def signals(clock: Clock) -> Signals:
    return Signals(clock=clock)


def feed(signals: Signals, metric, labels, values) -> None:
    signals.tap(metric, labels)(list(values))


def test_defect_3_failures_of_an_hour_ago_are_over(signals, clock) -> None:
    """10 failures then 40 clean orders read critical for ever over lifetime counters: here for five minutes."""
    feed(signals, ORDER_SUBMISSION, order("failed", "timeout"), [1.0] * 10)
    assert signals.evaluate()["order_error_rate"].status == "CRIT"
    clock.sleep(120)
    feed(signals, ORDER_SUBMISSION, order(), [1.0] * 40)
    assert signals.evaluate()["order_error_rate"].value == 0.2
    clock.sleep(181)
    report = signals.evaluate()
    assert (report["order_error_rate"].value, report["order_error_rate"].status) == (0.0, "OK")


def test_defect_3_ten_guard_trips_ever_are_not_ten_now(signals, clock) -> None:
    """One trip each minute never adds up; eleven at once do, until they have left the window."""
    for _ in range(60):
        feed(signals, GUARD_TRIPS, trip(), [1.0])
        assert signals.evaluate()["guard_trip_count"].value <= 5
        clock.sleep(60)
    feed(signals, GUARD_TRIPS, trip(), [1.0] * 11)
    assert signals.evaluate()["guard_trip_count"].status == "CRIT"
    clock.sleep(300)
    assert signals.evaluate()["guard_trip_count"].value == 0


def test_defect_4_fast_cancels_do_not_hide_slow_submits(signals) -> None:
    """1,000 cancels at 10 ms were the first series and all that was read; 40 submits take 8 s."""
    feed(signals, BROKER_CALL_LATENCY, call("cancel"), [0.010] * 1000)
    feed(signals, BROKER_CALL_LATENCY, call("submit"), [8.0] * 40)
    latency = signals.evaluate()["broker_latency_p95_ms"]
    assert (latency.value, latency.status) == (8000, "CRIT")
    assert latency.measure.details["operation"] == "submit"


def test_defect_4_failures_belong_to_the_latency(signals) -> None:
    """Successes at 10 ms in one series, time-outs at 10 s in another: one operation, one p95."""
    feed(signals, BROKER_CALL_LATENCY, call(), [0.010] * 90)
    feed(signals, BROKER_CALL_LATENCY, call(outcome="failure", reason="timeout"), [10.0] * 10)
    latency = signals.evaluate()["broker_latency_p95_ms"]
    assert latency.value == 10_000
    assert dict(latency.measure.worst)["reason"] == "timeout"


def test_defect_10_cancels_are_no_retries(clock) -> None:
    """100 orders and 30 cancels without a retry read as a retry rate of 0.30: here it is 0."""
    signals = Signals(clock=clock)
    recorder = BoundRecorder(tap=signals.tap)
    slot = Slot(recorder)

    @order_submission(side="buy", slot=slot)
    @broker_call("submit", slot=slot)
    def submit() -> None:
        clock.sleep(0.01)

    @broker_call("cancel", slot=slot)
    def cancel() -> None:
        clock.sleep(0.01)

    for number in range(100):
        submit()
        if number < 30:
            cancel()
    recorder.fold()
    retries = signals.evaluate()["order_retry_rate"]
    assert (retries.value, retries.status) == (0, "OK")


def test_defect_10_six_percent_of_calls_at_11_seconds_are_a_p95_of_11_seconds(signals) -> None:
    """It read 1 s: interpolated in a bucket that ends at 10."""
    feed(signals, BROKER_CALL_LATENCY, call(), [0.5] * 94 + [11.0] * 6)
    latency = signals.evaluate()["broker_latency_p95_ms"]
    assert latency.value == pytest.approx(11_000, rel=0.05)
    assert latency.status == "CRIT"


def test_defect_10_a_long_good_past_hides_no_outage(signals, clock) -> None:
    """10,000 good orders then 500 of 500 failing read as 4.76 %, OK: here as 100 %."""
    for _ in range(100):
        feed(signals, ORDER_SUBMISSION, order(), [1.0] * 100)
        clock.sleep(5)
    clock.sleep(300)
    feed(signals, ORDER_SUBMISSION, order("failed", "network"), [1.0] * 500)
    errors = signals.evaluate()["order_error_rate"]
    assert (errors.value, errors.status) == (1.0, "CRIT")


def test_defect_10_retries_are_counted_against_orders(signals) -> None:
    """11 retries for 100 orders: 11 %, a warning."""
    feed(signals, ORDER_SUBMISSION, order(), [1.0] * 100)
    feed(signals, ORDER_RETRIES, (), [3.0, 8.0])
    retries = signals.evaluate()["order_retry_rate"]
    assert (retries.value, retries.status) == (0.11, "WARN")


def test_defect_11_an_idle_mock_is_not_slow(signals) -> None:
    """Its p95 over the scraped buckets said 7 s where the true one was 0.2 ms."""
    feed(signals, BROKER_CALL_LATENCY, call(), [0.0002] * 19)
    feed(signals, BROKER_CALL_LATENCY, call(), [0.00018] * 181)
    latency = signals.evaluate()["broker_latency_p95_ms"]
    assert latency.value == pytest.approx(0.2, rel=0.05)
    assert latency.status == "OK"


def test_defect_14_only_unknown_signals_do_not_say_all_is_well() -> None:
    """Nothing recorded, no source: the summary is UNKNOWN, in words and on every signal."""
    report = Signals().evaluate()
    assert {signal.status for signal in report.signals} == {"UNKNOWN"}
    assert report.status == report.health_status == "UNKNOWN"
    assert report.as_json()["message"] == "no signal is known"


def test_defect_14_unknown_is_not_better_than_ok() -> None:
    """One that was known and is no longer does not turn the summary green, nor does one that is required."""
    ages = [12.0, None]
    signals = Signals(ws_staleness=lambda: ages[0])
    assert signals.evaluate().health_status == "OK"
    del ages[0]
    report = signals.evaluate()
    assert (report.status, report.health_status) == ("UNKNOWN", "WARN")


def test_defect_14_a_hung_source_leaves_no_green_result_standing() -> None:
    """While a source does not return, the last result counts for ten seconds, then nothing is known."""
    clock, hang, entered = Clock(), threading.Event(), threading.Event()
    block = [False]

    def age() -> float:
        if block[0]:
            entered.set()
            hang.wait(10)
        return 1.0

    signals = Signals(clock=clock, ws_staleness=age)
    assert signals.sample().status == "OK"
    block[0] = True
    sampler = threading.Thread(target=signals.sample)
    sampler.start()
    assert entered.wait(5)
    clock.sleep(9.9)
    assert signals.current().status == "OK"
    clock.sleep(0.2)
    report = signals.current()
    assert {signal.status for signal in report.signals} == {"UNKNOWN"}
    assert report.health_status == "WARN"
    block[0] = False
    hang.set()
    sampler.join()
    assert signals.current(0.0).status == "OK"


def failing_bot(clock: Clock) -> Signals:
    """Signals of a bot whose orders all fail."""
    signals = Signals(clock=clock)
    signals.tap(ORDER_SUBMISSION, order("failed", "network"))([1.0] * 100)
    return signals


def test_a_hung_source_takes_no_other_signal_with_it() -> None:
    """All orders fail; that stays critical, whatever another signal's source does. Its own last value counts for 10 s."""
    clock, hang, block = Clock(), threading.Event(), threading.Event()
    signals = failing_bot(clock)
    calls = []

    def age() -> float:
        calls.append(1)
        if block.is_set():
            hang.wait(30)
        return 1.0

    signals.set_source("market_data_staleness_seconds", age)
    assert signals.sample()["market_data_staleness_seconds"].status == "OK"
    block.set()
    for seconds, status in ((9.9, "OK"), (0.2, "UNKNOWN"), (60.0, "UNKNOWN")):
        clock.sleep(seconds)
        report = signals.sample()
        assert report["market_data_staleness_seconds"].status == status
        assert (report["order_error_rate"].status, report.health_status) == ("CRIT", "CRIT")
    assert report["market_data_staleness_seconds"].measure.unknown == "source_hung"
    assert len(calls) == 2, "a source that hangs is not asked again"
    block.clear()
    hang.set()
    eventually(lambda: signals.sample()["market_data_staleness_seconds"].status == "OK")


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), RuntimeError("x")])
def test_a_source_that_raises_anything_ends_nothing(error: BaseException) -> None:
    """Not the sampler, not the other signals; it is asked again, and may recover."""
    clock = Clock()
    signals = failing_bot(clock)
    raising = [True]

    def age() -> float:
        if raising:
            raise error
        return 2.0

    for source in (age, lambda: 1.0):
        signals.set_source("ws_staleness_seconds", source)
    signals.set_source("market_data_staleness_seconds", age)
    for _ in range(3):
        clock.sleep(1)
        report = signals.sample()
        assert report["market_data_staleness_seconds"].measure.unknown == "source_failed"
        assert (report["order_error_rate"].status, report["ws_staleness_seconds"].status) == ("CRIT", "OK")
    raising.clear()
    clock.sleep(1)
    assert signals.sample()["market_data_staleness_seconds"].value == 2.0
