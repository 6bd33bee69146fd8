"""The last sign of life before a moment is found wherever in the log that moment is."""

import json
import random
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_trader_telemetry.runtime_data.latest import latest_event
from support.runtime_bots import END, Bot, column


@pytest.mark.parametrize("kind", ["price_tick", "cycle_metrics", "runtime_start", "nothing"])
def test_the_newest_before_a_moment(bot, kind):
    """Of 9,000 rows that are a little out of order, some of them unreadable, at forty moments."""
    chooser = random.Random(kind)
    events = []
    for number in range(9000):
        at = END - 90_000 + 10 * number + chooser.uniform(-200, 200)
        events.append(
            (chooser.choices(["price_tick", "cycle_metrics", "runtime_start", "fill"], (70, 20, 0.05, 10))[0], at, {})
        )
    bot.database(*events, ("price_tick", END + 5, {}))
    for _ in range(40):
        moment = END - 91_000 + chooser.uniform(0, 92_000)
        expected = max((at for name, at, _ in events if name == kind and at < moment), default=None)
        found = latest_event(bot.paths, kind, moment)
        assert (found and found.at) == expected


@given(ages=st.lists(st.integers(1, 50), max_size=30), moment=st.integers(0, 60))
@settings(max_examples=40, deadline=None)
def test_in_any_order_of_a_short_log(tmp_path_factory, ages, moment):
    """A log of a hundred rows may be in any order."""
    bot = Bot(tmp_path_factory.mktemp("bot")).database(*(("heartbeat", END - age, {}) for age in ages))
    found = latest_event(bot.paths, "heartbeat", END - moment)
    assert (found and END - found.at) == min((age for age in ages if age > moment), default=None)


def test_a_past_day_has_its_own_liveness(bot, report):
    """However much was written since."""
    ticks = [("price_tick", END - 6000 + 2 * number, {"symbol": "A", "price": "1"}) for number in range(6000)]
    bot.database(("heartbeat", END - 7000, {}), ("fill", END - 7000, {"pnl": 1}), *ticks)
    events = report("--date", "2026-02-28", "--now", END + 6000)["health"]["liveness"]["events"]
    assert (events["price_tick"]["age_seconds"], events["heartbeat"]["age_seconds"]) == (2.0, 7000.0)


@pytest.mark.parametrize("ahead", [0, 5 * 3600, -9 * 3600])
def test_events_without_a_time_of_their_own_have_the_columns(bot, report, ahead):
    """Corrected by how far it is off, on a host whose column is; a heartbeat, a price, a start, an equity."""
    bot.database(("fill", END - 50, {"pnl": 1}))
    with sqlite3.connect(bot.paths.events_db) as connection:
        for kind, age, payload in (
            ("price_tick", 500, {"timestamp": END - 500}), ("runtime_start", 400, {"build_sha": "abcdef1"}),
            ("heartbeat", 30, {"count": 1}), ("price_tick", 20, {"symbol": "A", "price": "1"}),
        ):  # fmt: skip
            connection.execute(
                "INSERT INTO events(timestamp, event_type, payload) VALUES (?, ?, ?)",
                (column(END - age + ahead), kind, json.dumps(payload)),
            )
    connection.close()
    found = report()
    events = found["health"]["liveness"]["events"]
    assert found["health"]["liveness"]["status"] == "GREEN"
    assert (events["heartbeat"]["age_seconds"], events["price_tick"]["age_seconds"]) == (30.0, 20.0)
    assert found["runtime"]["build_sha"] == "abcdef1"


def test_an_equity_is_found_behind_thousands_of_other_metrics(bot, report):
    """They are metric rows too."""
    traces = [("order_decision_trace", END - 95_000 + number, {}) for number in range(2500)]
    bot.database(("cycle_metrics", END - 100_000, {"equity": "500"}), *traces, ("fill", END - 10, {"pnl": "1"}))
    assert report()["account"]["equity"] == 500.0
