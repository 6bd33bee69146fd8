"""Fixtures of the instruments' tests."""

import sys

import pytest
from instrumented import Clock

from gpt_trader_telemetry.instrument.innermost import set_innermost


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that runs are timed by, under the test's hand."""
    made = Clock()
    for name, module in list(sys.modules.items()):
        if name.startswith("gpt_trader_telemetry.instrument.") and hasattr(module, "perf_counter"):
            monkeypatch.setattr(module, "perf_counter", made)
    return made


@pytest.fixture(autouse=True)
def outside_of_everything() -> None:
    """Begin outside of every run: some tests leave one suspended, which ends when its garbage is collected."""
    set_innermost(None)
