"""A report does not depend on which file the log is in: events.db and events.jsonl of one history say the same."""

import re
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_trader_telemetry.report.sources import daily_report
from gpt_trader_telemetry.report.window import window_of
from gpt_trader_telemetry.runtime_data.events import NoDataError
from support.runtime import load_fixtures
from support.runtime_bots import DAY, END, Bot

FIXTURES = load_fixtures()
NOW = datetime.fromtimestamp(END + 60, UTC)
WINDOW = window_of(date(2026, 2, 28), NOW)

amounts = st.sampled_from(["10.5", -3, "0", None, "x", 2.25])
equities = st.sampled_from([{}, {"equity": "500"}, {"equity": None}, {"account": {"equity": "7.5"}}, {"equity": 480}])
symbols = st.sampled_from([{"symbol": "BTC-USD"}, {"symbol": "ETH-USD"}, {}])
rules = st.sampled_from([{"rule": "a", "action": "halt"}, {"rule": "b"}, {}])
PAYLOADS = {
    "heartbeat": st.just({"count": 1}),
    "price_tick": symbols.map(lambda symbol: {**symbol, "price": "1"}),
    "runtime_start": st.sampled_from([{"build_sha": "abcdef1", "pid": 7}, {"build_sha": "abcdef2", "api_key": "k"}]),
    "circuit_breaker_triggered": rules,
    "circuit_breaker_cleared": rules,
    "cycle_metrics": equities,
    "order_decision_trace": equities,
    "order_preview": equities,
    "fill": st.builds(lambda symbol, pnl, fee: {**symbol, "pnl": pnl, "fee": fee}, symbols, amounts, amounts),
    "trade": st.builds(
        lambda symbol, status: {**symbol, **status},
        symbols,
        st.sampled_from([{}, {"status": "filled"}, {"status": "REJECTED"}, {"status": "open"}]),
    ),
    "pnl_update": st.builds(
        lambda symbol, one, other: {**symbol, "realized_pnl": one, "unrealized_pnl": other}, symbols, amounts, amounts
    ),
    "position_update": symbols.map(lambda symbol: {**symbol, "quantity": "-2", "price": "100"}),
    "guard_triggered": st.sampled_from([{"guard": "daily_loss"}, {}]),
    "api_error": st.just({}),
    "unfilled_order_alert": st.sampled_from([{"order_id": "1"}, {"order_id": "2"}]),
    "something_new": st.just({"equity": "1"}),
}
events = st.sampled_from(sorted(PAYLOADS)).flatmap(
    lambda kind: st.tuples(st.integers(-3 * int(DAY), 100), st.just(kind), PAYLOADS[kind])
)


def both(tmp_path_factory, history):
    """The same history in either file: what each report says."""
    written = [FIXTURES.Written(END + at, kind, {"timestamp": END + at, **payload}) for at, kind, payload in history]
    rows, lines = (Bot(tmp_path_factory.mktemp(name)) for name in ("rows", "lines"))
    FIXTURES.write_database(rows.paths.events_db, iter(written))
    FIXTURES.write_lines(lines.paths.events_jsonl, iter(written))
    return said(rows), said(lines)


def said(bot):
    """All that a report says, but for the source's own name and the place of an event in it."""
    try:
        found = daily_report(bot.paths, WINDOW, now=NOW)
    except NoDataError:
        return "no data"
    document = found.as_json()
    document["runtime"].pop("event_id", None)
    for event in document["health"]["liveness"]["events"].values():
        event.pop("event_id")
    # Two lines that are the same are one record: the oldest writer wrote each twice.
    notes = [re.sub("events_(db|jsonl)", "log", note) for note in found.notes if "duplicate" not in note]
    return document, notes, found.curves


@given(history=st.lists(events, max_size=30))
@settings(max_examples=60, deadline=None)
def test_rows_and_lines_of_one_history_say_the_same(tmp_path_factory, history):
    """Before, in and after the window, in any order: liveness, start, breaker, equity and all that is counted."""
    rows, lines = both(tmp_path_factory, history)
    assert rows == lines


@pytest.mark.parametrize("older", [True, False])
def test_so_do_three_days_of_a_bot(tmp_path_factory, older):
    """As the generator has them: 4,000 events, of which a third are the day's."""
    made = FIXTURES.events(4000, seed=3, start=END - 3 * DAY, end=END, older=older)
    rows, lines = both(tmp_path_factory, [(round(event.at - END), event.kind, event.payload) for event in made])
    assert rows == lines
    assert rows[0]["risk"]["circuit_breaker_state"] is not None
    assert rows[0]["account"]["equity"] > 0


def test_what_lasts_from_before_the_window_is_there_with_lines(bot, report):
    """A start, a breaker and an equity of the day before, and how old the last sign of life is."""
    bot.lines(
        ("runtime_start", END - DAY - 900, {"build_sha": "abcdef1"}),
        ("cycle_metrics", END - DAY - 800, {"equity": "123"}),
        ("circuit_breaker_triggered", END - DAY - 700, {"rule": "daily_loss"}),
        ("heartbeat", END - DAY - 600, {}),
        ("api_error", END - 5, {}),
    )
    found = report()
    assert found["runtime"]["build_sha"] == "abcdef1"
    assert found["account"]["equity"] == 123.0
    assert found["risk"]["circuit_breaker_state"]["rule"] == "daily_loss"
    assert found["health"]["liveness"]["status"] == "RED"
    assert found["health"]["liveness"]["events"]["heartbeat"]["age_seconds"] == DAY + 600


@pytest.mark.parametrize("cycle", [None, {"equity": "5"}, {"open_orders": 1}])
def test_equity_of_other_metric_rows_counts_where_there_are_no_cycle_metrics(bot, report, cycle):
    """As in the exporter, which shows the same."""
    bot.database(
        ("order_decision_trace", END - 90, {"equity": "400"}), ("api_error", END - 80, {}),
        *([] if cycle is None else [("cycle_metrics", END - DAY - 70, cycle)]),
        ("order_decision_trace", END - 60, {"equity": "410"}),
    )  # fmt: skip
    expected = (410.0, 10.0) if cycle is None else (float(cycle["equity"]) if "equity" in cycle else None, None)
    account = report()["account"]
    assert (account["equity"], account["equity_change"]) == expected
