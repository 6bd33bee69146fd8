"""The share of the HTTP attempts of late that failed."""

import os
from time import perf_counter

from hypothesis import given
from hypothesis import strategies as st

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.integrations.error_rate import WINDOW, ErrorRate

ATTEMPTS = st.lists(st.tuples(st.floats(0, 2 * WINDOW), st.booleans()), max_size=50)


@given(ATTEMPTS)
def test_it_is_that_of_the_window_alone(attempts) -> None:
    """None, not zero, where nothing was asked in it."""
    rate = ErrorRate(clock=lambda: 2 * WINDOW)
    for attempt in attempts:
        rate.note(attempt)
    recent = [failed for began, failed in attempts if began >= WINDOW]
    assert rate.read() == (sum(recent) / len(recent) if recent else None)


def test_it_forgets_the_oldest_before_it_grows_without_bound() -> None:
    """A bot may ask a thousand times a second."""
    rate = ErrorRate(clock=lambda: 0.0)
    for failed in (True, False):
        for _ in range(100_000):
            rate.note((0.0, failed))
    assert rate.read() == 0


def test_a_forked_child_starts_from_nothing() -> None:
    """What its parent asked is not its own; what it asks itself is."""
    with Telemetry(Settings()) as telemetry:
        rate = ErrorRate.of(telemetry._pipeline.recorder)
        rate.note((perf_counter(), True))
        child = os.fork()
        if child == 0:
            before = rate.read()
            rate.note((perf_counter(), False))
            os._exit(0 if (before, rate.read()) == (None, 0.0) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert rate.read() == 1


def test_what_the_bot_says_of_it_stands_where_no_client_is_recorded() -> None:
    """It is read only where something was asked."""
    with Telemetry(Settings()) as telemetry:
        ErrorRate.of(telemetry._pipeline.recorder)
        telemetry.record_gauge("gpt_trader_api_error_rate", 0.5)
        assert "\ngpt_trader_api_error_rate 0.5\n" in telemetry.metrics_text()
