"""A replay says what live health would have said: same code, same windows, the events' own time."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_trader_telemetry.health.signal_report import SignalStatus
from gpt_trader_telemetry.replay.replayer import NOT_IN_THE_LOG, Replayer, replay
from gpt_trader_telemetry.replay.result import DOWN
from gpt_trader_telemetry.replay.text import WIDTH, as_text
from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.thresholds import SIGNALS, Thresholds

START = 1_772_000_000.0


def run(*events, thresholds=None, **options):
    written = [Event(kind, START + at, payload) for kind, at, payload in events]
    return replay(written, thresholds or Thresholds(), profile="paper", **options)


def told(result, signal):
    return [
        (round(change.at - START), change.before.value, change.after.value, change.value)
        for change in result.changes
        if change.signal == signal
    ]


def alive(until, every=5):
    return [("heartbeat", at, {}) for at in range(0, until, every)]


def merged(*parts):
    return sorted((event for part in parts for event in part), key=lambda event: event[1])


def trade(number, **fields):
    return {"order_id": f"o-{number}", "client_order_id": f"c-{number}", "side": "BUY", "status": "filled", **fields}


def test_an_order_error_rate_warns_goes_critical_and_recovers():
    """Rejected orders as a share of all, over five minutes; none are judged with fewer than ten orders."""
    good = [("trade", 10 * number, trade(number)) for number in range(60)]
    bad = [("order_rejected", 301 + 2 * number, {"reason": "INSUFFICIENT_FUND", "side": "SELL"}) for number in range(6)]
    result = run(*merged(alive(1200), good, bad))
    changes = told(result, "order_error_rate")
    assert [(before, after) for _, before, after, _ in changes] == [
        ("OK", "WARN"), ("WARN", "CRIT"), ("CRIT", "WARN"), ("WARN", "OK"),
    ]  # fmt: skip
    assert changes[0][3] == pytest.approx(2 / 32)
    assert 300 <= changes[0][0] <= 310
    assert 600 <= changes[-1][0] <= 615
    summary = result.summaries["order_error_rate"]
    assert (summary.warned, summary.went_critical) == (1, 1)
    assert summary.highest == pytest.approx(6 / 36)
    assert sum(summary.seconds.values()) == result.end - result.start
    assert summary.why_unknown == "too_few_samples"


def test_what_was_refused_on_our_side_is_no_order():
    """Guards, reduce-only, previews: the broker was never asked."""
    reasons = ("guard_failure", "reduce_only", "paused", "order_preview", "security_validation", "exchange_rules")
    refused = [("order_rejected", 3 * number, {"reason": reason}) for number, reason in enumerate(reasons * 4)]
    assert run(*refused).summaries["order_error_rate"].highest is None


def test_an_order_that_is_told_of_twice_is_one():
    """A trade whose status is written again, or a failure that leaves two events."""
    events = []
    for number in range(10):
        events += [("trade", number, trade(number, status="SUBMITTED")), ("trade", number, trade(number))]
    for number in range(10, 12):
        events += [
            (
                "api_error",
                number,
                {"reason": "timeout", "client_order_id": f"c-{number}", "details": {"operation": "submit_order"}},
            ),
            (
                "error",
                number,
                {"message": "order_placement_failed", "client_order_id": f"c-{number}", "context": {"side": "buy"}},
            ),
        ]
    events.append(("api_error", 12, {"reason": "timeout", "details": {"operation": "list_balances"}}))
    result = run(*events)
    assert result.summaries["order_error_rate"].highest == pytest.approx(2 / 12)


def test_attempts_beyond_an_orders_first_are_retries():
    """And without attempts that name their order nobody knows."""
    orders = [("trade", 20 * number, trade(number)) for number in range(20)]
    attempts = [
        ("order_submission_attempt", 20 * number + 1 + again, {"client_order_id": f"c-{number}"})
        for number in range(20)
        for again in range(1 + number % 2)
    ]
    retried = run(*merged(orders, attempts)).summaries["order_retry_rate"]
    assert retried.highest == pytest.approx(0.5, abs=0.05)
    nameless = [("order_submission_attempt", 20 * number, {"side": "BUY"}) for number in range(20)]
    for others in ([], nameless):
        unknown = run(*merged(orders, others)).summaries["order_retry_rate"]
        assert (unknown.highest, unknown.why_unknown) == (None, NOT_IN_THE_LOG)


def test_decision_ids_are_missed_only_where_the_bot_keeps_them():
    """A field that is there and empty is a hole in the trail; one that is not there says nothing."""
    orders = [("trade", 20 * number, trade(number)) for number in range(10)]
    without = [("order_decision_trace", 20 * number, {"symbol": "A"}) for number in range(10)]
    assert run(*merged(orders, without)).summaries["missing_decision_ids"].why_unknown == NOT_IN_THE_LOG
    traces = [
        ("order_decision_trace", 20 * number, {"decision_id": "" if number in {4, 7} else "d"}) for number in range(10)
    ]
    result = run(*merged(orders, traces))
    assert result.summaries["missing_decision_ids"].highest == 2
    assert told(result, "missing_decision_ids")[0] == (85, "OK", "WARN", 1)


def test_latencies_are_judged_where_the_bot_wrote_them_down():
    """Of the slowest operation; else unknown."""
    chooser = random.Random(5)
    spans = [chooser.uniform(10, 900) for _ in range(100)]
    result = run(*(("trade", number, trade(number, latency_ms=str(span))) for number, span in enumerate(spans)))
    assert result.summaries["broker_latency_p95_ms"].highest >= sorted(spans)[94] * 0.9
    assert (
        run(*(("trade", number, trade(number)) for number in range(100))).summaries["broker_latency_p95_ms"].highest
        is None
    )


def test_guard_trips_count_over_five_minutes():
    """None in the log means none: zero, not unknown."""
    trips = [("guard_triggered", 100 + number, {"guard": "daily_loss", "category": "limit"}) for number in range(11)]
    result = run(*merged(alive(900), trips))
    assert [(before, after) for _, before, after, _ in told(result, "guard_trip_count")] == [
        ("OK", "WARN"), ("WARN", "CRIT"), ("CRIT", "WARN"), ("WARN", "OK"),
    ]  # fmt: skip
    assert result.changes[1].details["worst_guard"] == "daily_loss"
    assert result.summaries["guard_trip_count"].seconds["UNKNOWN"] == 0


def test_silence_of_the_feed_is_stale_data():
    """The stalest symbol for market data; any price or reconnect for the WebSocket. The bot's own heartbeat is neither."""
    quiet = [("price_tick", at, {"symbol": "A"}) for at in (*range(0, 100, 5), *range(300, 400, 5))]
    other = [("price_tick", at, {"symbol": "B"}) for at in (*range(0, 200, 5), *range(300, 400, 5))]
    result = run(*merged(quiet, other, alive(400)))
    assert [(at, after) for at, _, after, _ in told(result, "market_data_staleness_seconds")] == [
        (160, "WARN"), (220, "CRIT"), (305, "OK"),
    ]  # fmt: skip
    assert [(at, after) for at, _, after, _ in told(result, "ws_staleness_seconds")] == [
        (230, "WARN"), (260, "CRIT"), (305, "OK"),
    ]  # fmt: skip
    reconnected = run(*merged(quiet[:20], alive(400), [("websocket_reconnect", 200, {"connected": True})]))
    assert (205, "CRIT", "OK") in [
        (at, before, after) for at, before, after, _ in told(reconnected, "ws_staleness_seconds")
    ]


def test_a_restart_empties_the_windows_and_what_was_before_it_is_no_silence():
    """The time for which the bot was down counts as such, and alarms nobody."""
    trips = [("guard_triggered", 10 + number, {}) for number in range(5)]
    ticks = [("price_tick", 20, {"symbol": "A"}), ("price_tick", 50_001, {"symbol": "A"})]
    result = run(*merged(trips, ticks, [("runtime_start", 50_000, {})], [("heartbeat", 50_100, {})]))
    assert told(result, "market_data_staleness_seconds") == [(50_065, "OK", "WARN", pytest.approx(63.999, abs=0.01))]
    assert [after for _, _, after, _ in told(result, "guard_trip_count")] == ["WARN", "UNKNOWN"]
    for summary in result.summaries.values():
        assert summary.seconds[DOWN] == pytest.approx(50_000 - 25, abs=10)
    assert "not running for 13h 52m" in as_text(result)


def test_what_is_before_the_start_only_fills_the_windows():
    """At the start everything stands as it would have; what led there is not told again."""
    trips = [("guard_triggered", at, {}) for at in range(0, 40, 10)]
    whole = merged(trips, alive(700))
    result = run(*whole, start=START + 200)
    assert result.start == START + 200
    assert result.summaries["guard_trip_count"].warned == 0
    assert [after for _, _, after, _ in told(result, "guard_trip_count")] == ["OK"]
    assert all(sum(summary.seconds.values()) == result.end - result.start for summary in result.summaries.values())


@st.composite
def histories(draw):
    """Return events over an hour or two, with bursts and silences."""
    at, events = 0.0, []
    for number in range(draw(st.integers(1, 25))):
        at += draw(st.sampled_from([0.0, 0.5, 3.0, 20.0, 61.0, 130.0, 299.0, 301.0, 500.0]))
        kind, payload = draw(
            st.sampled_from(
                [
                    ("trade", trade(number)), ("trade", trade(number, latency_ms=1500)), ("heartbeat", {}),
                    ("order_rejected", {"reason": "timeout"}), ("guard_triggered", {"guard": "g"}),
                    ("price_tick", {"symbol": "A"}), ("price_tick", {"symbol": "B"}),
                    ("order_submission_attempt", {"client_order_id": f"c-{number % 7}"}),
                    ("order_decision_trace", {"decision_id": ""}), ("websocket_reconnect", {}), ("runtime_start", {}),
                ]
            )
        )  # fmt: skip
        events += [Event(kind, START + at + part, payload) for part in range(draw(st.sampled_from([1, 1, 1, 12])))]
    return events


@given(events=histories())
@settings(max_examples=15, deadline=None)
def test_judging_only_where_something_moved_gives_the_same(events):
    """As judging every step of every second of it: changes, values, times in each state."""
    thresholds = Thresholds(minimum_orders=2, minimum_latencies=2)
    quick, thorough = Replayer(thresholds), Replayer(thresholds)
    thorough._report = lambda end, ages: thorough._inputs.signals.evaluate()
    thorough._settled_after = float("inf")
    for event in events:
        quick.take(event)
        thorough.take(event)
    one, other = quick.finish("p"), thorough.finish("p")
    assert one.changes == other.changes
    for name in SIGNALS:
        mine, theirs = one.summaries[name], other.summaries[name]
        assert mine.seconds == pytest.approx(theirs.seconds)
        assert (mine.warned, mine.went_critical, mine.highest) == (theirs.warned, theirs.went_critical, theirs.highest)
        assert sum(mine.seconds.values()) == pytest.approx(one.end - one.start)
    assert max(map(len, as_text(one).splitlines())) <= WIDTH + 4
    assert {change.after for change in one.changes} <= set(SignalStatus)
