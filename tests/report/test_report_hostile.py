"""Files that a hostile or careless user leaves hold no command up; each ends by its documented code, with a reason."""

import os
import subprocess
import sys

import pytest

from support.denying import small_disk, without_rights
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


def test_a_full_disk_leaves_the_report_before_as_it_was(bot, command, tmp_path):
    """A real one. Code 2, which file and why, and no half file beside it."""
    pnls = [{"symbol": f"S{number}-USD", "pnl": "1"} for number in range(300)]
    bot.database(*(("fill", END - 5, fields) for fields in pnls))
    with small_disk(tmp_path / "disk", 32 << 10) as is_there:
        if not is_there:
            pytest.skip("no disk of its own can be mounted here")
        folder = tmp_path / "disk"
        (folder / "daily_report_2026-02-28.json").write_text("before")
        asked = ("report", "daily", "--runtime-root", bot.root, *ASKED, "--output-dir", folder)
        code, _, err = command(*asked, "--report-format", "html")
        assert code == 2
        assert err.startswith(f"cannot report: {folder}/daily_report_2026-02-28."), err
        assert "No space left on device; --output-dir says where to save it" in err
        assert not [path for path in folder.iterdir() if path.name.startswith(".")]
        assert (folder / "daily_report_2026-02-28.json").read_text() == "before"


@pytest.mark.skipif(without_rights() is None, reason="file modes hold for nobody here")
@pytest.mark.parametrize(
    ("name", "mode", "code", "said"),
    [
        ("events.db", 0, 1, "no data: the event log cannot be read: {path}: denied"),
        ("reports", 0o555, 2, "cannot report: {path}/"),
        ("orders.db", 0, 0, "note: The orders cannot be read: {path}: denied"),
    ],
)
def test_what_may_not_be_read_or_written_is_named(bot, name, mode, code, said):
    """By the command as an ordinary user runs it: a code, the file, and no traceback."""
    bot.database(("fill", END - 5, {"symbol": "A", "pnl": "1"}))
    bot.orders(("open", "2026-02-28T12:00:00"))
    path = bot.paths.folder / name
    path.mkdir(exist_ok=True) if name == "reports" else None
    path.chmod(mode)
    words = [
        *(without_rights() or []), sys.executable, "-m", "gpt_trader_telemetry.cli", "report", "daily",
        "--runtime-root", str(bot.root), *map(str, ASKED), "--report-format", "json",
    ]  # fmt: skip
    told = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    path.chmod(0o700)
    assert told.returncode == code, told.stderr
    assert said.format(path=path) in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("now", ["9999-12-31T23:59:59", "2026", "soon", "0"])
def test_a_time_that_cannot_be_meant_is_wrong_use(bot, command, now):
    """Rather than another time."""
    assert command("report", "daily", "--runtime-root", bot.root, "--now", now)[0] == 2
