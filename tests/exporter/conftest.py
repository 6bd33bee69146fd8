"""A bot's files, and a profile that follows them."""

import pytest

from support.following import Follower
from support.runtime import BotFiles


@pytest.fixture
def bot(tmp_path):
    files = BotFiles(tmp_path)
    yield files
    files.close()


@pytest.fixture
def follower(bot):
    made = Follower(bot)
    yield made
    made.profile.close()
