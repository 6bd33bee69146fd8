"""What the log says of a fault: where it came from, and nothing that the bot or its broker said."""

import io
import logging
from collections.abc import Iterator

import pytest

from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.recording.recorder import Faults

CANARY = "CANARY-4f1d"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What a plain handler of the bot's writes."""
    written, logger = io.StringIO(), logging.getLogger("gpt_trader_telemetry")
    handler = logging.StreamHandler(written)
    logger.addHandler(handler)
    yield written
    logger.removeHandler(handler)


class Unspeakable(Exception):
    """A fault with a text, as those of clients have."""


def test_what_a_fault_and_those_behind_it_say_is_in_no_log(telemetry, log, caplog) -> None:
    """Nor its notes, its cause or what was being handled; its type and its lines are."""

    @telemetry.broker_call("place", classify=lambda _value: classify())
    def place() -> int:
        return 1

    def classify() -> None:
        fault = Unspeakable(f"https://example.test/?signature={CANARY}")
        fault.add_note(CANARY)
        raise fault from ValueError(CANARY)

    try:
        raise ConnectionError(CANARY)
    except ConnectionError:
        place()
    assert "a classifier raised" in log.getvalue()
    assert f"{__name__}.Unspeakable" in log.getvalue()
    assert f'{__file__}", line ' in log.getvalue()
    assert "raise fault from" in log.getvalue()
    assert CANARY not in log.getvalue()
    for record in caplog.records:
        assert record.exc_info is None
        assert CANARY not in repr(vars(record))


def test_a_fault_of_this_package_says_what_it_says(log) -> None:
    """Its messages are written to be read."""
    Faults().note("recording", "no metric was made", UsageError("a name was expected"))
    assert log.getvalue().endswith("gpt_trader_telemetry.errors.UsageError: a name was expected\n")
