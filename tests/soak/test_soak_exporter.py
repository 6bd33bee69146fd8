"""The exporter beside a busy bot, and over ten thousand files that nobody should have written."""

import contextlib
import copy
import json
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gpt_trader_telemetry.exporter.cursor import load_cursor
from gpt_trader_telemetry.exporter.profile import Profile
from gpt_trader_telemetry.exporter.view import View
from gpt_trader_telemetry.runtime_data.database import UnreadableError
from gpt_trader_telemetry.runtime_data.events import read_events
from gpt_trader_telemetry.runtime_data.orders import unfilled_orders
from gpt_trader_telemetry.runtime_data.paths import ProfilePaths
from gpt_trader_telemetry.runtime_data.skipped import Skipped
from support.exporting import exporting
from support.runtime import BotFiles, load_fixtures
from support.runtime_fuzz import ended_rightly
from support.scraping import OPENMETRICS, TEXT, parse

pytestmark = pytest.mark.soak

TESTS = Path(__file__).parent.parent
SECONDS = 15
RATE = 500
REPORT = ["report", "daily", "--now", "2026-03-01", "--no-save", "--report-format"]
REPLAY = ["replay", "--format", "json"]
WRITER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from support.runtime import BotFiles
bot = BotFiles(Path(sys.argv[2]))
rate, seconds = int(sys.argv[3]), int(sys.argv[4])
kinds = ["price_tick", "price_tick", "trade", "heartbeat", "websocket_reconnect"]
bot.connection.execute("PRAGMA synchronous = NORMAL")
began = time.monotonic()
for number in range(rate * seconds):
    time.sleep(max(0.0, began + number / rate - time.monotonic()))
    bot.row(kinds[number % 5], {"timestamp": time.time(), "n": number})
    if number % 2500 == 2499:  # and prunes, far behind the exporter
        bot.connection.execute("DELETE FROM events WHERE id < ?", (number - 2000,))
print(number + 1, time.monotonic() - began)
"""


@pytest.mark.alone
def test_500_events_a_second_while_scraped_twice_a_second(tmp_path):
    """No error on either side, counters never fall, and the counts are exact at the end."""
    with exporting(tmp_path) as exporter:
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(TESTS), str(tmp_path), str(RATE), str(SECONDS)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        trades, scrapes = [], 0
        while writer.poll() is None:
            status, text, _ = exporter.get("/metrics")
            assert status == 200
            scrapes += 1
            value = parse(text).value("coinbase_trader_trades_executed_total")
            trades += [] if value is None else [value]
            time.sleep(0.5)
        out, errors = writer.communicate()
        assert (writer.returncode, errors) == (0, "")
        written = int(out.split()[0])
        assert written == RATE * SECONDS
        assert scrapes >= SECONDS
        assert trades == sorted(trades)
        assert len(set(trades)) > SECONDS / 2
        # The last row of all is of this kind.
        exporter.wait_for(lambda: exporter.scrape().value("coinbase_trader_websocket_reconnects_total") == written / 5)
        scrape = exporter.scrape()
        assert scrape.value("coinbase_trader_trades_executed_total") == written / 5
        assert scrape.value("coinbase_trader_websocket_reconnects_total") == written / 5
        assert scrape.total("coinbase_trader_skipped_records_total") == 0
        assert exporter.stop() == 0
        assert not any("locked" in line or "Traceback" in line or "another log" in line for line in exporter.said)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Good files of each kind, as bytes."""
    bot = BotFiles(tmp_path_factory.mktemp("good"))
    fixtures = load_fixtures()
    start, end = fixtures.END - 3600, fixtures.END
    bot.close()
    fixtures.write_database(bot.database, fixtures.events(60, start=start, end=end))
    connection = sqlite3.connect(bot.database)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    fixtures.write_lines(bot.lines, fixtures.events(60, start=start, end=end))
    fixtures.write_metrics(bot.metrics, end)
    fixtures.write_orders(bot.folder / "orders.db", 30, end)
    return {file.name: file.read_bytes() for file in bot.folder.iterdir() if file.is_file()}


def spoiled(content, chooser):
    """Return the bytes with something wrong."""
    raw = bytearray(content)
    how = chooser.randrange(7)
    if how == 0:
        return bytes(raw[: chooser.randrange(len(raw) + 1)])
    if how == 1:
        for _ in range(chooser.choice((1, 10, 200))):
            raw[chooser.randrange(len(raw))] = chooser.randrange(256)
    elif how == 2:
        place = chooser.randrange(len(raw))
        raw[place : place + chooser.randrange(4000)] = bytes(chooser.randrange(4000))
    elif how == 3:
        place = chooser.randrange(len(raw))
        raw[place:place] = chooser.randbytes(chooser.randrange(300))
    elif how == 4:
        return chooser.randbytes(chooser.randrange(5000))
    elif how == 5:
        raw = raw.replace(
            *chooser.choice([(b'"', b"'"), (b"\n", b"\r"), (b":", b": NaN,"), (b"{", b"[{"), (b"1", b"-1e999")])
        )
    else:
        place = chooser.randrange(len(raw))
        return bytes(raw[place:] + raw[:place])
    return bytes(raw)


NONSENSE = [
    None, True, [], {}, "", "x", -1, 1e308, 10**30, "NaN", float("nan"), float("inf"), {"a": 1}, [[]], "\ud800", "é" * 200,
    "2026-03-01", "9" * 5000, {"exposure_usd": {}}, [{"symbol": 1}], {"BTC-USD": None}, {"tier": []},
]  # fmt: skip


def nonsense(chooser, fixtures):
    """Return a cycle's metrics in which some fields hold something else."""
    record = fixtures.Bot(chooser.randrange(100), 0.0).payload("cycle_metrics", 1772323200.0)
    for _ in range(chooser.randrange(1, 6)):
        place = record
        while True:
            key = chooser.choice(list(place))
            if isinstance(place[key], dict) and place[key] and chooser.random() < 0.7:
                place = place[key]
            else:
                place[key] = copy.deepcopy(chooser.choice(NONSENSE))
                break
    return record


def write_nonsense(folder, chooser, fixtures):
    """Write rows, lines and a file whose records parse and whose fields mean nothing."""
    records = [nonsense(chooser, fixtures) for _ in range(4)]
    (folder / "metrics.json").write_text(json.dumps(records[0]))
    kinds = [chooser.choice([*fixtures.OFTEN, "metric", "", "x" * 300]) for _ in records]
    with (folder / "events.jsonl").open("w") as file:
        for kind, record in zip(kinds, records, strict=True):
            file.write(json.dumps({"type": kind, **record}) + chooser.choice(["\n", "\r\n", "\r", ""]))
    if chooser.random() < 0.5:
        connection = sqlite3.connect(folder / "events.db", isolation_level=None)
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(fixtures.SCHEMA)
        for kind, record in zip(kinds, records, strict=True):
            payload = chooser.choice([json.dumps({"metrics": record}), json.dumps(record), b"\xff", 3, "[]"])
            connection.execute(
                "INSERT OR IGNORE INTO events(id, timestamp, event_type, payload) VALUES (?, ?, ?, ?)",
                (chooser.choice([None, -7, 5, 2**60]), chooser.choice(["", "x", 5, "2026-03-01"]), kind, payload),
            )
        connection.close()


@pytest.mark.parametrize("part", range(40))
def test_ten_thousand_folders_that_nobody_should_have_written(good, tmp_path, part, capsys):
    """250 in each part: nothing raises or hangs, scrapes parse strictly, commands end with a code and its reason."""
    fixtures = load_fixtures()
    chooser = random.Random(20260301 + part)
    paths = ProfilePaths.of(tmp_path, "paper")
    paths.folder.mkdir(parents=True)
    slowest, told, codes = 0.0, set(), set()
    for number in range(250):
        for file in paths.folder.iterdir():
            file.unlink()
        if number % 3 == 0:
            write_nonsense(paths.folder, chooser, fixtures)
        else:
            for name in chooser.sample(sorted(good), chooser.randrange(1, len(good))):
                content = spoiled(good[name], chooser) if chooser.random() < 0.8 else good[name]
                (paths.folder / name).write_bytes(content)
        began = time.process_time()  # others may have the processor; what waits for ever meets the time-out of the test
        follow(paths, told, rendered=number % 5 == 0)
        skipped = Skipped()
        with contextlib.suppress(UnreadableError):
            sum(1 for _ in read_events(paths, skipped=skipped, since=1.0))
        with contextlib.suppress(UnreadableError):
            unfilled_orders(paths.orders_db, as_of=1772323300.0, skipped=skipped)
        words = REPLAY if number % 4 == 0 else [*REPORT, ("text", "json", "html")[number % 3]]
        codes.add(ended_rightly([*words, "--runtime-root", str(tmp_path)], capsys))
        slowest = max(slowest, time.process_time() - began)
    assert slowest < 5
    assert told
    assert codes == {0, 1}


def follow(paths, told, *, rendered):
    """Follow a folder as the exporter does, for two polls."""
    profile = Profile(paths, tell=lambda line: told.add(line.rsplit(":", 1)[-1]))
    for _ in range(2):
        profile.poll()
    view = View(lambda: [profile.published], prefix="p", several=False, clock=lambda: 1772323300.0)
    if rendered:
        parse(view.render(TEXT)[1].decode())
        parse(view.render(OPENMETRICS)[1].decode())
        json.dumps(view.document(), default=str)
    profile.close()


def test_fuzzed_cursor_files_are_never_trusted(tmp_path, good):
    """1,000 of them: told, not used, and the log is read from its beginning."""
    from gpt_trader_telemetry.exporter.cursor import save_cursor

    paths = ProfilePaths.of(tmp_path, "paper")
    paths.folder.mkdir(parents=True)
    paths.events_db.write_bytes(good["events.db"])
    first = Profile(paths)
    first.poll()
    cursor = tmp_path / "cursor.json"
    save_cursor(cursor, [first], began=1.0)
    content, chooser = cursor.read_bytes(), random.Random(5)
    for _ in range(1000):
        cursor.write_bytes(spoiled(content, chooser))
        profile = Profile(paths)
        told, _ = load_cursor(cursor, [profile])
        same = json.loads(json.dumps(profile.as_json())) == json.loads(json.dumps(first.as_json()))
        assert same or (told and not profile.state.position.marks)


def test_a_fuzzed_folder_ends_the_command_rightly(tmp_path, good):
    """The process itself: it serves, says what is wrong, and ends with 0."""
    chooser = random.Random(7)
    folder = tmp_path / "runtime_data" / "paper"
    folder.mkdir(parents=True)
    for name, content in good.items():
        (folder / name).write_bytes(spoiled(content, chooser))
    with exporting(tmp_path) as exporter:
        assert exporter.get("/metrics")[0] == 200
        assert exporter.get("/metrics.json")[0] == 200
        assert exporter.get("/health")[0] in {200, 503}
        assert exporter.stop() == 0
        assert not any("Traceback" in line for line in exporter.said)
