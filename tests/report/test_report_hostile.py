"""Files that a hostile or careless user leaves hold no command up; each ends by its documented code, with a reason."""

import os
import subprocess
import sys

import pytest

from support.runtime_bots import END

pytestmark = pytest.mark.skipif(os.name != "posix", reason="has FIFOs and links")
ASKED = ("--date", "2026-02-28", "--now", END + 3600)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", ["events.jsonl", "metrics.json", "orders.db"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_holds_no_command_up(bot, report, command, name, make):
    """The database beside it is reported on and replayed."""
    bot.database(("fill", END - 5, {"symbol": "A", "pnl": "1"}), ("cycle_metrics", END - 4, {"equity": "5"}))
    make(bot.paths.folder / name)
    assert report()["trades"]["total"] == 1
    assert command("replay", "--runtime-root", bot.root)[0] == 0


@pytest.mark.timeout(30)
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_a_log_that_is_no_file_is_said_to_be_none(bot, command, make):
    """Code 1, as where there is none; it is not called absent."""
    for name in ("events.db", "events.jsonl"):
        make(bot.paths.folder / name)
        code, out, err = command("report", "daily", "--runtime-root", bot.root, *ASKED, "--no-save")
        assert (code, out) == (1, "")
        assert "no regular file" in err


@pytest.mark.parametrize("how", ["full", "closed"])
def test_output_that_goes_nowhere_is_no_success(bot, how):
    """Code 2 and the reason, where cron would take 0 for a report and 1 for a day without data."""
    bot.database(("fill", END - 5, {"symbol": "A", "pnl": "1"}))
    words = [
        sys.executable, "-m", "gpt_trader_telemetry.cli", "report", "daily", "--runtime-root", str(bot.root),
        *map(str, ASKED), "--no-save",
    ]  # fmt: skip
    with open("/dev/full", "w") as full:
        told = subprocess.run(
            words if how == "full" else ["sh", "-c", 'exec "$@" >&-', "sh", *words],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert told.returncode == 2
    assert told.stderr.splitlines()[-1].startswith("cannot report: standard output")
    assert "Traceback" not in told.stderr


def test_a_full_disk_leaves_the_report_before_as_it_was(bot, command, monkeypatch):
    """Code 2, the reason, and no half file beside it."""
    bot.database(("fill", END - 5, {"symbol": "A", "pnl": "1"}))
    asked = ("report", "daily", "--runtime-root", bot.root, *ASKED)
    assert command(*asked)[0] == 0
    before = {path: path.read_bytes() for path in bot.paths.reports.iterdir()}

    def full(_file):
        raise OSError(28, "No space left on device", "daily_report")

    monkeypatch.setattr("gpt_trader_telemetry.report.save.os.fsync", full)
    code, _, err = command(*asked)
    assert code == 2
    assert "No space left on device" in err
    assert {path: path.read_bytes() for path in bot.paths.reports.iterdir()} == before


@pytest.mark.parametrize("now", ["9999-12-31T23:59:59", "2026", "soon", "0"])
def test_a_time_that_cannot_be_meant_is_wrong_use(bot, command, now):
    """Rather than another time."""
    assert command("report", "daily", "--runtime-root", bot.root, "--now", now)[0] == 2
