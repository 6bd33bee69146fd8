"""Files that a hostile or careless user leaves in the folder hold nobody up and end nothing."""

import json
import os
import sys
from contextlib import suppress

import pytest

from gpt_trader_telemetry.exporter.cursor import load_cursor
from support.denying import small_disk, without_rights
from support.exporting import exporting

pytestmark = pytest.mark.skipif(os.name != "posix", reason="has FIFOs and links")
SOURCES = ("events_db", "metrics_json")
NAMES = ("events.db", "events.jsonl", "metrics.json")


def fifo(path):
    os.mkfifo(path)


def endless(path):
    path.symlink_to("/dev/zero")


def folder(path):
    path.mkdir()


def loop(path):
    path.symlink_to(path.name)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("make", [fifo, endless, folder, loop])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_file_is_told_and_the_others_are_read(bot, follower, make, name):
    """A pipe that nobody writes, a device without an end, a folder, a link to itself: in each file's place."""
    make(bot.folder / name)
    if name == "events.db":
        bot.line({"type": "trade"})
    else:
        bot.row("trade", {})
    if name != "metrics.json":
        bot.metrics.write_text('{"equity": 5}')
    assert follower.value("trades_executed_total") == 1
    assert follower.value("equity") == (None if name == "metrics.json" else 5)
    assert follower.restart().value("trades_executed_total") == 1


@pytest.mark.timeout(30)
@pytest.mark.parametrize("make", [fifo, endless, folder, loop])
def test_a_cursor_file_that_is_none_is_not_used(bot, follower, make):
    """And said so."""
    make(bot.root / "cursor")
    told, began = load_cursor(bot.root / "cursor", [follower.profile])
    assert (len(told), began) == (1, None)


def test_metrics_nested_as_deep_as_json_can_be_hold_up_neither_log_nor_scrape(bot, follower):
    """In the file and in the log: the figures beside them are shown, saved and found again."""
    nested = '{"equity": 5, "a": ' + "[" * 900 + "]" * 900 + "}"
    bot.metrics.write_text(nested)
    bot.row("metric", '{"metrics": ' + nested + "}")
    bot.row("trade", {})
    for following in (follower, follower.restart()):
        assert following.value("trades_executed_total") == 1
        assert following.value("equity") == 5
        json.dumps(following.profile.published.document())


def test_numbers_beyond_all_bounds_are_counted_and_nothing_else_suffers(bot, follower):
    """NaN and Infinity as JSON has not, integers of a thousand digits, in every place."""
    bot.connection.execute("DROP INDEX idx_events_symbol")  # it lets no NaN in; not every bot's database has it
    for raw in ("NaN", "Infinity", "-Infinity", "1" * 1000, "1e999", '"1e999"'):
        bot.row("metric", f'{{"metrics": {{"equity": {raw}, "open_orders": {raw}, "timestamp": {raw}}}}}')
        bot.row("trade", f'{{"price": {raw}, "status": {raw}, "timestamp": {raw}}}')
    bot.cycle(equity="7")
    assert follower.value("trades_executed_total") == 6
    assert follower.value("equity") == 7
    assert follower.value("open_orders") is None


def test_a_clock_that_goes_backwards_loses_nothing(bot, follower):
    """Times of rows and files jump back and forth; counts are by position, and ages are never negative."""
    for at in (1772323200, 1772319600, 1772409600, 1772323210):
        bot.cycle(timestamp=at, equity=at)
        bot.row("trade", {"timestamp": at})
        os.utime(bot.database, (at, at))
        follower.poll()
    assert follower.value("trades_executed_total") == 4
    assert follower.value("source_age_seconds", source="events_db") >= 0


def test_a_full_disk_costs_the_cursor_alone(bot, tmp_path):
    """A real one: serving goes on, it is said once which file and why, and the cursor file before is still good."""
    bot.row("trade", {})
    with small_disk(tmp_path / "disk", 32 << 10) as is_there:
        if not is_there:
            pytest.skip("no disk of its own can be mounted here")
        cursor = tmp_path / "disk" / "cursor.json"
        with exporting(tmp_path, "--cursor-file", str(cursor)) as exporter:
            exporter.until_caught_up()
            assert exporter.stop() == 0
        before = cursor.read_bytes()
        with suppress(OSError), (tmp_path / "disk" / "other").open("wb", buffering=0) as other:
            while True:
                other.write(bytes(4096))
        bot.row("trade", {})
        with exporting(tmp_path, "--cursor-file", str(cursor)) as exporter:
            exporter.until_caught_up()
            assert exporter.scrape().value("coinbase_trader_trades_executed_total") == 2
            assert exporter.stop() == 0
            assert sum(str(cursor) in line and "could not be written" in line for line in exporter.said) == 1
            assert any("No space left on device" in line for line in exporter.said)
        assert cursor.read_bytes() == before
        assert {path.name for path in cursor.parent.iterdir()} == {"cursor.json", "other"}


@pytest.mark.skipif(without_rights() is None, reason="file modes hold for nobody here")
def test_what_may_not_be_read_is_told_and_read_once_it_may(bot, tmp_path):
    """By the command as an ordinary user runs it: 0 and 503 with the reason, then everything, without a new start."""
    bot.row("trade", {})
    bot.connection.execute("PRAGMA journal_mode = DELETE")
    bot.close()
    bot.metrics.write_text('{"equity": 5}')
    for path in (bot.database, bot.metrics):
        path.chmod(0)
    command = [
        *(without_rights() or []), sys.executable, "-m", "gpt_trader_telemetry.cli", "exporter",
        "--runtime-root", str(tmp_path), "--port", "0", "--profile", "paper",
    ]  # fmt: skip
    with exporting(tmp_path, command=command) as exporter:
        readable = "coinbase_trader_source_readable"
        exporter.wait_for(lambda: all(exporter.scrape().value(readable, source=source) == 0 for source in SOURCES))
        assert all(any(f"{path}: denied" in line for line in exporter.said) for path in (bot.database, bot.metrics))
        assert exporter.scrape().value("coinbase_trader_trades_executed_total") is None
        status, answer, _ = exporter.get("/health")
        assert (status, json.loads(answer)["reason"]) == (503, "paper: metrics_json is denied, events_db is denied")
        for path in (bot.database, bot.metrics):
            path.chmod(0o600)
        exporter.until_caught_up()
        exporter.wait_for(lambda: exporter.json("/health")["status"] == "healthy")
        assert exporter.scrape().value("coinbase_trader_trades_executed_total") == 1
        assert exporter.scrape().value("coinbase_trader_equity") == 5
        assert exporter.stop() == 0
