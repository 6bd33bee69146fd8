"""``metrics.json``, cycle metrics and ``orders.db``."""

import json
import sqlite3

import pytest

from gpt_trader_telemetry.runtime_data.database import UnreadableError
from gpt_trader_telemetry.runtime_data.metrics import CycleMetrics, numbers_of, read_account, read_metrics_file
from gpt_trader_telemetry.runtime_data.orders import unfilled_orders
from gpt_trader_telemetry.runtime_data.skipped import Why
from support.runtime import load_fixtures


def test_each_field_keeps_its_newest_usable_value():
    """Null, NaN and text leave what was known; they are counted unless they are null."""
    notes = []
    metrics = CycleMetrics()
    metrics.take({"equity": "10", "open_orders": 2, "pnl": {"total": 1}}, 1.0, notes.append)
    metrics.take({"equity": None, "open_orders": float("nan"), "pnl": {"total": "x"}}, 2.0, notes.append)
    assert metrics.numbers == {"equity": 10.0, "open_orders": 2.0, "total_pnl": 1.0}
    assert metrics.times["equity"] == 1.0
    assert notes == [Why.VALUE, Why.VALUE]


def test_equity_is_taken_from_either_place():
    """The exporter of old knew one, the report the other."""
    assert numbers_of({"account": {"equity": "7"}}) == {"equity": 7.0}
    assert numbers_of({"equity": 8, "account": {"equity": "7"}}) == {"equity": 8.0}
    assert numbers_of({"equity": "?", "account": {"equity": "7"}}) == {"equity": 7.0}


@pytest.mark.parametrize(
    ("positions", "exposures"),
    [
        ({"BTC-USD": {"exposure_usd": "5"}, "X": 3}, {"BTC-USD": 5.0, "X": 3.0}),
        ([{"symbol": "BTC-USD", "exposure_usd": 5}, {"exposure_usd": 1}, "x"], {"BTC-USD": 5.0}),
        ({}, {}),
        ("nonsense", None),
        (None, None),
    ],
)
def test_positions_are_an_object_or_the_older_list(positions, exposures):
    """Anything else is no positions, rather than none."""
    metrics = CycleMetrics()
    metrics.take({"positions": positions}, 1.0)
    assert metrics.exposures == exposures


def test_a_position_that_is_closed_is_gone_and_one_with_a_bad_value_keeps_its_last():
    """The newest record says which positions there are."""
    metrics = CycleMetrics()
    metrics.take({"positions": {"A": {"exposure_usd": 1}, "B": {"exposure_usd": 2}}}, 1.0)
    metrics.take({"positions": {"B": {"exposure_usd": None}}}, 2.0)
    assert metrics.exposures == {"B": 2.0}


@pytest.mark.parametrize(
    ("limits", "remaining"),
    [
        ({"remaining": None, "remaining_balance": "2", "available": 3}, 2.0),
        ({"max_order": 4}, 4.0),
        ({"trading_limits": {"remaining": 5, "max_order": "6"}}, 6.0),
        ({"trading_limits": {"remaining_balances": [{"amount": "7"}]}}, 7.0),
        ({"remaining": "abc", "available": 8}, 8.0),
        ({}, None),
        ([], None),
    ],
)
def test_the_remaining_limit_is_the_first_there_is(limits, remaining):
    """In the contract's order."""
    assert read_account({"limits": limits}).limit_remaining == remaining


def test_a_half_written_file_is_counted_and_says_nothing(paths, bot, skipped):
    """It is rewritten in place: the next read finds it whole."""
    whole = json.dumps({"timestamp": "2026-03-01T00:00:00", "equity": 5})
    for cut in range(1, len(whole)):
        bot.metrics.write_text(whole[:cut])
        assert read_metrics_file(paths.metrics_json, skipped) is None
    assert skipped.counts == {("metrics_json", Why.HALF): len(whole) - 1}
    bot.metrics.write_text(whole)
    assert read_metrics_file(paths.metrics_json, skipped).at == 1772323200.0


def test_a_file_of_something_else_is_counted(paths, bot, skipped):
    """A list, bad UTF-8; an absent one is told."""
    bot.metrics.write_text("[1]")
    assert read_metrics_file(paths.metrics_json, skipped) is None
    bot.metrics.write_bytes(b'{"a": "\xff"}')
    assert read_metrics_file(paths.metrics_json, skipped) is None
    assert set(skipped.counts) == {("metrics_json", Why.SHAPE), ("metrics_json", Why.ENCODING)}
    bot.metrics.unlink()
    with pytest.raises(UnreadableError, match="absent"):
        read_metrics_file(paths.metrics_json, skipped)


def test_unfilled_orders_are_those_that_wait_for_too_long(bot, paths, skipped):
    """By status in any case and age; one whose age cannot be read is among them."""
    connection = sqlite3.connect(paths.orders_db)
    connection.executescript(load_fixtures().ORDERS)
    rows = [
        ("old", "OPEN", "2026-03-01T00:00:00+00:00"), ("young", "open", "2026-03-01T00:09:00"),
        ("done", "Filled", "2026-02-01T00:00:00"), ("dead", "CANCELED", "2026-02-01T00:00:00"),
        ("odd", "pending", "whenever"), ("edge", "partially_filled", "2026-03-01 00:05:00"), (None, "open", "x"),
    ]  # fmt: skip
    connection.executemany("INSERT INTO orders(order_id, status, created_at) VALUES (?, ?, ?)", rows)
    connection.commit()
    connection.close()
    as_of = 1772323200.0 + 600
    found = unfilled_orders(paths.orders_db, as_of=as_of, skipped=skipped)
    assert [order.order_id for order in found] == ["odd", "old", "edge"]
    assert skipped.counts == {("orders_db", Why.SHAPE): 1}
    assert unfilled_orders(paths.orders_db, as_of=as_of, skipped=skipped, alert_after=0) == []
