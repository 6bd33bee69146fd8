"""What is followed and said where a database is damaged inside, with its size intact."""

import sqlite3

import pytest

from gpt_trader_telemetry.exporter.view import View

TRADES = "trades_executed_total"
PAGE = 4096


def trades(bot, number):
    bot.connection.execute("BEGIN")
    for serial in range(number):
        bot.row("trade", {"n": serial, "timestamp": 1772323200 + serial, "pad": "x" * 50})
    bot.connection.execute("COMMIT")
    bot.connection.execute("PRAGMA journal_mode = DELETE")
    bot.close()


def damage(bot, share):
    """Spoil the leaf that stands at this share of the table; return how many rows are left."""
    content = bytearray(bot.database.read_bytes())
    with sqlite3.connect(bot.database) as connection:
        pages = [
            number for (number,) in connection.execute(
                "SELECT pageno FROM dbstat WHERE name = 'events' AND pagetype = 'leaf' ORDER BY path"
            )
        ]  # fmt: skip
    start = (pages[int((len(pages) - 1) * share)] - 1) * PAGE
    content[start : start + PAGE] = b"\xaa" * PAGE
    bot.database.write_bytes(content)
    with sqlite3.connect(bot.database) as connection:
        last = connection.execute("SELECT seq FROM sqlite_sequence").fetchone()[0]
        return sum(is_readable(connection, row_id) for row_id in range(1, last + 1))


def is_readable(connection, row_id):
    try:
        return bool(connection.execute("SELECT * FROM events WHERE rowid = ?", (row_id,)).fetchone())
    except sqlite3.DatabaseError:
        return False


def health(follower):
    return View(lambda: [follower.profile.published], prefix="x", several=False).health(live=True)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_database_damaged_anywhere_does_not_hide_lines(bot, follower, share):
    """Lines are followed from the first poll, nothing is counted from both, and health says why it is degraded."""
    trades(bot, 500)
    damage(bot, share)
    bot.line(*({"type": "trade", "n": serial} for serial in range(10)))
    assert follower.value(TRADES) == 10
    bot.line({"type": "trade"})
    assert follower.value(TRADES) == 11
    assert follower.value("source_readable", source="events_db") == 0
    assert follower.value("source_readable", source="events_jsonl") == 1
    answer = health(follower)
    assert (answer["status"], answer["ready"]) == ("degraded", True)
    assert "events_db is corrupt" in answer["reason"]
    assert follower.restart().value(TRADES) == 11


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_without_lines_all_that_can_be_read_is_shown(bot, follower, share, monkeypatch):
    """Before and behind the damage, as degraded; what it hides is counted once, and a restart changes nothing."""
    monkeypatch.setattr("gpt_trader_telemetry.runtime_data.log.WINDOW", 100)
    trades(bot, 500)
    readable = damage(bot, share)
    assert 400 < readable < 500
    for _ in range(3):
        assert follower.value(TRADES) == readable
        assert follower.value("skipped_records_total", source="events_db", reason="damaged") == 500 - readable
        assert follower.value("caught_up") == 1
        assert follower.value("source_readable", source="events_db") == 0
        follower.restart()
    follower.poll()
    newest = 1772323200 + (499 if share < 1 else readable - 1)
    assert follower.profile.published.newest == (("events_db", newest),)
    answer = health(follower)
    assert (answer["status"], answer["ready"]) == ("degraded", True)
    assert "events_db is corrupt" in answer["reason"]
    assert sum("corrupt" in line for line in follower.told) == 4  # once a process


def test_a_running_bots_new_rows_are_followed_behind_the_damage(bot, follower):
    """The bot writes on, since it never looks at that page again; nothing is lost twice, or counted as pruned."""
    trades(bot, 500)
    readable = damage(bot, 0.5)
    assert follower.value(TRADES) == readable
    for number in range(3):
        bot.connection.execute("INSERT INTO events(timestamp, event_type, payload) VALUES ('x', 'trade', '{}')")
        assert follower.value(TRADES) == readable + number + 1
    skipped, scrape = "coinbase_trader_skipped_records_total", follower.scrape()
    assert scrape.total(skipped) == scrape.value(skipped, source="events_db", reason="damaged") == 500 - readable
    assert follower.restart().value(TRADES) == readable + 3


def test_a_copy_that_is_still_being_made_is_waited_for(bot, follower):
    """It looks like a file that lost its end: where nothing of it is counted, nothing of it is passed over for good."""
    trades(bot, 3000)
    whole = bot.database.read_bytes()
    for share in (0.1, 0.5, 0.8, 0.95):
        bot.database.write_bytes(whole[: int(len(whole) * share)])
        assert follower.value(TRADES) is None
        assert health(follower)["ready"] is False
    bot.database.write_bytes(whole)
    assert follower.value(TRADES) == 3000
    assert health(follower)["status"] == "healthy"


def test_damage_behind_what_was_read_is_read_up_to(bot, follower):
    """As where a running bot's disk fails: what is before the damage is added, what was known stands."""
    trades(bot, 100)
    assert follower.value(TRADES) == 100
    trades(bot, 400)
    readable = damage(bot, 1.0)
    assert follower.value(TRADES) == readable
    bot.database.write_bytes(b"\xaa" * 10 * PAGE)
    assert follower.value(TRADES) == readable
    assert follower.restart().value(TRADES) == readable
    assert follower.value("caught_up") == 1


def test_a_damaged_place_that_was_read_before_changes_nothing(bot, follower):
    """Also where it is the row up to which the log was read: it is the same file, and no other log."""
    trades(bot, 500)
    assert follower.value(TRADES) == 500
    damage(bot, 1.0)
    assert follower.value(TRADES) == 500
    assert follower.value("log_restarts_total") == 0
    assert follower.restart().value(TRADES) == 500


def test_a_database_of_which_nothing_can_be_read_says_so(bot, follower):
    """Not ready, by its reason; it begins where lines appear, and goes over to a sound database."""
    bot.database.write_bytes(b"\xaa" * 10 * PAGE)
    assert follower.value(TRADES) is None
    answer = health(follower)
    assert (answer["status"], answer["ready"]) == ("starting", False)
    assert "events_db is corrupt" in answer["reason"]
    bot.line({"type": "trade"})
    assert follower.value(TRADES) == 1
    assert follower.restart().value(TRADES) == 1
    bot.remove_database()
    assert follower.value(TRADES) == 1
    follower.profile._retry_at = 0.0
    trades(bot, 2)
    assert follower.value(TRADES) == 3
    assert health(follower)["status"] == "healthy"


def test_lines_that_appear_later_are_not_counted_again_after_a_restart(bot, follower):
    """The cursor knows which log was read, also where none was there at first."""
    follower.poll()
    bot.line({"type": "trade"})
    assert follower.value(TRADES) == 1
    assert follower.restart().value(TRADES) == 1
    assert follower.value("log_restarts_total") == 0
