"""Spans over OTLP: turned on by settings, told honestly, bounded at the end; exemplars lead to them."""

import os
import subprocess
import sys
import time

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import gpt_trader_telemetry
from gpt_trader_telemetry import ConfigurationError, Delivery, Settings, Telemetry
from support.receivers import RECEIVERS, black_hole, free_port, http_receiver
from support.scraping import OPENMETRICS, scrape

FAILURES = "gpt_trader_telemetry_export_failures_total"


def tick(telemetry: Telemetry) -> None:
    with telemetry.cycle():
        telemetry.broker_call("submit")(lambda: None)()


@pytest.mark.parametrize("protocol", RECEIVERS)
def test_spans_and_metrics_arrive_together(protocol) -> None:
    """Over both protocols, from one resource, each with headers of its own, flushed by one call."""
    with RECEIVERS[protocol]() as received:
        path = "" if protocol == "grpc" else "/v1/traces"
        settings = Settings(
            otlp_endpoint=received.endpoint,
            otlp_traces_endpoint=received.endpoint + path,
            otlp_protocol=protocol,
            otlp_headers={"x-for": "metrics"},
            otlp_traces_headers={"X-For": "traces"},
        )
        with Telemetry(settings) as telemetry:
            tick(telemetry)
            assert telemetry.flush()
            cycle, call = sorted(received.spans(), key=lambda span: span.start_time_unix_nano)
            assert (cycle.name, call.name, call.kind) == ("cycle", "broker_call submit", 3)
            assert call.parent_span_id == cycle.span_id
            assert [headers["x-for"] for headers in (received.headers[0], received.trace_headers[0])] == [
                "metrics", "traces",
            ]  # fmt: skip
            resource = {
                item.key: item.value.string_value for item in received.traces[0].resource_spans[0].resource.attributes
            }
            assert resource == received.resources()[0]


def test_no_secret_leaves_the_process(caplog) -> None:
    """Arguments, returned values, messages, notes and causes of exceptions: searched for in all that was sent."""
    secret = "canary-7f3a9c"

    class Refused(Exception):
        def __init__(self, **payload: str) -> None:
            super().__init__(payload)
            self.category = self.recoverable = self.code = secret

    with http_receiver() as received:
        settings = Settings(
            otlp_endpoint=received.endpoint,
            otlp_traces_endpoint=received.endpoint + "/v1/traces",
            otlp_headers={"authorization": "token"},
        )
        with Telemetry(settings) as telemetry:

            @telemetry.cycle()
            @telemetry.guard("g")
            @telemetry.order_submission(side="side", classify=lambda answer: answer["error"])
            @telemetry.broker_call("submit")
            def submit(side: str, key: str, *, fails: bool) -> dict[str, str]:
                if not fails:
                    return {"error": secret, "key": key}
                error = Refused(api_key=key)
                error.add_note(secret)
                raise error from ValueError(secret)

            submit("buy", secret, fails=False)
            with pytest.raises(Refused):
                submit(secret, key=secret, fails=True)
            assert telemetry.flush()
            sent = b"".join(request.SerializeToString() for request in [*received.requests, *received.traces])
            assert len(received.spans()) == 8
            assert secret.encode() not in sent
            assert secret not in telemetry.metrics_text(OPENMETRICS) + caplog.text


def test_exemplars_lead_to_the_span_of_the_run_itself() -> None:
    """In OpenMetrics and over OTLP, of every histogram, a failed run's and an awaited one's too."""

    async def waits() -> None:
        raise TimeoutError

    with http_receiver() as received:
        settings = Settings(otlp_endpoint=received.endpoint, otlp_traces_endpoint=received.endpoint + "/v1/traces")
        with Telemetry(settings) as telemetry:
            with telemetry.phase("p"), telemetry.order_submission(side="buy"):
                tick(telemetry)
            with pytest.raises(TimeoutError):
                telemetry.broker_call("late")(lambda: waits())().send(None)  # noqa: PLW0108
            assert telemetry.flush()
            ids = {span.name: (span.trace_id.hex(), span.span_id.hex()) for span in received.spans()}
            expected = {
                "gpt_trader_cycle_duration_seconds": {ids["cycle"]},
                "gpt_trader_profile_duration_seconds": {ids["phase p"]},
                "gpt_trader_order_submission_latency_seconds": {ids["order_submission"]},
                "gpt_trader_broker_call_latency_seconds": {ids["broker_call submit"], ids["broker_call late"]},
            }
            scraped = {
                family.name: {
                    (sample.exemplar.labels["trace_id"], sample.exemplar.labels["span_id"])
                    for sample in family.samples if sample.exemplar
                }
                for family in text_string_to_metric_families(telemetry.metrics_text(OPENMETRICS))
                if family.name in expected
            }  # fmt: skip
            assert scraped == expected
            sent = {
                name: {
                    (item.trace_id.hex(), item.span_id.hex())
                    for point in received.points(name).values() for item in point.exemplars
                }
                for name in expected
            }  # fmt: skip
            assert sent == expected


def test_exemplars_of_a_meter_provider_of_the_callers_lead_there_too(store) -> None:
    """OpenTelemetry takes them from the current span, which is that of the run."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    with Telemetry(Settings(), meter_provider=MeterProvider([reader]), tracer_provider=store.provider) as telemetry:
        tick(telemetry)
        (resource,) = reader.get_metrics_data().resource_metrics
        found = {
            metric.name: f"{item.span_id:016x}"
            for metric in resource.scope_metrics[0].metrics
            for point in metric.data.data_points for item in getattr(point, "exemplars", ()) if item.span_id
        }  # fmt: skip
    spans = store.read()
    assert found["gpt_trader_cycle_duration_seconds"] == spans.one("cycle").span_id
    assert found["gpt_trader_broker_call_latency_seconds"] == spans.one("broker_call submit").span_id


def traced_by(endpoint: str, **changes) -> Settings:
    return Settings(otlp_traces_endpoint=endpoint + "/v1/traces", otlp_timeout=0.3, **changes)


def test_what_is_refused_failed(caplog) -> None:
    """Spans are not sent twice: a flush says so once, counts it, and the next one is about what came since."""
    with http_receiver() as received, Telemetry(traced_by(received.endpoint)) as telemetry:
        received.refusing = True
        tick(telemetry)
        assert telemetry.flush() is Delivery.FAILED
        assert scrape(telemetry).value(FAILURES, road="otlp") == 1
        assert scrape(telemetry).value("gpt_trader_telemetry_errors_total", component="pipeline") == 1
        received.refusing = False
        assert telemetry.flush()
        received.rejecting = (1, "too old")
        tick(telemetry)
        assert telemetry.flush() is Delivery.FAILED
        received.rejecting = (0, "")
        tick(telemetry)
        assert telemetry.flush()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert "an export of spans over OTLP was refused: HTTP status 400" in told[0]
    assert "was rejected in part: 1 spans were rejected: too old" in told[1]


def test_the_end_is_bounded_where_nobody_answers(caplog) -> None:
    """A receiver that hangs, and none at all: the bot ends in time and is told."""
    with black_hole() as endpoint:
        settings = Settings(otlp_traces_endpoint=endpoint + "/v1/traces", otlp_timeout=30)
        telemetry = Telemetry(settings)
        tick(telemetry)
        began = time.monotonic()
        assert telemetry.shutdown(timeout=0.6) is Delivery.TIMED_OUT
        assert time.monotonic() - began < 3
    with Telemetry(traced_by(f"http://127.0.0.1:{free_port()}")) as telemetry:
        tick(telemetry)
        assert telemetry.flush(5) is Delivery.FAILED
    assert any("export of spans over OTLP was not answered" in record.getMessage() for record in caplog.records)


def test_an_exporter_that_hangs_holds_no_call_up(store) -> None:
    """Spans wait for it in a queue of bounded length; a second flush starts no second thread."""
    import threading

    with black_hole() as endpoint:
        telemetry = Telemetry(Settings(otlp_traces_endpoint=endpoint + "/v1/traces", otlp_timeout=30))
        tick(telemetry)
        assert telemetry.flush(0.1) is Delivery.TIMED_OUT
        threads = threading.active_count()
        began = time.monotonic()
        for _ in range(200):
            tick(telemetry)
        assert telemetry.flush(0.1) is Delivery.TIMED_OUT
        assert time.monotonic() - began < 5
        assert threading.active_count() <= threads
        telemetry.shutdown(0.1)


_ENDING = """
import sys
from gpt_trader_telemetry import Settings, configure, cycle

configure(settings=Settings(otlp_traces_endpoint=sys.argv[1], otlp_endpoint=sys.argv[2]))
with cycle():
    pass
"""


def test_a_bot_that_just_ends_delivers_its_spans() -> None:
    """No shutdown is needed; and Python from 3.12 on starts no thread any more by then."""
    with http_receiver() as received:
        script = [sys.executable, "-W", "error", "-c", _ENDING, received.endpoint + "/v1/traces", received.endpoint]
        subprocess.run(script, check=True, timeout=30)
        assert [span.name for span in received.spans()] == ["cycle"]
        assert received.points("gpt_trader_cycle_duration_seconds")


_FORKING = """
import os, sys
from gpt_trader_telemetry import Settings, Telemetry

with Telemetry(Settings(otlp_traces_endpoint=sys.argv[1])) as telemetry:
    with telemetry.cycle():
        telemetry.broker_call("submit")(lambda: None)()
    child = os.fork()
    if child == 0:
        with telemetry.phase("child"):
            pass
        os._exit(0 if telemetry.flush(5) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert telemetry.flush()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_spans_of_its_own() -> None:
    """By another instance, none of the parent's sent twice, over a connection of its own."""
    with http_receiver() as received:
        script = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", _FORKING]
        subprocess.run([*script, received.endpoint + "/v1/traces"], check=True, timeout=30)
        instances: dict[str, set[str]] = {}
        for request in received.traces:
            for resource in request.resource_spans:
                attributes = {item.key: item.value.string_value for item in resource.resource.attributes}
                names = [span.name for scope in resource.scope_spans for span in scope.spans]
                instances.setdefault(attributes["service.instance.id"], set()).update(names)
        assert sorted(map(sorted, instances.values())) == [["broker_call submit", "cycle"], ["phase child"]]
        assert len(received.spans()) == 3


def test_a_given_provider_is_flushed_and_not_shut_down(store) -> None:
    """Its owner goes on with it."""
    flushed = []
    store.provider.force_flush = lambda milliseconds: flushed.append(milliseconds) or True
    telemetry = Telemetry(Settings(), tracer_provider=store.provider)
    assert telemetry.flush(1.0)
    assert telemetry.shutdown(1.0)
    assert len(flushed) == 2
    assert all(400 < milliseconds <= 500 for milliseconds in flushed)
    with store.provider.get_tracer("owner").start_as_current_span("after"):
        pass
    assert store.read().one("after")
    store.provider.force_flush = lambda _milliseconds: False
    with Telemetry(Settings(), tracer_provider=store.provider) as telemetry:
        assert telemetry.flush(1.0) is Delivery.FAILED


def test_the_global_provider_of_the_time_is_used(monkeypatch, store) -> None:
    """Also where the settings name an endpoint: its owner exports, and nothing is sent twice."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", store.provider)
    with Telemetry(Settings(otlp_traces_endpoint="http://127.0.0.1:1/v1/traces")) as telemetry:
        assert telemetry.tracer_provider is store.provider
        tick(telemetry)
    assert [span.name for span in store.read()] == ["cycle", "broker_call submit"]


def test_our_own_provider_becomes_the_global_one_where_asked(monkeypatch) -> None:
    """What HTTP clients' instrumentation opens is then exported with the rest."""
    given: list[object] = []
    monkeypatch.setattr(trace, "set_tracer_provider", given.append)
    monkeypatch.setattr("opentelemetry.metrics.set_meter_provider", lambda _provider: None)
    with http_receiver() as received:
        with gpt_trader_telemetry.configure(settings=traced_by(received.endpoint), set_global=True) as telemetry:
            assert given == [telemetry.tracer_provider]
            assert isinstance(telemetry.tracer_provider, TracerProvider)
        with gpt_trader_telemetry.configure(settings=Settings(), set_global=True):
            assert len(given) == 1


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/", "OTEL_TRACES_EXPORTER": "otlp"}, "http://c:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t:1/x"}, "http://t:1/x"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t:1/x", "OTEL_TRACES_EXPORTER": "none"}, None),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t:1/x", "OTEL_TRACES_EXPORTER": "console"}, None),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "http://localhost:4318/v1/traces"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http://localhost:4317"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:1", "OTEL_METRICS_EXPORTER": "none"},
         "http://c:1/v1/traces"),
    ],
)  # fmt: skip
def test_variables_turn_traces_on(variables, expected) -> None:
    """The general endpoint alone does not: a bot that sends metrics goes on sending metrics."""
    settings = Settings.from_env(variables)
    assert settings.otlp_traces_endpoint == expected
    assert settings.exports_traces == (expected is not None)


def test_variables_of_one_signal_are_not_anothers() -> None:
    """A token for the metrics' receiver is not sent to the traces', nor the other way round."""
    common = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t:1/x"}
    settings = Settings.from_env({
        **common, "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "k=secret", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "1000",
    })  # fmt: skip
    assert (settings.otlp_traces_headers, settings.otlp_traces_protocol, settings.otlp_traces_timeout) == (
        {}, "http/protobuf", 10.0,
    )  # fmt: skip
    settings = Settings.from_env({**common, "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "k=secret"})
    assert (settings.otlp_headers, settings.otlp_traces_headers) == ({}, {"k": "secret"})
    assert "secret" not in repr(settings)
    settings = Settings.from_env({**common, "OTEL_EXPORTER_OTLP_HEADERS": "k=v", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    assert (settings.otlp_headers, settings.otlp_traces_headers) == ({"k": "v"}, {"k": "v"})
    assert (settings.otlp_protocol, settings.otlp_traces_protocol) == ("grpc", "grpc")


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"OTEL_TRACES_EXPORTER": "oltp"}, "OTEL_TRACES_EXPORTER: 'oltp'"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "nowhere"}, "otlp_traces_endpoint"),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "smoke"}, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"),
        ({"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "secret"}, "OTEL_EXPORTER_OTLP_TRACES_HEADERS: item 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(variables, named) -> None:
    """By name, without a header's text."""
    with pytest.raises(ConfigurationError, match=named) as caught:
        Settings.from_env(variables)
    assert "secret" not in str(caught.value)


def test_opentelemetrys_sampler_is_obeyed(monkeypatch) -> None:
    """``OTEL_TRACES_SAMPLER`` and the batch processor's variables are read by its SDK."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    with http_receiver() as received, Telemetry(traced_by(received.endpoint)) as telemetry:
        tick(telemetry)
        assert telemetry.flush()
        assert received.spans() == []
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "-1")
    with pytest.raises(ConfigurationError, match="OTEL_BSP_"):
        Telemetry(traced_by("http://127.0.0.1:1"))
