"""The last sign of life before a moment is found wherever in the log that moment is."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_trader_telemetry.runtime_data.latest import latest_event
from support.runtime_bots import END, Bot


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
