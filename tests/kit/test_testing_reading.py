"""Reading back: labels are a filter, missing is not zero, and a typing error is an error."""

import copy
import math
from enum import Enum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_trader_telemetry import (
    UsageError,
    broker_call,
    order_submission,
    record_counter,
    record_gauge,
    record_histogram,
)
from gpt_trader_telemetry.testing import Recording, recorded

ORDERS = "gpt_trader_order_submission_total"
LATENCY = "gpt_trader_broker_call_latency_seconds"
PNL = "gpt_trader_symbol_pnl_usd"
OPEN = "gpt_trader_open_orders"


class Side(Enum):
    BUY = "buy"


@order_submission(side="side")
def submit(side: str, error: BaseException | None = None) -> str:
    if error is not None:
        raise error
    return "accepted"


def test_a_counter_is_the_sum_of_what_matches(telemetry: Recording) -> None:
    """No label is all series; each label leaves fewer; enums, case and spaces are spelled as they are recorded."""
    submit("buy")
    submit("buy")
    submit("sell")
    with pytest.raises(TimeoutError):
        submit("buy", TimeoutError())
    assert telemetry.value(ORDERS) == 4
    assert telemetry.value(ORDERS, side="buy") == telemetry.value(ORDERS, side=Side.BUY) == 3
    assert telemetry.value(ORDERS, side="buy", result=" SUCCESS") == 2
    assert telemetry.value(ORDERS, reason="timeout") == 1


def test_a_counter_that_nothing_matches_is_zero(telemetry: Recording) -> None:
    """It is known, and it did not happen."""
    assert telemetry.value(ORDERS) == 0
    submit("buy")
    assert telemetry.value(ORDERS, result="rejected") == 0
    assert "gpt_trader_trades_executed_total" not in telemetry
    assert ORDERS in telemetry


def test_a_gauge_that_nothing_has_set_is_none(telemetry: Recording) -> None:
    """Missing is not zero, and zero is not missing."""
    assert telemetry.value(OPEN) is None
    record_gauge(OPEN, 0)
    assert telemetry.value(OPEN) == 0
    assert OPEN in telemetry


def test_several_gauges_are_named_and_not_summed(telemetry: Recording) -> None:
    """Which one is meant must be said."""
    record_gauge(PNL, -3.5, {"symbol": "BTC-USD"})
    record_gauge(PNL, 4, {"symbol": "ETH-USD"})
    assert telemetry.value(PNL, symbol="BTC-USD") == -3.5
    assert telemetry.value(PNL, symbol="DOGE-USD") is None
    with pytest.raises(UsageError) as raised:
        telemetry.value(PNL)
    assert str(raised.value) == (
        f"{PNL} matches several series of a gauge, which have no sum; give it more labels: "
        f'{PNL}{{symbol="BTC-USD"}} -3.5, {PNL}{{symbol="ETH-USD"}} 4'
    )


@pytest.mark.parametrize(
    ("name", "labels", "message"),
    [
        ("gpt_trader_order_submissions_total", {}, f"there is no metric .*; did you mean {ORDERS}"),
        ("order_submission_total", {}, f"did you mean {ORDERS}"),
        ("gpt_trader_signals", {}, "did you mean gpt_trader_signals_total"),
        ("zzz", {}, "there is no metric 'zzz'; One of the bot's own"),
        (None, {}, "there is no metric 'None'"),
        (ORDERS, {"resutl": "rejected"}, "has no label 'resutl'; did you mean 'result'"),
        (ORDERS, {"result": "reject"}, "is never 'reject'; did you mean 'rejected'"),
        (ORDERS, {"side": "long"}, "is never 'long'; It is one of buy, sell, unknown"),
        ("gpt_trader_signals_total", {"stratgy": "x"}, "has no label 'stratgy'; did you mean 'strategy'"),
        (LATENCY, {}, "is a histogram; use telemetry.histogram"),
    ],
)
def test_a_typing_error_is_an_error_with_what_is_close(telemetry: Recording, name, labels, message) -> None:
    """A counter that cannot exist would else be zero for ever, and the test would pass."""
    record_counter("gpt_trader_signals_total", 1, {"strategy": "momentum"})
    with pytest.raises(UsageError, match=message):
        telemetry.value(name, **labels)


def test_a_counter_is_no_histogram(telemetry: Recording) -> None:
    """Each kind is asked for by its own method."""
    with pytest.raises(UsageError, match="is a counter; use telemetry.value"):
        telemetry.histogram(ORDERS)


def test_a_histogram_is_all_series_that_match(telemetry: Recording) -> None:
    """Count, sum, least, greatest, and how many values each bucket has: not cumulative, bounds included."""
    for operation, seconds in (("submit", 0.1), ("submit", 0.25), ("submit", 60), ("cancel", 0.2)):
        with broker_call(operation):
            telemetry.clock.advance(seconds)
    submits = telemetry.histogram(LATENCY, operation="submit")
    assert (submits.count, submits.sum, submits.min, submits.max) == (3, 60.35, 0.1, 60)
    assert {bound: count for bound, count in submits.buckets.items() if count} == {0.1: 1, 0.25: 1, math.inf: 1}
    assert telemetry.histogram(LATENCY).count == 4
    nothing = telemetry.histogram(LATENCY, operation="submit", outcome="failure")
    assert (nothing.count, nothing.sum, nothing.min, nothing.max) == (0, 0, None, None)
    assert set(nothing.buckets) == set(submits.buckets)
    assert set(nothing.buckets.values()) == {0}


def test_metrics_of_the_bots_own_are_read_by_name(telemetry: Recording) -> None:
    """Counters, gauges and histograms, with the labels that they were recorded with."""
    record_counter("gpt_trader_signals", 2, {"strategy": "momentum"})
    record_gauge("gpt_trader_leverage", 1.5)
    record_histogram("gpt_trader_slippage_bps", 3, {"symbol": "BTC-USD"}, buckets=[1, 5])
    assert telemetry.value("gpt_trader_signals_total", strategy="momentum") == 2
    assert telemetry.value("gpt_trader_signals_total", strategy="carry") == 0
    assert telemetry.value("gpt_trader_leverage") == 1.5
    assert telemetry.histogram("gpt_trader_slippage_bps").buckets == {1: 0, 5: 1, math.inf: 0}
    assert "gpt_trader_slippage_bps" in telemetry
    assert "gpt_trader_slippage" not in telemetry


def test_a_value_is_a_float_that_shows_where_it_comes_from(telemetry: Recording) -> None:
    """Its text is the number alone; its repr, which assertions print, lists every series of the metric."""
    submit("buy")
    rejected = telemetry.value(ORDERS, result="rejected")
    assert isinstance(rejected, float)
    assert (str(rejected), f"{rejected:.1f}", f"{rejected}") == ("0", "0.0", "0")
    assert repr(rejected) == (
        f'0 ({ORDERS}{{result="rejected"}}; recorded: {ORDERS}{{result="success",reason="none",side="buy"}} 1)'
    )
    assert copy.deepcopy(rejected) == rejected
    assert "recorded: nothing" in repr(telemetry.value("gpt_trader_guard_trips_total"))


def test_everything_recorded_is_summed_up(telemetry: Recording) -> None:
    """What failures list: the bot's series and the errors kept, not what every process has."""
    assert telemetry.summary() == "nothing was recorded"
    submit("sell")
    record_gauge(OPEN, 2)
    telemetry.allow_errors = True
    record_counter(ORDERS, 1, {"strategy": "x"})
    assert telemetry.summary().splitlines() == [
        'gpt_trader_telemetry_errors_total{component="recording"} 1',
        f'{ORDERS}{{result="success",reason="none",side="sell"}} 1',
        'gpt_trader_order_submission_latency_seconds{result="success",side="sell"} count 1, sum 0',
        "gpt_trader_open_orders 2",
        "spans recorded:",
        "  order_submission  side=sell",
        f"error kept: recording: {ORDERS} needs the label 'result'; it was given ['strategy']",
    ]


counts = st.lists(
    st.tuples(st.sampled_from(["buy", "sell"]), st.sampled_from(["none", "timeout", "network"]), st.integers(0, 50)),
    max_size=12,
)


@settings(max_examples=40)
@given(made=counts, side=st.sampled_from([None, "buy", "sell"]), reason=st.sampled_from([None, "none", "timeout"]))
def test_any_filter_sums_what_a_loop_would(made, side, reason) -> None:
    """Against the list of what was recorded."""
    with recorded() as telemetry:
        for its_side, its_reason, amount in made:
            record_counter(ORDERS, amount, {"result": "failed", "reason": its_reason, "side": its_side})
        wanted = {name: value for name, value in (("side", side), ("reason", reason)) if value is not None}
        assert telemetry.value(ORDERS, **wanted) == sum(
            amount for its_side, its_reason, amount in made if side in {None, its_side} and reason in {None, its_reason}
        )
