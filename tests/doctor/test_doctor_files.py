"""The doctor before the files that a bot leaves: fresh, stale, locked, broken, absent; and it leaves no trace."""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gpt_trader_telemetry.doctor.files import examine_files

NOW = 1_795_000_000.0
SCHEMA = """
CREATE TABLE events(id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL DEFAULT (datetime('now','utc')),
                    event_type TEXT NOT NULL, payload TEXT NOT NULL, bot_id TEXT)
"""


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "runtime_data" / "prod"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def look(walk, tmp_path):
    def look(**changes):
        return walk(examine_files, **{"runtime_root": tmp_path, "profile": "prod", "now": lambda: NOW, **changes})

    return look


def write_events(path, *payloads, column="2020-01-01 00:00:00", wal=True) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode={'WAL' if wal else 'DELETE'}")
        connection.execute(SCHEMA)
        rows = [
            (column, "heartbeat", payload if isinstance(payload, str) else json.dumps(payload)) for payload in payloads
        ]
        connection.executemany("INSERT INTO events(timestamp, event_type, payload) VALUES (?, ?, ?)", rows)
        connection.commit()


def traces(folder) -> dict[str, tuple]:
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}


@pytest.mark.parametrize(
    "payload",
    [
        {"timestamp": NOW - 7},
        {"timestamp": str(NOW - 7)},
        {"timestamp": datetime.fromtimestamp(NOW - 7, UTC).isoformat()},
        {"timestamp": datetime.fromtimestamp(NOW - 7, UTC).replace(tzinfo=None).isoformat()},
        {"metrics": {"timestamp": datetime.fromtimestamp(NOW - 7, UTC).isoformat()}},
        {"data": {"timestamp": NOW - 7}},
    ],
)
def test_the_newest_event_tells_by_its_own_time(look, folder, payload):
    """In every form that bots write it; the column is wrong on some hosts and is not asked."""
    write_events(folder / "events.db", {"timestamp": NOW - 9999}, payload, {"order_id": "a trade has no time"})
    assert look().the("events.db").said == "readable, newest entry 7 s old"


def test_without_a_time_of_its_own_the_column_counts(look, folder):
    """It is all there is."""
    column = datetime.fromtimestamp(NOW - 120, UTC).strftime("%Y-%m-%d %H:%M:%S")
    write_events(folder / "events.db", {}, "no JSON", column=column)
    assert look().the("events.db").said == "readable, newest entry 2 min old"


def test_a_database_that_is_not_updating_is_a_problem(look, folder):
    """The bot has ended, or writes elsewhere."""
    write_events(folder / "events.db", {"timestamp": NOW - 301})
    assert look().the("events.db").said == "it is not updating: its newest entry is 5 min old"
    assert "runtime root" in look().the("events.db").do


def test_a_database_of_the_future_points_at_the_clocks(look, folder):
    """Rather than at the bot."""
    write_events(folder / "events.db", {"timestamp": NOW + 3600})
    assert "clocks" in look().the("events.db").do


@pytest.mark.parametrize("wal", [True, False], ids=["wal", "rollback"])
def test_a_locked_database_is_told_as_such(look, folder, wal):
    """It neither hangs nor reads as empty."""
    write_events(folder / "events.db", {"timestamp": NOW}, wal=wal)
    with closing(sqlite3.connect(folder / "events.db", isolation_level=None)) as holder:
        if wal:
            holder.execute("PRAGMA locking_mode=EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        holder.execute("INSERT INTO events(event_type, payload) VALUES ('x', '{}')")
        if wal:
            holder.execute("COMMIT")
        found = look(timeout=0.1).the("events.db")
    assert "it is locked" in found.said
    assert "fuser" in found.do


def test_a_killed_bots_last_words_are_read_and_left_as_they_are(look, folder):
    """What is only in the -wal counts, and is not written into the database."""
    writer = (
        "import os, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA journal_mode=WAL')\n"
        f"c.execute('''{SCHEMA}''')\n"
        f"c.execute('INSERT INTO events(event_type, payload) VALUES (1, ?)', ['{{\"timestamp\": {NOW - 5}}}'])\n"
        "c.commit(); os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", writer, str(folder / "events.db")], check=False).returncode == 9
    before = {name: trace for name, trace in traces(folder).items() if not name.endswith("-shm")}
    assert look().the("events.db").said == "readable, newest entry 5 s old"
    assert {name: trace for name, trace in traces(folder).items() if not name.endswith("-shm")} == before


def test_looking_leaves_no_trace(look, folder):
    """No file more, none changed: a -wal that belongs to somebody else's user would stop the bot."""
    write_events(folder / "events.db", {"timestamp": NOW})
    (folder / "metrics.json").write_text(json.dumps({"timestamp": NOW}))
    before = traces(folder)
    assert look().bad() == {}
    assert traces(folder) == before


def test_a_running_bot_is_read_beside(look, folder):
    """While it holds the database open and writes."""
    write_events(folder / "events.db", {"timestamp": NOW - 900})
    with closing(sqlite3.connect(folder / "events.db")) as bot:
        bot.execute("INSERT INTO events(event_type, payload) VALUES ('x', ?)", [json.dumps({"timestamp": NOW - 3})])
        assert "15 min" in look().the("events.db").said
        bot.commit()
        assert look().the("events.db").said == "readable, newest entry 3 s old"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"this is no database at all, but longer than a header " * 20, "cannot be read"),
        (b"", "not the bot's"),
    ],
)
def test_a_broken_database_is_told(look, folder, content, said):
    """With what SQLite says."""
    (folder / "events.db").write_bytes(content)
    assert said in look().the("events.db").said


def test_an_empty_log_of_events_is_a_problem(look, folder):
    """The table is there, and nothing in it."""
    write_events(folder / "events.db")
    assert look().the("events.db").said == "it holds no event"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read")
def test_a_database_that_may_not_be_read_is_told():
    """As another user, as an exporter in a container often is."""
    script = (
        "import os, sys\n"
        "from gpt_trader_telemetry.doctor.files import examine_files\n"
        "from gpt_trader_telemetry.doctor.plan import Plan, Server\n"
        "os.chdir(sys.argv[1]); os.setuid(65534)\n"
        "plan = Plan(bot=Server('http://x'), profile='prod')\n"
        "print([f.said + f.do for f in examine_files(plan) if f.name == 'events.db'])\n"
    )
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root, "runtime_data", "prod")
        folder.mkdir(parents=True)
        write_events(folder / "events.db", {"timestamp": NOW})
        (folder / "events.db").chmod(0)
        Path(root).chmod(0o755)
        done = subprocess.run([sys.executable, "-c", script, root], capture_output=True, text=True, check=False)
    assert "cannot be opened" in done.stdout, done.stderr
    assert "right to read it" in done.stdout


def test_older_runs_have_a_log_of_lines(look, folder):
    """Read where there is no database, half a line or not; beside one it is not used."""
    lines = [json.dumps({"type": "heartbeat", "timestamp": NOW - 30}), "", '{"half": ', "[1,2,3]"]
    (folder / "events.jsonl").write_text("\r\n".join(lines))
    assert look().the("events.jsonl").said == "readable, newest entry 30 s old"
    write_events(folder / "events.db", {"timestamp": NOW})
    assert look().the("events.jsonl").status == "skipped"


def test_the_metrics_file_is_read_again_when_it_was_met_half_written(look, folder):
    """It is rewritten in place; what stays broken is a problem, what is old too."""
    path, whole = folder / "metrics.json", json.dumps({"timestamp": NOW - 4})
    path.write_text(whole[:9])
    assert look(sleep=lambda _: path.write_text(whole)).the("metrics.json").said == "readable, newest entry 4 s old"
    path.write_text(whole[:9])
    assert look().the("metrics.json").said == "it holds no JSON object"
    path.write_text(json.dumps({"timestamp": NOW - 7200}))
    assert look().the("metrics.json").said == "it is not updating: its newest entry is 2 h old"


def test_orders_are_counted(look, folder):
    """The report's unfilled orders come from there."""
    with closing(sqlite3.connect(folder / "orders.db")) as connection:
        connection.execute("CREATE TABLE orders(order_id TEXT, updated_at TEXT)")
        when = datetime.fromtimestamp(NOW - 60, UTC).isoformat()
        connection.execute("INSERT INTO orders VALUES ('a', ?)", [when])
        connection.commit()
    assert look().the("orders.db").said == "readable, 1 orders, the newest changed 60 s ago"


def test_folders_that_are_not_there(look, folder, walk, tmp_path):
    """A profile that was named is missed; one that nobody named is not."""
    assert "neither events.db nor events.jsonl" in look().the("events.db").said
    assert look(profile="typo").the("folder").status == "problem"
    assert look(profile="typo", runtime_root=tmp_path / "no").the("folder").status == "problem"
    assert walk(examine_files, runtime_root=tmp_path / "no").the("folder").status == "skipped"
    (tmp_path / "runtime_data" / "paper").mkdir()
    assert {finding.name for finding in walk(examine_files, runtime_root=tmp_path)} >= {
        "paper: events.db", "prod: events.db",
    }  # fmt: skip
