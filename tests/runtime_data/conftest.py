"""A bot's files, and their paths."""

import pytest

from gpt_trader_telemetry.runtime_data.paths import ProfilePaths
from gpt_trader_telemetry.runtime_data.skipped import Skipped
from support.runtime import BotFiles


@pytest.fixture
def bot(tmp_path):
    """A bot that has written nothing yet."""
    files = BotFiles(tmp_path)
    yield files
    files.close()


@pytest.fixture
def paths(bot):
    return ProfilePaths.of(bot.root, bot.profile)


@pytest.fixture
def skipped():
    return Skipped()
