"""How a command that reads what a bot left ends, and with which code."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Final

from gpt_trader_telemetry.cli.output import say
from gpt_trader_telemetry.errors import ConfigurationError, UsageError
from gpt_trader_telemetry.runtime_data.database import UnreadableError, where_to_look
from gpt_trader_telemetry.runtime_data.events import NoDataError

_RARELY: Final = (100_000, 50, 50)


class Exit(IntEnum):
    """How the command ends."""

    DONE = 0
    NO_DATA = 1
    """No log can be read, or it has nothing of that time; nothing is written."""
    USAGE = 2
    """Asked wrongly: arguments, thresholds, or a folder that cannot be written."""


def run_to_end(work: Callable[[], object], verb: str) -> Exit:
    """Do the work; say why where it could not be done, and return the code."""
    try:
        with few_collections():
            work()
    except (UsageError, ConfigurationError) as error:
        say(f"cannot {verb}: {error}")
        return Exit.USAGE
    except NoDataError as error:
        say(f"no data: {error}")
        return Exit.NO_DATA
    except UnreadableError as error:
        say(f"no data: the event log cannot be read: {error}{where_to_look(error)}")
        return Exit.NO_DATA
    return Exit.DONE


@contextmanager
def few_collections() -> Iterator[None]:
    """Look for cycles of objects rarely: events have none, and there are millions of them."""
    before = gc.get_threshold()
    gc.set_threshold(*_RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
