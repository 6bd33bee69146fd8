"""Fixtures that all tests share."""

import os
import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.recording.current import DEFAULT

# Runs pytest in tests, for the plugin.
pytest_plugins = ["pytester"]

# Doctests are looked for in modules; these are not tests, and several have one name.
collect_ignore_glob = ["*/conftest.py", "support/*", "typing/*"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have processes that share the suite know each test by one name, and begin with those that take longest."""
    for item in items:
        if re.search(r"0x[0-9a-f]{6,}", item.nodeid):
            raise pytest.UsageError(f"{item.nodeid}: give it ids= that are the same in every process")
    items.sort(key=lambda item: item.get_closest_marker("soak") is None)


settings.register_profile(
    "ci", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
settings.load_profile("ci")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in list(os.environ):
        if name.startswith(("OTEL_", "GPT_TRADER_")):
            monkeypatch.delenv(name)


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    """A Telemetry of the test's own, with neither server nor exporter."""
    with Telemetry(Settings()) as made:
        yield made


@pytest.fixture(autouse=True)
def empty_default() -> Iterator[None]:
    """Leave no process default behind."""
    yield
    assert DEFAULT.recorder is None, "a test left a process default behind"
