"""Mistakes that the report before this one made: each stays right from now on."""

import json
import sqlite3
import time
from datetime import UTC, datetime

import pytest

from support.runtime_bots import DAY, END, column

FILLS = [
    ("fill", END - 5000 + number, {"symbol": "BTC-USD", "pnl": pnl}) for number, pnl in enumerate((100, -50, 1000))
]


def test_1_unrealized_is_the_sum_of_each_symbols_last(bot, report):
    """Not the last one of any symbol."""
    updates = [("BTC-USD", "5"), ("ETH-USD", "7.25"), ("BTC-USD", "-2")]
    bot.database(*(
        ("pnl_update", END - 100 + number, {"symbol": symbol, "realized_pnl": "1", "unrealized_pnl": level})
        for number, (symbol, level) in enumerate(updates)
    ))  # fmt: skip
    assert report()["pnl"] == {"realized": 3.0, "unrealized": 5.25, "funding": 0.0, "total": 8.25, "fees": 0.0}


def test_2_drawdown_percent_is_of_the_peak_at_that_moment(bot, report):
    """50 below 100 is 50 %, whatever the peak becomes."""
    bot.database(*FILLS)
    performance = report()["performance"]
    assert (performance["max_drawdown"], performance["max_drawdown_pct"]) == (50.0, 50.0)


def test_3_a_profit_factor_without_losses_has_no_bound(bot, report):
    """It is null, not 0, which would be the worst there is."""
    bot.database(FILLS[0], FILLS[2])
    found = report()
    assert found["performance"]["profit_factor"] is found["symbols"][0]["profit_factor"] is None
    assert found["performance"]["win_rate"] == 1.0


def test_4_a_day_that_is_over_ends(bot, report):
    """Later events are not that day's, and neither is what metrics.json says now; nor is what went before."""
    moments = (END - DAY - 1, END - DAY, END - 1, END, END + 1800)
    bot.database(*(("fill", at, {"symbol": "BTC-USD", "pnl": 10**number}) for number, at in enumerate(moments)))
    bot.metrics({"equity": 5000, "timestamp": datetime.fromtimestamp(END + 1800, UTC).isoformat()})
    found = report()
    assert found["symbols"][0]["pnl"]["realized"] == 110.0
    assert found["account"]["equity"] is None
    assert report("--lookback-hours", 2)["symbols"][0]["pnl"]["realized"] == 11_100.0
    assert report("--lookback-hours", 2)["account"]["equity"] == 5000.0


def test_5_liveness_is_by_the_payloads_time(bot, report):
    """On a host that is not in UTC the database's own column is hours off."""
    for written, age in ((column(END - 9 * 3600), 30), (column(END + 5 * 3600), 30), (column(END), 301)):
        bot.paths.events_db.unlink(missing_ok=True)
        bot.database(("heartbeat", END - age, {}), ("api_error", END - 400, {}), written=written)
        liveness = report()["health"]["liveness"]
        assert liveness["status"] == ("GREEN" if age <= 300 else "RED")
        assert liveness["events"]["heartbeat"]["age_seconds"] == age
        assert liveness["events"]["price_tick"] == {"event_id": None, "timestamp": None, "age_seconds": None}


def test_5_the_reports_own_time_zone_makes_no_difference(bot, command, monkeypatch):
    """The same in Tokyo as in New York."""
    bot.database(*FILLS, ("heartbeat", END - 20, {}))
    asked = ("report", "daily", "--runtime-root", bot.root, "--date", "2026-02-28", "--now", "2026-03-01T00:30:00")
    told = set()
    try:
        for zone in ("Asia/Tokyo", "America/New_York"):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            told.add(command(*asked, "--no-save"))
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert [code for code, _, _ in told] == [0]


@pytest.mark.parametrize("metrics", [{"equity": "12.50"}, {"account": {"equity": 12.5}}, {"equity": None, "account": {"equity": "12.5"}}])  # fmt: skip
def test_6_equity_stands_in_either_place(bot, report, metrics):
    """In metrics.json, and in the log."""
    bot.database(("heartbeat", END - 20, {})).metrics(metrics)
    assert report()["account"]["equity"] == 12.5
    bot.paths.metrics_json.unlink()
    bot.paths.events_db.unlink()
    bot.database(("cycle_metrics", END - 20, metrics))
    assert report()["account"]["equity"] == 12.5


def test_7_odd_values_spoil_nothing(bot, report):
    """Numbers as text count; null and words are unknown, not 0; a line that is a list spoils no counter."""
    fills = [
        ("fill", END - 50 + number, {"symbol": "A", "pnl": pnl, "fee": pnl})
        for number, pnl in enumerate(("12.50", None, "x", "-2"))
    ]
    bot.lines(*fills, ("api_error", END - 9, {}), junk=[b"[1,2,3]", b"\xff", b"{", b'"x"'])
    found = report()
    assert found["trades"]["total"] == 2
    assert (found["pnl"]["fees"], found["pnl"]["realized"], found["pnl"]["unrealized"]) == (10.5, None, None)
    assert found["health"]["api_errors"] == 1


def test_7_a_corrupt_database_does_not_hide_good_lines(bot, report):
    """The log that can be read is read."""
    bot.lines(*FILLS)
    bot.paths.events_db.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)
    assert report()["trades"]["total"] == 3


def test_7_a_report_on_a_part_of_the_day_says_so_first(bot, daily_text):
    """One damaged page costs its own rows, and nobody takes the rest for the day."""
    bot.database(*(("fill", END - 9000 + number, {"symbol": "A", "pnl": "1"}) for number in range(3000)))
    content = bytearray(bot.paths.events_db.read_bytes())
    leaves = [at for at in range(0, len(content), 4096) if content[at] == 0x0D]
    at = leaves[len(leaves) * 9 // 10]
    content[at : at + 4096] = b"\xaa" * 4096
    bot.paths.events_db.write_bytes(content)
    notes = " ".join(daily_text().partition("Notes")[2].split())
    assert notes.lstrip("- ").startswith("* This report is on a part of its events only: the database is damaged")
    assert "46 rows of it cannot be read" in notes
    assert f"{3000 - 46:,}" in daily_text()


def test_7_half_of_metrics_json_is_no_reason_to_know_nothing(bot, report):
    """It is being rewritten: the log's newest equity counts, from before the window too."""
    bot.database(("cycle_metrics", END - DAY - 50, {"equity": "99"}), ("heartbeat", END - 20, {})).metrics(
        '{"equity": 1'
    )
    assert report()["account"]["equity"] == 99.0


def test_8_a_breaker_that_was_cleared_is_cleared(bot, report):
    """The last word counts."""
    for kinds in (["triggered"], ["triggered", "cleared"], ["triggered", "cleared", "triggered"]):
        bot.paths.events_db.unlink(missing_ok=True)
        bot.database(*(
            (f"circuit_breaker_{kind}", END - 50 + number, {"rule": "daily_loss", "action": "halt"})
            for number, kind in enumerate(kinds)
        ))  # fmt: skip
        state = report()["risk"]["circuit_breaker_state"]
        assert state["triggered"] is (kinds[-1] == "triggered")
        assert (state["rule"], state["action"]) == ("daily_loss", "halt")


@pytest.mark.parametrize(
    ("words", "expected"),
    [("+A +B -B", (True, "A")), ("+A +B -", (False, None)), ("+ -B", (False, "B")), ("+A +B -A", (True, "B"))],
)
def test_8_a_breaker_is_open_while_any_rule_is(bot, report, words, expected):
    """A clear names the rule that it clears, or none and then all."""
    kinds = {"+": "circuit_breaker_triggered", "-": "circuit_breaker_cleared"}
    bot.database(*(
        (kinds[word[0]], END - 50 + number, {"rule": word[1:] or None, "action": "halt"})
        for number, word in enumerate(words.split())
    ))  # fmt: skip
    state = report()["risk"]["circuit_breaker_state"]
    assert (state["triggered"], state["rule"]) == expected


def test_8_a_breaker_that_was_triggered_before_the_window_is_open(bot, report):
    """Until a clear, which may be in it."""
    trigger = ("circuit_breaker_triggered", END - DAY - 500, {"rule": "A", "action": "halt"})
    for later, expected in ((("fill", END - 50, {"pnl": 1}), True), (("circuit_breaker_cleared", END - 50, {}), False)):
        bot.paths.events_db.unlink(missing_ok=True)
        bot.database(trigger, later)
        assert report()["risk"]["circuit_breaker_state"]["triggered"] is expected


def test_9_trades_without_fills_are_trades(bot, report, command):
    """What today's bot writes: how many is known, what they came to is not, and both are said."""
    trade = {"symbol": "BTC-USD", "side": "BUY", "quantity": "0.1", "price": "60000", "status": "filled"}
    bot.database(
        *(("trade", None, {**trade, "order_id": f"o-{number}"}) for number in range(25)),
        ("cycle_metrics", END - 50, {"equity": "1000"}), ("cycle_metrics", END - 40, {"equity": "1010"}),
    )  # fmt: skip
    found = report()
    assert found["trades"] == {"total": 25, **dict.fromkeys(
        ("winning", "losing", "avg_win", "avg_loss", "largest_win", "largest_loss"))}  # fmt: skip
    assert found["symbols"][0]["trades"] == 25
    assert set(found["performance"].values()) == {None}
    assert found["pnl"] == {"realized": None, "unrealized": None, "funding": 0.0, "total": None, "fees": None}
    assert found["account"]["equity_change"] == 10.0
    _, text, _ = command("report", "daily", "--runtime-root", bot.root, "--date", "2026-02-28", "--no-save")
    assert "25 trades executed, and no fill event says what they came to" in text


def test_10_what_a_killed_bot_left_is_read_and_not_touched(bot, report):
    """Its last events are in the write-ahead log alone."""
    connection = sqlite3.connect(bot.paths.events_db)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(
        "CREATE TABLE events (id INTEGER PRIMARY KEY, timestamp TEXT, event_type TEXT, payload TEXT, bot_id TEXT)"
    )
    connection.execute(
        "INSERT INTO events VALUES (1, ?, 'fill', ?, NULL)",
        (column(END - 5), json.dumps({"pnl": 3, "timestamp": END - 5})),
    )
    connection.commit()
    copies = {path.name: path.read_bytes() for path in bot.paths.folder.iterdir() if not path.name.endswith("-shm")}
    connection.close()
    for name, content in copies.items():
        (bot.paths.folder / name).write_bytes(content)
    assert (bot.paths.folder / "events.db-wal").stat().st_size > 0
    assert report()["trades"]["winning"] == 1
    assert {
        path.name: path.read_bytes() for path in bot.paths.folder.iterdir() if not path.name.endswith("-shm")
    } == copies


def test_alerts_about_one_order_are_one_order(bot, report):
    """orders.db counts where it can be read; else each order that alerts name, once."""
    alerts = [("unfilled_order_alert", END - 500 + n, {"order_id": f"o-{n % 2}"}) for n in range(7)]
    bot.database(*alerts)
    assert report()["health"]["unfilled_orders"] == 2
    bot.orders(("open", "2026-02-28T20:00:00Z"), ("filled", "2026-02-28T20:00:00Z"))
    assert report()["health"]["unfilled_orders"] == 1


def test_orders_that_were_not_executed_are_no_trades(bot, report, daily_text):
    """Whatever the case of their status; how many they are is said."""
    statuses = ("rejected", "FAILED", "cancelled", "canceled", "expired", "filled", None)
    bot.database(*(("trade", END - 50, {"symbol": "A", "status": status}) for status in statuses))
    assert report()["trades"]["total"] == 2
    assert "5 trade events of orders that were rejected" in daily_text()


def test_control_characters_do_not_reach_the_terminal(bot, daily_text):
    """Of what the bot wrote about itself, tabs and line breaks included."""
    bot.database(("runtime_start", END - 50, {"version": "1\n2\t3", "na\tme": "x"}))
    text = daily_text()
    assert "1 2 3" in text
    assert all(sign.isprintable() for line in text.split("\n") for sign in line)
