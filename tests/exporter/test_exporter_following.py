"""Following a log through everything that happens to its files."""

import json
import os
import shutil

import pytest

from gpt_trader_telemetry.exporter.cursor import load_cursor, save_cursor
from gpt_trader_telemetry.exporter.position import DENSE, Position
from gpt_trader_telemetry.exporter.profile import Profile, Stopped
from gpt_trader_telemetry.exporter.service import _Progress
from gpt_trader_telemetry.runtime_data.paths import ProfilePaths
from support.following import Follower

TRADES = "trades_executed_total"


def trades(bot, number):
    for _ in range(number):
        last = bot.row("trade", {"n": os.urandom(4).hex()})
    return last


def lines(bot, number):
    bot.line(*({"type": "trade", "n": os.urandom(4).hex()} for _ in range(number)))


def test_it_may_start_before_anything_exists(bot, follower):
    """Absent at first, then what is there; the operator is told of both."""
    shutil.rmtree(bot.folder)
    assert follower.value(TRADES) is None
    bot.folder.mkdir(parents=True)
    trades(bot, 2)
    assert follower.value(TRADES) == 2
    assert any("absent" in line for line in follower.told)
    assert any("caught up" in line for line in follower.told)


def test_counters_do_not_fall_when_the_bot_prunes(bot, follower):
    """Rows that were counted stay counted; rows that were pruned unread are told of by number."""
    trades(bot, 10)
    assert follower.value(TRADES) == 10
    bot.connection.execute("DELETE FROM events WHERE id <= 8")
    trades(bot, 1)
    assert follower.value(TRADES) == 11
    trades(bot, 5)
    bot.connection.execute("DELETE FROM events WHERE id <= 14")
    assert follower.value(TRADES) == 13
    assert follower.value("skipped_records_total", source="events_db", reason="pruned") == 3
    bot.connection.execute("DELETE FROM events")
    trades(bot, 1)
    assert follower.value(TRADES) == 14
    assert follower.value("log_restarts_total") == 0


def test_a_new_database_under_the_same_name_is_counted_on(bot, follower):
    """Smaller or larger than the one before, seen by its rows rather than by its size or inode."""
    trades(bot, 3)
    assert follower.value(TRADES) == 3
    for number in (2, 9):
        bot.remove_database()
        trades(bot, number)
        follower.poll()
    assert follower.value(TRADES) == 14
    assert follower.value("log_restarts_total") == 2


@pytest.mark.parametrize("restarts", [False, True])
def test_a_new_database_whose_ids_begin_above_the_old_ones_is_no_pruned_one(bot, follower, restarts):
    """Another file says so where no row can; nothing is told as pruned, and counts go on."""
    trades(bot, 5)
    assert follower.value(TRADES) == 5
    bot.close()
    bot.database.rename(bot.folder / "old.db")  # so that its inode is not given again
    bot.remove_database()
    bot.connection.execute("INSERT INTO sqlite_sequence VALUES ('events', 5000)")
    trades(bot, 3)
    if restarts:
        follower.restart()
    assert follower.value(TRADES) == 8
    assert follower.value("log_restarts_total") == 1
    assert follower.value("skipped_records_total", source="events_db", reason="pruned") == 0
    assert any("another log" in line for line in follower.told)


def test_a_new_database_with_the_inode_of_the_old_one_is_told_by_when_it_was_made(bot, follower):
    """As where a file system gives the inode again at once."""
    bot.connection.execute("INSERT OR REPLACE INTO schema_version VALUES (1, '2026-03-01 00:00:00')")
    trades(bot, 5)
    assert follower.value(TRADES) == 5
    bot.connection.execute("DELETE FROM events")
    bot.connection.execute("UPDATE sqlite_sequence SET seq = 5000")
    bot.connection.execute("UPDATE schema_version SET applied_at = '2026-03-02 00:00:00'")
    trades(bot, 3)
    assert follower.value(TRADES) == 8
    assert follower.value("log_restarts_total") == 1
    assert follower.value("skipped_records_total", source="events_db", reason="pruned") == 0


def test_the_same_log_in_another_file_goes_on(bot, follower):
    """Restored from a copy: its rows say so, also after the last one was pruned and others stand."""
    trades(bot, 5)
    assert follower.value(TRADES) == 5
    bot.connection.execute("PRAGMA journal_mode = DELETE")
    bot.close()
    shutil.copy(bot.database, bot.folder / "copy.db")
    bot.database.rename(bot.folder / "old.db")
    (bot.folder / "copy.db").rename(bot.database)
    trades(bot, 2)
    assert follower.value(TRADES) == 7
    bot.connection.execute("DELETE FROM events WHERE id <= 7")
    trades(bot, 1)
    assert follower.value(TRADES) == 8
    assert follower.value("log_restarts_total") == 0


def test_a_database_that_lost_its_end_in_a_crash_is_not_counted_again(bot, follower):
    """The rows that are left were counted; the ids of those that are lost are given again."""
    trades(bot, 20)
    assert follower.value(TRADES) == 20
    bot.connection.execute("DELETE FROM events WHERE id > 12")
    bot.connection.execute("UPDATE sqlite_sequence SET seq = 12")
    assert follower.value(TRADES) == 20
    trades(bot, 3)
    assert follower.value(TRADES) == 23
    bot.connection.execute("DELETE FROM events WHERE id > 13")
    bot.connection.execute("UPDATE sqlite_sequence SET seq = 13")
    trades(bot, 7)
    assert follower.value(TRADES) == 30
    assert follower.value("log_restarts_total") == 0
    assert any("lost its end" in line for line in follower.told)


def test_a_locked_or_damaged_database_keeps_what_was_known(bot, follower):
    """Not zeros: the values stand, the source is not readable, its age grows; then it goes on exactly."""
    trades(bot, 3)
    assert follower.value(TRADES) == 3
    bot.close()
    content = bot.database.read_bytes()
    bot.database.write_bytes(b"no database any more" * 100)
    assert follower.value(TRADES) == 3
    assert follower.value("source_readable", source="events_db") == 0
    assert follower.profile.published.reason == "events_db is corrupt"
    bot.remove_database()
    bot.database.write_bytes(content)
    assert follower.value("source_readable", source="events_db") == 1
    trades(bot, 1)
    assert follower.value(TRADES) == 4


def test_lines_are_followed_through_appending_rotation_and_truncation(bot, follower):
    """A half line waits for its end; what was appended just before a rotation is read too."""
    lines(bot, 2)
    assert follower.value(TRADES) == 2
    bot.line('{"type": "tra', end="")
    assert follower.value(TRADES) == 2
    bot.line('de"}')
    assert follower.value(TRADES) == 3
    lines(bot, 2)
    bot.lines.rename(bot.folder / "events.jsonl.1")
    lines(bot, 1)
    assert follower.value(TRADES) == 6
    bot.lines.write_bytes(b"")
    assert follower.value(TRADES) == 6
    lines(bot, 4)
    assert follower.value(TRADES) == 10


def test_lines_that_lost_their_end_are_not_counted_again(bot, follower):
    """As after a crash: the file is shorter, and what is left was counted."""
    lines(bot, 6)
    assert follower.value(TRADES) == 6
    kept = b"".join(bot.lines.read_bytes().splitlines(keepends=True)[:4])
    bot.lines.write_bytes(kept)
    assert follower.value(TRADES) == 6
    lines(bot, 1)
    assert follower.value(TRADES) == 7
    assert follower.value("log_restarts_total") == 0


def test_a_database_that_appears_takes_over_from_lines(bot, follower):
    """And is never left for lines again, also when it cannot be read."""
    lines(bot, 2)
    assert follower.value(TRADES) == 2
    trades(bot, 3)
    assert follower.value(TRADES) == 5
    bot.remove_database()
    lines(bot, 4)
    assert follower.value(TRADES) == 5


@pytest.mark.parametrize("write", [trades, lines])
def test_a_restart_goes_on_where_it_was(bot, follower, write):
    """Nothing is counted twice, nothing is lost, and figures that are not written again are still known."""
    bot.metrics.write_text(json.dumps({"equity": 5}))
    write(bot, 3)
    follower.poll()
    write(bot, 2)
    follower.restart()
    assert follower.value(TRADES) == 5
    bot.metrics.unlink()
    assert follower.restart().value("equity") == 5
    assert follower.value("log_restarts_total") == 0


def cursor_of(bot, tmp_path):
    profile = Profile(ProfilePaths.of(bot.root, bot.profile))
    profile.poll()
    save_cursor(tmp_path / "cursor", [profile], began=5.0)
    return tmp_path / "cursor"


def load(bot, path):
    profile = Profile(ProfilePaths.of(bot.root, bot.profile))
    told, began = load_cursor(path, [profile])
    profile.poll()
    return profile.state.tally.counts[TRADES], told, began


def test_a_cursor_file_is_private_and_tells_when_counting_began(bot, tmp_path):
    """It holds figures of the account."""
    trades(bot, 3)
    path = cursor_of(bot, tmp_path)
    assert path.stat().st_mode & 0o077 == 0
    assert load(bot, path) == (3, [], 5.0)
    assert list(tmp_path.glob(".cursor*")) == []


@pytest.mark.parametrize("damage", ["empty", "half", "json", "version", "changed", "folder"])
def test_a_damaged_cursor_file_is_told_and_not_used(bot, tmp_path, damage):
    """The log is read from its beginning; nothing is guessed."""
    trades(bot, 3)
    path = cursor_of(bot, tmp_path)
    document = json.loads(path.read_text())
    if damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_text(
            {
                "empty": "",
                "half": path.read_text()[:100],
                "json": "[1, 2]",
                "version": json.dumps({**document, "version": 99}),
                "changed": path.read_text().replace('"trades_executed_total": 3', '"trades_executed_total": 4'),
            }[damage]
        )
    number, told, began = load(bot, path)
    assert number == 3
    assert began is None
    assert len(told) == 1
    assert "not used" in told[0]


def test_a_foreign_cursor_file_is_told_and_not_used(bot, tmp_path):
    """One of another bot's log, and one that does not know the profile."""
    trades(bot, 3)
    path = cursor_of(bot, tmp_path)
    other = type(bot)(tmp_path / "elsewhere")
    trades(other, 2)
    assert load(other, path)[0] == 2
    assert "other files" in load(other, path)[1][0]
    stranger = type(bot)(tmp_path, "live")
    trades(stranger, 1)
    assert load(stranger, path)[1] == [f"{path} knows nothing of live"]


def test_a_foreign_cursor_file_is_noticed_where_there_is_no_log_yet(bot, tmp_path):
    """The figures of another bot's metrics.json are never shown as this one's."""
    bot.metrics.write_text(json.dumps({"equity": 123456}))
    path = cursor_of(bot, tmp_path)
    other = Follower(type(bot)(tmp_path / "elsewhere"))
    told, began = load_cursor(path, [other.profile])
    assert began is None
    assert other.value("equity") is None
    assert "other files" in told[0]
    assert str(bot.metrics) in told[0]


def test_a_stale_cursor_file_tells_what_was_missed(bot, follower):
    """Rows pruned while nobody looked are counted by number; a log that was replaced is told."""
    trades(bot, 3)
    follower.poll()
    trades(bot, 5)
    bot.connection.execute("DELETE FROM events WHERE id <= 6")
    assert follower.restart().value(TRADES) == 5
    assert follower.value("skipped_records_total", source="events_db", reason="pruned") == 3
    bot.remove_database()
    trades(bot, 2)
    assert follower.restart().value(TRADES) == 7
    assert any("another log" in line for line in follower.told)


def test_a_long_read_that_is_ended_neither_loses_nor_repeats(bot, follower, monkeypatch):
    """Stopped between two windows, it goes on from there."""
    monkeypatch.setattr("gpt_trader_telemetry.runtime_data.log.WINDOW", 3)
    trades(bot, 10)
    follower.profile._stopping.set()
    for _ in range(4):
        with pytest.raises(Stopped):
            follower.poll()
        follower.restart()
        follower.profile._stopping.set()
    follower.profile._stopping.clear()
    assert follower.value(TRADES) == 10


def test_marks_are_bounded_and_reach_back_to_the_beginning():
    """Dense at the end, sparse before."""
    position = Position("events_db")
    for place in range(1, 100_000, 7):
        position.move([(place, "x")])
    places = [place for place, _ in position.marks]
    assert len(places) <= 2 * DENSE
    assert places[0] == 1
    assert places[-DENSE:] == list(range(places[-DENSE], places[-1] + 1, 7))
    assert places == sorted(places)


def test_a_long_read_tells_how_far_it_is(bot, monkeypatch):
    """By profile, records and share; a short one says nothing."""
    trades(bot, 10)
    told = []
    paths = ProfilePaths.of(bot.root, bot.profile)
    monkeypatch.setattr("gpt_trader_telemetry.runtime_data.log.WINDOW", 3)
    Profile(paths, progress=_Progress(paths, told.append)).poll()
    assert told == []
    monkeypatch.setattr("gpt_trader_telemetry.exporter.service._PROGRESS_EVERY", 0.0)
    Profile(paths, progress=_Progress(paths, told.append)).poll()
    assert told == ["paper: read 6 of 10 (60 %)", "paper: read 9 of 10 (90 %)"]
