"""Fixtures of the signals' tests."""

import sys

import pytest

from support.timing import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that runs are timed by and windows are kept by, under the test's hand."""
    made = Clock()
    for name, module in list(sys.modules.items()):
        if name.startswith("gpt_trader_telemetry.instrument.") and hasattr(module, "perf_counter"):
            monkeypatch.setattr(module, "perf_counter", made)
    return made
