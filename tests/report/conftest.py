"""Bots that left something on disk."""

import json

import pytest

from gpt_trader_telemetry.cli.main import main
from support.runtime_bots import END, Bot


@pytest.fixture
def bot(tmp_path):
    """A profile without files yet."""
    return Bot(tmp_path)


@pytest.fixture
def command(capsys):
    """Run the command line: (code, standard output, standard error)."""

    def command(*words):
        capsys.readouterr()
        try:
            code = main([*map(str, words)])
        except SystemExit as error:
            code = error.code
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


@pytest.fixture
def report(bot, command):
    """Make the report of the last of February, or of what is asked for: the object."""

    def report(*words):
        given = words or ("--date", "2026-02-28")
        asked = ("report", "daily", "--runtime-root", bot.root, *given, "--report-format", "json", "--no-save")
        code, out, err = command(*asked, *(() if "--now" in given else ("--now", END + 3600)))
        assert code == 0, err
        return json.loads(out)

    return report


@pytest.fixture
def daily_text(bot, command):
    """Make the report of the last of February: its text."""

    def daily_text(*words):
        asked = (
            "report",
            "daily",
            "--runtime-root",
            bot.root,
            "--date",
            "2026-02-28",
            "--now",
            END + 3600,
            "--no-save",
        )
        code, out, err = command(*asked, *words)
        assert code == 0, err
        return out

    return daily_text
