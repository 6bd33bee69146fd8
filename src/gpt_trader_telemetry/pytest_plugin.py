"""The pytest plugin: the ``telemetry`` fixture, and failures that show what was recorded.

pytest loads it in every run where this package is installed, so it loads nothing itself before it is used.
"""

# ruff: noqa: PLC0415 - see above

import sys
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gpt_trader_telemetry.settings import Settings
    from gpt_trader_telemetry.testing import Recording

_KIT = "gpt_trader_telemetry.testing"


@pytest.fixture
def telemetry_settings() -> "Settings | None":
    """Override this to give the ``telemetry`` fixture thresholds and limits; None has the defaults."""
    return None


@pytest.fixture
def telemetry(telemetry_settings: "Settings | None") -> Generator["Recording"]:
    """Everything that the test records through gpt_trader_telemetry, on a clock that the test moves."""
    from gpt_trader_telemetry.testing import FaultsError, recorded

    try:
        with recorded(telemetry_settings) as recording:
            yield recording
    except FaultsError as error:
        pytest.fail(str(error), pytrace=False)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Show what was recorded beside a value that is not what it should be."""
    kit: Any = sys.modules.get(_KIT)
    if kit is None or not (isinstance(left, kit.Value) or isinstance(right, kit.Value)):
        return None
    values = [side for side in (left, right) if isinstance(side, kit.Value)]
    # The number alone: the lines below say the rest.
    texts = [str(side) if isinstance(side, kit.Value) else repr(side) for side in (left, right)]
    return [f"{texts[0]} {op} {texts[1]}", *(line for value in values for line in value.explanation())]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any]:
    """Add what was recorded to the report of a test that failed."""
    outcome = yield
    report = outcome.get_result()
    kit: Any = sys.modules.get(_KIT)
    if kit is None or report.when != "call" or not report.failed:
        return
    for argument in getattr(item, "funcargs", {}).values():
        if isinstance(argument, kit.Recording):
            report.sections.append(("Recorded telemetry", argument.summary()))
