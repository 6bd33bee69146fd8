"""Every figure is what brute force over the whole log makes of it."""

import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_model import SYMBOLS, Model, logs

from gpt_trader_telemetry.report import outcomes
from gpt_trader_telemetry.report.daily import Beside, report_of
from gpt_trader_telemetry.report.page import as_page
from gpt_trader_telemetry.report.tally import MAX_GUARDS, MAX_SYMBOLS, OTHERS, Tally
from gpt_trader_telemetry.report.text import WIDTH, as_text
from gpt_trader_telemetry.report.window import Window, window_of
from gpt_trader_telemetry.runtime_data.event import Event
from support.runtime_bots import DAY, END

WINDOW = Window(date(2026, 2, 28), END - DAY, END)
NOW = datetime(2026, 3, 1, 1, tzinfo=UTC)


def report_on(events):
    tally = Tally(WINDOW)
    for event in events:
        tally.take(event)
    return report_of(tally, profile="paper", now=NOW)


def same(found, expected):
    """Compare floats with fractions, and what is unknown with None."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        wanted = None if value is None else pytest.approx(float(value), rel=1e-12, abs=1e-12)
        assert found[name] == wanted, (name, found[name], value)


@given(log=logs())
@settings(max_examples=50, deadline=None)
def test_every_figure_is_that_of_the_whole_log(log):
    """Messy values, any order, events beside the window: figures are exact, and None where nothing is known."""
    model, found = Model(log), report_on(event for event, _ in log).as_json()
    same(found["pnl"], model.pnl())
    same(found["account"], model.account())
    same(found["trades"], model.trades())
    same(found["performance"], model.performance())
    assert found["risk"]["guard_triggers"] == model.guards()
    assert found["risk"]["circuit_breaker_state"].get("triggered") == model.breaker()
    assert found["health"]["liveness"]["status"] == model.liveness()
    assert found["health"]["api_errors"] == len(model.of("api_error"))
    symbols = {row["symbol"]: row for row in found["symbols"]}
    assert set(symbols) >= {symbol for symbol in SYMBOLS if model.of("fill", symbol) or model.of("trade", symbol)}
    for symbol, row in symbols.items():
        numbers = {name: value for name, value in row.items() if name not in {"symbol", "regime", "pnl"}}
        same({**row["pnl"], **numbers}, model.symbol(symbol))


@given(log=logs(most=15))
@settings(max_examples=30, deadline=None)
def test_a_report_can_be_shown_in_every_way(log):
    """JSON without NaN, text of 80 columns, a page; each the same when made again."""
    one, other = (report_on(event for event, _ in log) for _ in range(2))
    assert json.loads(one.as_json_text(), parse_constant=pytest.fail) == one.as_json()
    assert max(map(len, as_text(one).splitlines())) <= WIDTH
    assert (as_text(one), as_page(one), one.as_json_text()) == (as_text(other), as_page(other), other.as_json_text())


def test_cents_add_up():
    """Ten thousand tenths and fifths are exact, where floats are off by then."""
    tally = Tally(WINDOW)
    for number in range(10_000):
        tally.take(
            Event("pnl_update", END - 5, {"realized_pnl": "0.1" if number % 2 else 0.2, "unrealized_pnl": "1e-18"})
        )
    assert tally.realized == 1500
    assert report_of(tally, profile="paper", now=NOW).pnl.realized == 1500.0


def test_what_is_held_back_to_be_put_in_order_is_bounded(monkeypatch):
    """Trades out of order by less than the bound count in order of time; memory does not grow with them."""
    monkeypatch.setattr(outcomes, "REORDERED", 4)
    running = outcomes.RunningSum()
    for at in (2.0, 1.0, 4.0, 3.0, 6.0, 5.0, 8.0, 7.0):
        running.take(at, outcomes.Decimal(10 if at % 2 else -10))
        assert len(running._waiting) <= 4
    running.finish()
    assert (running.value, running.max_drawdown, running.peak_before) == (0, 10, 10)


def test_names_without_end_are_counted_together():
    """Symbols and guards beyond a bound share a row; sums stay right, and levels are then unknown."""
    tally = Tally(WINDOW)
    for number in range(MAX_SYMBOLS + 10):
        tally.take(Event("fill", END - 5, {"symbol": f"S{number}", "pnl": "1"}))
        tally.take(Event("pnl_update", END - 5, {"symbol": f"S{number}", "unrealized_pnl": "1"}))
        tally.take(Event("guard_triggered", END - 5, {"guard": f"g{number}"}))
    report = report_of(tally, profile="paper", now=NOW)
    assert len(report.symbols) == MAX_SYMBOLS + 1
    assert {row.symbol: row.pnl.realized for row in report.symbols}[OTHERS] == 10.0
    assert report.trades.total == MAX_SYMBOLS + 10
    assert len(report.guard_triggers) == MAX_GUARDS + 1
    assert sum(report.guard_triggers.values()) == MAX_SYMBOLS + 10
    assert report.pnl.unrealized is None
    assert max(map(len, as_text(report).splitlines())) <= WIDTH
    assert len(as_page(report)) < 300_000


@given(pnls=st.lists(st.integers(-50, 50), min_size=1, max_size=60), gap=st.floats(0.5, 90))
@settings(max_examples=25, deadline=None)
def test_curves_lose_no_extreme(pnls, gap):
    """However much is drawn together, the highest and the lowest point of a curve are on it, and so are its ends."""
    events = [Event("fill", END - 6000 + gap * number, {"pnl": pnl}) for number, pnl in enumerate(pnls)]
    curves = report_on(events).curves
    sums = [sum(pnls[: number + 1]) for number in range(len(pnls))]
    drawn = [value for _, value in curves.pnl]
    assert (drawn[0], drawn[-1], min(drawn), max(drawn)) == (sums[0], sums[-1], min(sums), max(sums))
    assert [at for at, _ in curves.pnl] == sorted(at for at, _ in curves.pnl)


def test_the_windows_end_with_the_day_or_with_now():
    """A day that is over ends at its midnight, today ends now; it is looked back from there."""
    now = datetime(2026, 3, 1, 6, tzinfo=UTC)
    for day, hours, start, end in (
        (date(2026, 2, 28), 24, END - DAY, END),
        (date(2026, 2, 28), 48, END - 2 * DAY, END),
        (date(2026, 3, 1), 24, END + 6 * 3600 - DAY, END + 6 * 3600),
        (None, 1, END + 5 * 3600, END + 6 * 3600),
    ):
        window = window_of(day, now, hours)
        assert (window.start, window.end) == (start, end)
        assert start in window
        assert end not in window


def test_an_equity_that_is_known_beside_the_log_counts_if_it_is_newer():
    """metrics.json is one more reading of equity, at its own time."""
    tally = Tally(WINDOW)
    tally.take(Event("cycle_metrics", END - 100, {"equity": "100"}))
    older, newer = (Beside(equity=(at, outcomes.Decimal(7))) for at in (END - 200, END - 50))
    assert report_of(tally, profile="p", now=NOW, beside=older).equity == 100.0
    assert report_of(tally, profile="p", now=NOW, beside=newer).equity == 7.0
