"""``events.db`` in every state in which a bot, a crash or an operator leaves it."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading

import pytest

from gpt_trader_telemetry.runtime_data.database import Trouble, UnreadableError, opened
from gpt_trader_telemetry.runtime_data.events import read_events
from gpt_trader_telemetry.runtime_data.log import WINDOW
from gpt_trader_telemetry.runtime_data.skipped import Why


def kinds(paths, skipped, **options):
    return [event.kind for event in read_events(paths, skipped=skipped, **options)]


def contents(folder):
    """What a reader must leave as it is; the index of a WAL is SQLite's to make."""
    return {file.name: file.read_bytes() for file in folder.iterdir() if not file.name.endswith("-shm")}


def test_rows_come_in_the_order_of_their_writing_with_times_resolved(bot, paths, skipped):
    """Payload before column; epoch, text, ISO; metrics unwrapped; `data` unwrapped only where it is alone."""
    bot.row("heartbeat", {"timestamp": 1772323200.0})
    bot.row("price_tick", {"timestamp": "1772323201.5", "symbol": "BTC-USD"})
    bot.row("trade", {"order_id": "o-1"}, written="2026-03-01 00:00:02")
    bot.cycle(timestamp="2026-03-01T00:00:03", equity="10.5")
    bot.row("metric", {"bot_id": "b", "metrics": {"event_type": None, "timestamp": "2026-03-01T01:00:04+01:00"}})
    bot.row("metric", {"metrics": {"event_type": "order_preview", "timestamp": "2026-03-01T00:00:05Z"}})
    bot.row("fill", {"data": {"pnl": "1", "timestamp": 1772323206}})
    bot.row("fill", {"data": {"pnl": "1"}, "fee": 2})
    found = list(read_events(paths, skipped=skipped))
    assert [event.kind for event in found] == [
        "heartbeat", "price_tick", "trade", "cycle_metrics", "cycle_metrics", "order_preview", "fill", "fill",
    ]  # fmt: skip
    base = 1772323200.0
    assert [event.at - base for event in found[:7]] == [0, 1.5, 2, 3, 4, 5, 6]
    assert found[3].payload["equity"] == "10.5"
    assert found[6].payload == {"pnl": "1", "timestamp": 1772323206}
    assert found[7].payload == {"data": {"pnl": "1"}, "fee": 2}
    assert [event.position for event in found] == list(range(1, 9))
    assert skipped.total == 0


def test_bad_rows_are_counted_and_the_others_read(bot, paths, skipped):
    """Wrong types, bad UTF-8, no JSON, no object and oversize: each by its reason."""
    bot.connection.executescript("DROP INDEX idx_events_symbol")
    bot.row("trade", {"order_id": "o-1"})
    bot.row("trade", "{half")
    bot.row("trade", "[1,2,3]")
    bot.row("", {"a": 1})
    bot.connection.execute("INSERT INTO events(event_type, payload) VALUES ('trade', CAST(x'7b22ff227d' AS TEXT))")
    bot.connection.execute("INSERT INTO events(event_type, payload) VALUES ('trade', 42)")
    bot.connection.execute("INSERT INTO events(event_type, payload) VALUES (x'00', '{}')")
    bot.row("trade", '{"a": "' + "x" * (1 << 20) + '"}')
    bot.row("trade", "[" * 100_000)
    bot.row("trade", {"order_id": "o-2"})
    assert kinds(paths, skipped) == ["trade", "trade"]
    assert skipped.total == 8
    assert {why: count for (_, why), count in skipped.counts.items()} == {
        Why.JSON: 2, Why.SHAPE: 4, Why.ENCODING: 1, Why.SIZE: 1,
    }  # fmt: skip


def test_a_window_of_time_and_kinds_reads_what_is_in_it(bot, paths, skipped):
    """`since` is inside, `until` is not; events without any time cannot be placed and are counted."""
    for second in range(10):
        bot.row("fill" if second % 2 else "heartbeat", {"timestamp": 1772323200.0 + second})
    bot.row("fill", {"pnl": 1}, written="never")
    assert kinds(paths, skipped, since=1772323201, until=1772323205, kinds={"fill"}) == ["fill", "fill"]
    assert skipped.counts["events_db", Why.TIME] == 1


def test_the_column_is_corrected_where_sqlite_had_it_wrong(bot, paths, skipped):
    """SQLite 3.40 in New York writes 5 hours ahead: a trade, which has no time of its own, is still placed right."""
    bot.row("heartbeat", {"timestamp": 1772323200.4}, written="2026-03-01 05:00:00")
    bot.row("trade", {"order_id": "o-1"}, written="2026-03-01 05:00:07")
    assert [event.at for event in read_events(paths, skipped=skipped, kinds={"trade"})] == [1772323207.0]


def test_ids_with_gaps_and_huge_ones_do_not_hold_it_up(bot, paths, skipped):
    """A pruned log, and ids at the end of what there is."""
    for row_id in (-5, 7, 10 * WINDOW, 2**62, 2**63 - 1):
        bot.connection.execute("INSERT INTO events(id, event_type, payload) VALUES (?, 'trade', '{}')", (row_id,))
    found = [event.position for event in read_events(paths, skipped=skipped)]
    assert found == [7, 10 * WINDOW, 2**62, 2**63 - 1]


def test_a_reader_sees_what_is_only_in_the_wal_and_changes_nothing(bot, paths, skipped):
    """A killed bot's data; `immutable` would miss it, and a read-write connection would checkpoint it."""
    kill_a_bot(bot)
    before = contents(bot.folder)
    assert (bot.folder / "events.db-wal").stat().st_size > 0
    assert kinds(paths, skipped) == ["trade"] * 3
    assert contents(bot.folder) == before


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="becomes a user without rights, as root can")
@pytest.mark.parametrize("index_left", [True, False])
def test_a_killed_bots_wal_is_read_without_permission_to_write_the_folder(bot, index_left, tmp_path):
    """With SQLite's index of it in place, and through a temporary copy without."""
    kill_a_bot(bot)
    if not index_left:
        (bot.folder / "events.db-shm").unlink()
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    for file in bot.folder.iterdir():
        file.chmod(0o444)
    bot.folder.chmod(0o555)
    before = contents(bot.folder)
    code = (
        "import os, sys; from gpt_trader_telemetry.runtime_data.events import read_events;"
        "from gpt_trader_telemetry.runtime_data.paths import ProfilePaths;"
        "from gpt_trader_telemetry.runtime_data.skipped import Skipped;"
        "os.setgid(65534); os.setuid(65534);"
        f"print(len(list(read_events(ProfilePaths.of({str(bot.root)!r}, 'paper'), skipped=Skipped()))))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert answer.stdout == "3\n", answer.stderr
    assert contents(bot.folder) == before


def kill_a_bot(bot):
    """Have a process write three trades and die without closing the database."""
    bot.close()
    code = (
        "import os, sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]);"
        "from support.runtime import BotFiles; bot = BotFiles(Path(sys.argv[2]));"
        "[bot.row('trade', {'order_id': str(n)}) for n in range(3)]; os._exit(9)"
    )
    tests = os.path.dirname(os.path.dirname(__file__))
    subprocess.run([sys.executable, "-c", code, tests, str(bot.root)], timeout=60, check=False)


def test_a_locked_database_is_said_to_be_locked(bot, paths):
    """Not empty: after the busy timeout, by name."""
    bot.row("trade", {})
    bot.connection.execute("PRAGMA journal_mode = DELETE")
    bot.connection.execute("BEGIN EXCLUSIVE")
    with (
        pytest.raises(UnreadableError, match="locked") as raised,
        opened(paths.events_db, busy_timeout=0.05) as database,
    ):
        database.execute("SELECT count(*) FROM events").fetchone()
    assert raised.value.trouble is Trouble.LOCKED


def test_a_database_is_read_while_it_is_written(bot, paths, skipped):
    """Every read is a prefix of what was written, and the writer meets no error."""
    bot.row("trade", {"n": 0})
    stop = threading.Event()
    errors = []

    def write():
        connection = sqlite3.connect(bot.database, isolation_level=None, timeout=0.2)
        try:
            for number in range(1, 3000):
                connection.execute(
                    "INSERT INTO events(event_type, payload) VALUES ('trade', ?)", (f'{{"n": {number}}}',)
                )
                if stop.is_set():
                    break
        except sqlite3.Error as error:
            errors.append(error)
        finally:
            connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(10):
        numbers = [event.payload["n"] for event in read_events(paths, skipped=skipped)]
        assert numbers == list(range(len(numbers)))
    stop.set()
    writer.join()
    assert errors == []


def damaged(bot, how):
    bot.connection.execute("BEGIN")
    for number in range(3000):
        bot.row("trade", {"n": number})
    bot.connection.execute("COMMIT")
    bot.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    bot.close()
    content = bot.database.read_bytes()
    if how == "truncated mid-page":
        bot.database.write_bytes(content[: len(content) // 2 + 1000])
    elif how == "no database":
        bot.database.write_bytes(b"this is no database" * 100)
    elif how == "empty":
        bot.database.write_bytes(b"")
    elif how == "another schema":
        bot.remove_database()
        connection = sqlite3.connect(bot.database)
        connection.execute("CREATE TABLE events (a, b)")
        connection.close()


@pytest.mark.parametrize("how", ["truncated mid-page", "no database", "empty", "another schema"])
def test_a_damaged_database_hides_no_good_file_of_lines(bot, paths, skipped, how):
    """Where nothing of it can be read, events.jsonl is; where some of it can, that is, and the damage is counted."""
    damaged(bot, how)
    bot.line({"type": "fill", "pnl": 1})
    found = kinds(paths, skipped)
    if how == "truncated mid-page" and found != ["fill"]:
        assert 0 < len(found) < 3000
        assert 3000 - len(found) - 60 < skipped.total <= 3000 - len(found)
    else:
        assert found == ["fill"]


def leaves_of(database):
    """Where the pages of the rows begin, in the order of their ids."""
    connection = sqlite3.connect(database)
    found = connection.execute("SELECT pageno FROM dbstat WHERE name = 'events' AND pagetype = 'leaf' ORDER BY path")
    places = [(number - 1) * 4096 for (number,) in found]
    connection.close()
    return places


def spoil(bot, places):
    """Spoil pages of rows, by their share of the way through the file; return the ids that SQLite still finds."""
    damaged(bot, "not at all")
    leaves = leaves_of(bot.database)
    content = bytearray(bot.database.read_bytes())
    for place in places:
        at = leaves[int(len(leaves) * place)]
        content[at : at + 4096] = b"\xaa" * 4096
    bot.database.write_bytes(content)
    return readable_ids(bot.database)


def readable_ids(database, upto=3000):
    found = []
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA writable_schema = ON")
    for row_id in range(1, upto + 1):
        with contextlib.suppress(sqlite3.DatabaseError):
            row = connection.execute("SELECT payload FROM events WHERE rowid = ?", (row_id,)).fetchone()
            found += [row_id] if row is not None and row[0].startswith("{") else []
    connection.close()
    return found


@pytest.mark.parametrize("places", [[0.2], [0.5], [0.95], [0.0], [0.1, 0.15, 0.5, 0.52, 0.9, 0.99]], ids=str)
@pytest.mark.parametrize("asked", [None, {"trade"}, {"fill"}])
def test_damaged_pages_hide_only_their_own_rows(bot, paths, skipped, places, asked):
    """Before, between and behind them all that SQLite can find comes, in order; the others are counted one by one."""
    readable = spoil(bot, places)
    found = [event.position for event in read_events(paths, skipped=skipped, kinds=asked)]
    assert 2000 < len(readable) < 3000
    assert found == ([] if asked == {"fill"} else readable)
    if asked != {"fill"}:  # the index of kinds tells that none of them is hidden
        assert skipped.counts == {("events_db", Why.DAMAGED): 3000 - len(readable)}


@pytest.mark.parametrize("share", [0.7, 0.95])
def test_what_is_left_of_a_truncated_database_is_read(bot, paths, skipped, share):
    """All that SQLite can still find of it; the others are counted, but for those of the page that was cut in two."""
    damaged(bot, "not at all")
    content = bot.database.read_bytes()
    bot.database.write_bytes(content[: int(len(content) * share) + 100])
    readable = readable_ids(bot.database)
    assert readable
    assert [event.position for event in read_events(paths, skipped=skipped)] == readable
    assert 3000 - len(readable) - 60 < skipped.total <= 3000 - len(readable)
    assert skipped.counts["events_db", Why.DAMAGED] >= skipped.total - 1  # a row that is cut in two has no JSON


@pytest.mark.parametrize("how", ["no database", "empty", "another schema"])
def test_a_damaged_database_alone_says_what_is_wrong(bot, paths, skipped, how):
    """By its path and the trouble."""
    damaged(bot, how)
    with pytest.raises(UnreadableError, match=r"events\.db: corrupt"):
        kinds(paths, skipped)


def test_a_folder_without_anything_says_absent(paths, skipped):
    """Which is what an operator looks for first."""
    with pytest.raises(UnreadableError, match=r"events\.db: absent"):
        kinds(paths, skipped)


def test_a_replaced_database_is_read_anew(bot, paths, skipped):
    """Nothing is kept from one read to the next."""
    bot.row("trade", {})
    assert kinds(paths, skipped) == ["trade"]
    bot.remove_database()
    bot.row("fill", {})
    assert kinds(paths, skipped) == ["fill"]
    shutil.rmtree(bot.folder, ignore_errors=True)
