"""Exemplars: histograms lead to the spans in which their values were recorded."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from gpt_trader_telemetry import Settings, Telemetry
from support.receivers import http_receiver
from support.scraping import OPENMETRICS, TEXT

NAME = "gpt_trader_cycle_duration_seconds"


def exemplars_of(telemetry: Telemetry) -> dict:
    """Return the exemplar of each bucket that has one."""
    families = text_string_to_metric_families(telemetry.metrics_text(OPENMETRICS))
    return {
        sample.labels["le"]: sample.exemplar
        for family in families
        for sample in family.samples
        if sample.name == NAME + "_bucket" and sample.exemplar
    }


def record_in_spans(telemetry: Telemetry, provider: TracerProvider) -> dict[float, tuple[str, str]]:
    """Record values, each in a span of its own, and return the ids of each."""
    ids = {}
    for value in (0.002, 0.003, 0.3, 99.0):
        with provider.get_tracer("bot").start_as_current_span("cycle") as span:
            telemetry.record_histogram(NAME, value, {"result": "ok"})
            context = span.get_span_context()
            ids[value] = (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    return ids


def test_both_roads_carry_the_newest_exemplar_of_each_bucket() -> None:
    """OpenMetrics and OTLP name trace and span; the plain text format has no word for it and stays valid."""
    provider = TracerProvider(shutdown_on_exit=False)
    with (
        http_receiver() as received,
        Telemetry(Settings(otlp_endpoint=received.endpoint), tracer_provider=provider) as telemetry,
    ):
        ids = record_in_spans(telemetry, provider)
        found = exemplars_of(telemetry)
        assert {le: exemplar.value for le, exemplar in found.items()} == {"0.005": 0.003, "0.5": 0.3, "+Inf": 99.0}
        for exemplar in found.values():
            assert (exemplar.labels["trace_id"], exemplar.labels["span_id"]) == ids[exemplar.value]
            assert float(exemplar.timestamp) > 1e9
        assert " # {" not in telemetry.metrics_text(TEXT)
        assert telemetry.flush()
        (point,) = received.points(NAME).values()
        sent = {item.as_double: (item.trace_id.hex(), item.span_id.hex()) for item in point.exemplars}
        assert sent == {value: ids[value] for value in (0.003, 0.3, 99.0)}


@pytest.mark.parametrize(
    ("settings", "provider", "count"),
    [
        ({}, None, 0),
        ({"exemplar_filter": "always_off"}, TracerProvider(shutdown_on_exit=False), 0),
        ({}, TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False), 0),
        ({}, TracerProvider(shutdown_on_exit=False), 3),
        ({"exemplar_filter": "always_on"}, TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False), 3),
    ],
)
def test_the_filter_is_obeyed(settings, provider, count) -> None:
    """Without a tracer provider, or in a span that is not sampled, there are none unless they are always on."""
    with Telemetry(Settings(**settings), tracer_provider=provider) as telemetry:
        record_in_spans(telemetry, provider or TracerProvider(shutdown_on_exit=False))
        assert len(exemplars_of(telemetry)) == count


def test_outside_a_span_always_on_has_no_ids() -> None:
    """A value without a span is an exemplar without ids, on both roads."""
    with http_receiver() as received:
        settings = Settings(otlp_endpoint=received.endpoint, exemplar_filter="always_on")
        with Telemetry(settings, tracer_provider=TracerProvider(shutdown_on_exit=False)) as telemetry:
            telemetry.record_histogram(NAME, 0.3, {"result": "ok"})
            assert exemplars_of(telemetry)["0.5"].labels == {}
            assert telemetry.flush()
        (point,) = received.points(NAME).values()
        assert [item.trace_id for item in point.exemplars] == [b""]


def test_without_tracing_recording_is_a_bare_append(telemetry) -> None:
    """What is not traced pays nothing for exemplars: the hot path holds the list's own method."""
    call = telemetry.broker_call("cancel")(lambda: None)
    site = call.__gpt_trader_site__
    assert site.succeeded.__name__ == "append"
    assert type(site.succeeded).__name__ == "builtin_function_or_method"


def test_every_place_that_records_into_a_series_leaves_exemplars() -> None:
    """A place that comes later takes nothing away from the first."""
    provider = TracerProvider(shutdown_on_exit=False)
    tracer = provider.get_tracer("bot")
    with Telemetry(Settings(), tracer_provider=provider) as telemetry:
        first = telemetry.cycle()(lambda: None)
        telemetry.cycle()(lambda: None)
        with telemetry.cycle():
            pass
        with tracer.start_as_current_span("first") as span:
            first()
        (exemplar,) = exemplars_of(telemetry).values()
        assert exemplar.labels["trace_id"] == f"{span.get_span_context().trace_id:032x}"


def test_a_rare_slow_value_is_not_pushed_out_by_many_quick_ones() -> None:
    """One exemplar a bucket, however many values come between two folds."""
    provider = TracerProvider(shutdown_on_exit=False)
    with (
        Telemetry(Settings(), tracer_provider=provider) as telemetry,
        provider.get_tracer("bot").start_as_current_span("cycle"),
    ):
        telemetry.record_histogram(NAME, 99.0, {"result": "ok"})
        for _ in range(500):
            telemetry.record_histogram(NAME, 0.002, {"result": "ok"})
        assert {le: one.value for le, one in exemplars_of(telemetry).items()} == {"0.005": 0.002, "+Inf": 99.0}


def test_a_forked_child_has_no_exemplar_of_its_parents() -> None:
    """What waited at the fork is the parent's."""
    provider = TracerProvider(shutdown_on_exit=False)
    with Telemetry(Settings(), tracer_provider=provider) as telemetry:
        telemetry._pipeline._ticker.stop()
        with provider.get_tracer("bot").start_as_current_span("cycle"):
            telemetry.record_histogram(NAME, 0.3, {"result": "ok"})
        telemetry._pipeline.recorder.reset_after_fork()
        telemetry.record_histogram(NAME, 0.002, {"result": "ok"})
        assert exemplars_of(telemetry) == {}


@pytest.mark.parametrize("histogram", ["explicit_bucket_histogram", "base2_exponential_bucket_histogram"])
def test_a_delta_carries_the_exemplars_of_its_own_values(histogram: str) -> None:
    """Those of earlier values went with them."""
    provider = TracerProvider(shutdown_on_exit=False)
    with http_receiver() as received:
        settings = Settings(otlp_endpoint=received.endpoint, otlp_temporality="delta", otlp_histogram=histogram)
        with (
            Telemetry(settings, tracer_provider=provider) as telemetry,
            provider.get_tracer("bot").start_as_current_span("cycle"),
        ):
            sent = []
            for value in (0.3, 0.001):
                telemetry.record_histogram(NAME, value, {"result": "ok"})
                assert telemetry.flush()
                (point,) = received.points(NAME).values()
                sent.append([item.as_double for item in point.exemplars])
            assert sent == [[0.3], [0.001]]
