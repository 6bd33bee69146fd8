"""The instruments at the size that they are promised for."""

import pytest

from instrument.storms import cardinality_storm, trading_storm

pytestmark = pytest.mark.soak


def test_eight_threads_of_a_hundred_thousand_calls_each_are_counted_exactly(telemetry) -> None:
    """While two scrapers scrape without pause, in either format."""
    trading_storm(telemetry, threads=8, calls=100_000)


def test_a_million_values_of_a_free_label_leave_memory_bounded(telemetry, caplog) -> None:
    """2,000 series and one for the rest: under 8 MB, one warning, no count lost."""
    assert cardinality_storm(telemetry, caplog, values=1_000_000) < 8_000_000
