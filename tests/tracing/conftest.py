"""Fixtures of the traces' tests."""

from collections.abc import Iterator

import pytest
from opentelemetry.context import get_current

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.testing.spans import SpanStore


@pytest.fixture
def store() -> SpanStore:
    """Where the spans of the test end up."""
    return SpanStore()


@pytest.fixture
def traced(store: SpanStore) -> Iterator[Telemetry]:
    """A Telemetry whose runs have spans."""
    with Telemetry(Settings(), tracer_provider=store.provider) as made:
        yield made


@pytest.fixture(autouse=True)
def context_is_left_as_it_was() -> Iterator[None]:
    """No run leaves OpenTelemetry's context other than it found it."""
    before = get_current()
    yield
    assert get_current() == before
