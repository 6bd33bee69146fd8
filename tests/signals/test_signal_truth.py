"""Signals against a brute-force recomputation from every value and the slot that it came in."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from signal_model import BruteForce, call, order, trip

from gpt_trader_telemetry.catalog import (
    BROKER_CALL_LATENCY,
    GUARD_TRIPS,
    ORDER_MISSING_DECISION_ID,
    ORDER_RETRIES,
    ORDER_SUBMISSION,
)
from gpt_trader_telemetry.health.signals import Signals
from gpt_trader_telemetry.recording.bound import BoundRecorder
from gpt_trader_telemetry.recording.recorder import OVERFLOW
from gpt_trader_telemetry.recording.window import RELATIVE_ERROR
from gpt_trader_telemetry.thresholds import Thresholds
from support.timing import Clock

orders = st.sampled_from(
    [
        order(),
        order(side="sell"),
        order("rejected", "insufficient_funds"),
        order("failed", "timeout", "sell"),
        order("failed", "network", "unknown"),
    ]
)
calls = st.sampled_from(
    [
        call(),
        call(outcome="failure", reason="timeout"),
        call("cancel"),
        call("cancel", "failure", "not_found"),
        call("preview"),
    ]
)
trips = st.sampled_from([trip(), trip(category="data"), trip("leverage"), trip("leverage", recoverable="false")])
latencies = st.lists(st.floats(1e-5, 100.0) | st.sampled_from([0.0002, 0.01, 1.0, 3.0, 11.0]), min_size=1, max_size=60)
many = st.integers(1, 40).map(lambda n: [1.0] * n)

recorded = st.one_of(
    st.tuples(st.just(ORDER_SUBMISSION), orders, many),
    st.tuples(st.just(ORDER_RETRIES), st.just(()), st.integers(1, 5).map(lambda n: [float(n)])),
    st.tuples(st.just(BROKER_CALL_LATENCY), calls, latencies),
    st.tuples(st.just(GUARD_TRIPS), trips, many),
    st.tuples(st.just(ORDER_MISSING_DECISION_ID), st.just(()), many),
)
waits = st.one_of(
    st.floats(0.0, 15.0),
    st.sampled_from([0.25, 5.0, 60.0, 100.0, 200.0, 294.9, 295.0, 299.9, 300.0, 300.1, 3600.0, 1e7]),
    st.floats(-600.0, -0.1),
)
streams = st.lists(st.one_of(recorded, recorded, waits), min_size=1, max_size=60)


def agree(signals: Signals, truth: BruteForce) -> None:
    """Every signal is what brute force makes it, and its status follows from the thresholds."""
    truth.look()
    report = signals.evaluate()
    expected = {
        "order_error_rate": truth.order_error_rate(),
        "order_retry_rate": truth.order_retry_rate(),
        "guard_trip_count": truth.guard_trip_count(),
        "missing_decision_ids": truth.missing_decision_ids(),
    }
    for name, value in expected.items():
        if value == 0 and report[name].value is None:
            assert name in {"guard_trip_count", "missing_decision_ids"}, name  # nothing that could count was seen
            continue
        assert report[name].value == value, name
    p95 = truth.broker_latency_p95_ms()
    got = report["broker_latency_p95_ms"].value
    assert (got is None) == (p95 is None)
    if p95 is not None:
        assert got == pytest.approx(p95, rel=RELATIVE_ERROR + 1e-9)
    for signal in report.signals:
        limits = signals.thresholds.limits(signal.name)
        if signal.value is None:
            assert signal.status == "UNKNOWN"
        else:
            assert signal.status == (
                "CRIT" if signal.value > limits.crit else "WARN" if signal.value > limits.warn else "OK"
            )


@settings(max_examples=300)
@given(streams)
@example(
    [(ORDER_SUBMISSION, order("failed", "timeout"), [1.0] * 10), 299.9, (ORDER_SUBMISSION, order(), [1.0] * 10), 0.1]
)
@example([(BROKER_CALL_LATENCY, call(), [0.01] * 19 + [11.0] * 2), 300.0, -700.0, (BROKER_CALL_LATENCY, call(), [1.0])])
def test_signals_are_what_brute_force_makes_them(stream) -> None:
    """Over streams with bursts, window edges, long idle and a clock that is set back, after every single event."""
    clock = Clock()
    signals, truth = Signals(clock=clock), BruteForce(clock)
    for action in stream:
        if isinstance(action, float):
            clock.sleep(action)
        else:
            metric, labels, values = action
            truth.record(metric, labels, values)
            signals.tap(metric, labels)(list(values))
        agree(signals, truth)


@given(st.lists(st.one_of(recorded, recorded, st.floats(0.0, 120.0)), min_size=1, max_size=40), st.data())
def test_through_a_recorder_a_value_belongs_to_the_slot_of_its_fold(stream, data) -> None:
    """Recorded whenever, counted when it is folded: by the background tick or a scrape."""
    clock = Clock()
    signals = Signals(clock=clock)
    recorder = BoundRecorder(tap=signals.tap)
    truth, waiting = BruteForce(clock), []
    for action in stream:
        if isinstance(action, float):
            clock.sleep(action)
        else:
            metric, labels, values = action
            for value in values:
                if metric is ORDER_RETRIES:
                    recorder.adder(metric, labels)(value)
                else:
                    recorder.events((metric, labels))(value)
            waiting.append(action)
        if data.draw(st.booleans()):
            recorder.fold()
            for metric, labels, values in waiting:
                truth.record(metric, labels, values)
            waiting.clear()
            agree(signals, truth)


@given(
    st.sampled_from([1.0, 7.0, 60.0, 100.0, 3600.0]),
    st.integers(0, 30),
    st.integers(0, 50),
    st.lists(st.tuples(st.floats(0, 0.6), orders, many, calls, latencies), max_size=20),
)
def test_window_and_minimum_samples_are_as_set(window, minimum_orders, minimum_latencies, stream) -> None:
    """Any length of window is 60 slots; fewer orders or calls than asked for are not judged, none never."""
    clock = Clock()
    signals = Signals(
        Thresholds(window_seconds=window, minimum_orders=minimum_orders, minimum_latencies=minimum_latencies),
        clock=clock,
    )
    truth = BruteForce(clock, width=window / 60)
    for share, order_labels, amounts, call_labels, values in stream:
        clock.sleep(share * window)
        for metric, labels, batch in (
            (ORDER_SUBMISSION, order_labels, amounts),
            (BROKER_CALL_LATENCY, call_labels, values),
        ):
            truth.record(metric, labels, batch)
            signals.tap(metric, labels)(list(batch))
        report = signals.evaluate()
        assert report["order_error_rate"].value == truth.order_error_rate(minimum_orders)
        p95 = truth.broker_latency_p95_ms(minimum_latencies)
        got = report["broker_latency_p95_ms"].value
        assert got == (p95 if p95 is None else pytest.approx(p95, rel=RELATIVE_ERROR + 1e-9))


@pytest.mark.parametrize(
    ("bad", "status"), [(0, "OK"), (5, "OK"), (6, "WARN"), (15, "WARN"), (16, "CRIT"), (100, "CRIT")]
)
def test_thresholds_are_strictly_greater_than(bad, status) -> None:
    """5 of 100 is not above 5 %, and 15 is not above 15 %."""
    signals = Signals(clock=Clock())
    signals.tap(ORDER_SUBMISSION, order())([1.0] * (100 - bad))
    signals.tap(ORDER_SUBMISSION, order("failed", "timeout"))([1.0] * bad)
    assert signals.evaluate()["order_error_rate"].status == status


@pytest.mark.parametrize(("seconds", "status"), [(1.0, "OK"), (1.0001, "WARN"), (3.0, "WARN"), (3.0001, "CRIT")])
def test_a_latency_that_is_always_the_same_is_judged_exactly(seconds, status) -> None:
    """A time-out of exactly the threshold is not above it."""
    signals = Signals(clock=Clock())
    signals.tap(BROKER_CALL_LATENCY, call())([seconds] * 20)
    assert signals.evaluate()["broker_latency_p95_ms"].status == status


@pytest.mark.parametrize(("trips_counted", "status"), [(0, "OK"), (3, "OK"), (4, "WARN"), (10, "WARN"), (11, "CRIT")])
def test_guard_trips_need_no_minimum(trips_counted, status) -> None:
    """All guards together; one trip counts as one."""
    signals = Signals(clock=Clock())
    for number in range(trips_counted):
        signals.tap(GUARD_TRIPS, trip(f"guard {number % 3}"))([1.0])
    signals.tap(GUARD_TRIPS, trip())([0])
    assert signals.evaluate()["guard_trip_count"].status == status


def test_too_few_samples_are_unknown_whatever_they_say() -> None:
    """9 orders that all failed, 19 calls of 11 s: nothing to judge by yet; one more of each is enough."""
    signals = Signals(clock=Clock())
    fail = signals.tap(ORDER_SUBMISSION, order("failed", "timeout"))
    slow = signals.tap(BROKER_CALL_LATENCY, call())
    fail([1.0] * 9)
    slow([11.0] * 19)
    report = signals.evaluate()
    assert {report[name].status for name in ("order_error_rate", "order_retry_rate", "broker_latency_p95_ms")} == {
        "UNKNOWN"
    }
    fail([1.0])
    slow([11.0])
    report = signals.evaluate()
    assert report["order_error_rate"].status == report["broker_latency_p95_ms"].status == "CRIT"


def test_nothing_is_no_rate_even_where_no_minimum_is_asked_for() -> None:
    """No order is needed to judge, but none of none is no share."""
    signals = Signals(Thresholds(minimum_orders=0, minimum_latencies=0), clock=Clock())
    signals.tap(ORDER_RETRIES, ())([1.0])
    report = signals.evaluate()
    assert {report[name].status for name in ("order_error_rate", "order_retry_rate", "broker_latency_p95_ms")} == {
        "UNKNOWN"
    }
    assert report["order_error_rate"].measure.unknown == "too_few_samples"
    assert "Orders sent in the last 300 s: 0; it takes 1 to judge" in signals.explain()["signals"][0]["explanation"]


def test_orders_beyond_the_label_cap_are_not_taken_for_successes() -> None:
    """Their result was lost to the cap: they count as errors rather than thin them out."""
    signals = Signals(clock=Clock())
    signals.tap(ORDER_SUBMISSION, order())([1.0] * 10)
    signals.tap(ORDER_SUBMISSION, OVERFLOW)([1.0] * 10)
    signals.tap(GUARD_TRIPS, OVERFLOW)([1.0] * 4)
    signals.tap(BROKER_CALL_LATENCY, OVERFLOW)([5.0] * 20)
    report = signals.evaluate()
    assert report["order_error_rate"].value == 0.5
    assert report["guard_trip_count"].value == 4
    assert report["broker_latency_p95_ms"].value == 5000
    assert report["broker_latency_p95_ms"].measure.details["operation"] == "otel.metric.overflow"
