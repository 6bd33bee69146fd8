"""Fixtures of the health tests."""

from collections.abc import Iterator

import pytest
from health_bench import Bench, our_threads

from gpt_trader_telemetry.health import Health
from support.timing import eventually


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A Health under a simulated clock."""
    made = Bench()
    yield made
    made.health.stop()


@pytest.fixture
def health() -> Iterator[Health]:
    """A Health that runs in real time."""
    made = Health()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Leave no thread behind: what was stopped has ended."""
    before = set(our_threads())
    yield
    eventually(lambda: not set(our_threads()) - before, patience=5.0)
