"""Every kind of callable and every script of operations again, with spans: nothing comes out otherwise."""

from collections.abc import Iterator

import pytest
from opentelemetry.context import attach, get_current
from test_every_kind import (
    test_an_exception_leaves_no_circle_of_references,
    test_being_stopped_is_cancelled_and_no_trip,
    test_decorators_stack_on_every_kind,
    test_result_and_exception_are_the_bare_callables_own,
)
from test_generator_transcripts import (
    decorators_of,
    refusing,
    test_asynchronous_generators_do_what_bare_ones_do,
    test_generators_do_what_bare_ones_do,
)

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.testing.spans import SpanStore

__all__ = [
    "refusing",
    "test_an_exception_leaves_no_circle_of_references",
    "test_asynchronous_generators_do_what_bare_ones_do",
    "test_being_stopped_is_cancelled_and_no_trip",
    "test_decorators_stack_on_every_kind",
    "test_generators_do_what_bare_ones_do",
    "test_result_and_exception_are_the_bare_callables_own",
]


@pytest.fixture(autouse=True)
def afterwards_as_before() -> Iterator[None]:
    """Scripts that drive a generator by hand leave some suspended where they pause, inside of a run."""
    before = get_current()
    yield
    attach(before)


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    """A Telemetry whose runs have spans, and which leaves OpenTelemetry's context as it was."""
    before = get_current()
    with Telemetry(Settings(), tracer_provider=SpanStore().provider) as made:
        yield made
    assert get_current() == before


@pytest.fixture(scope="module")
def decorators() -> Iterator[dict]:
    """Decorators of each shape, one Telemetry for all examples."""
    with Telemetry(Settings(), tracer_provider=SpanStore().provider) as traced:
        yield from decorators_of(traced)
