"""The plugin's own fixture, which the tests of the project else have another of the same name for."""

from collections.abc import Callable

import pytest

from gpt_trader_telemetry.pytest_plugin import telemetry, telemetry_settings

__all__ = ["run_pytest", "telemetry", "telemetry_settings"]


@pytest.fixture
def run_pytest(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Run pytest in a directory of its own, with the plugin as users have it; returns what it said."""

    def run(source: str | None = None, *options: str) -> pytest.RunResult:
        if source is not None:
            pytester.makepyfile(source)
        # Another package's plugin, for clusters, does not load without what it needs.
        return pytester.runpytest_inprocess("-W", "error", "-p", "no:cacheprovider", "-p", "no:cloudcoil", *options)

    return run
