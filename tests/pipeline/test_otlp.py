"""The OTLP road: nothing waits for it, nothing is lost to a receiver that is slow or away."""

import statistics
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import MetricsData

from gpt_trader_telemetry import Delivery, Settings, Telemetry
from gpt_trader_telemetry.pipeline.answers import Answer, Outcome
from gpt_trader_telemetry.pipeline.otlp import OtlpRoad
from gpt_trader_telemetry.pipeline.size import MAX_REQUEST_BYTES, Portions, cut, points_in
from gpt_trader_telemetry.recording.recorder import Faults
from support.receivers import RECEIVERS, Received, black_hole, free_port, grpc_receiver, http_receiver
from support.scraping import scrape


def sent_to(endpoint: str, **changes) -> Telemetry:
    return Telemetry(Settings(otlp_endpoint=endpoint, **changes))


@pytest.mark.parametrize("protocol", RECEIVERS)
def test_headers_reach_the_receiver_and_no_repr(protocol) -> None:
    """A token in the headers is sent with each export, and is in no text that may be logged."""
    with RECEIVERS[protocol]() as received:
        settings = Settings(
            otlp_endpoint=received.endpoint, otlp_protocol=protocol, otlp_headers={"Authorization": "Bearer s3cret"}
        )
        assert "s3cret" not in repr(settings)
        with Telemetry(settings) as telemetry:
            assert telemetry.flush()
        assert received.headers[-1]["authorization"] == "Bearer s3cret"


def test_exports_come_at_intervals_by_themselves() -> None:
    """Nobody has to flush."""
    with http_receiver() as received, sent_to(received.endpoint, export_interval=0.05) as telemetry:
        telemetry.record_counter("gpt_trader_trades_executed_total", 3)
        deadline = time.monotonic() + 5
        while received.value("gpt_trader_trades_executed_total") != 3 and time.monotonic() < deadline:
            time.sleep(0.01)  # the export thread's own clock is what is waited for
        assert received.value("gpt_trader_trades_executed_total") == 3


def test_the_environment_alone_sends_otlp(monkeypatch) -> None:
    """OTEL_EXPORTER_OTLP_ENDPOINT, its headers and the service's name are all a service has to set."""
    with http_receiver() as received:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "my-bot")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=paper,service.name=other")
        with Telemetry() as telemetry:
            assert telemetry.flush()
        assert received.headers[-1]["x-key"] == "a b"
        resource = received.resources()[-1]
        assert (resource["service.name"], resource["deployment.environment"]) == ("my-bot", "paper")
        assert resource["service.instance.id"]


@pytest.mark.alone
@pytest.mark.parametrize("protocol", RECEIVERS)
@pytest.mark.parametrize("kind", ["refused", "black hole"])
def test_an_absent_receiver_never_holds_up_the_bot_or_its_end(protocol, kind) -> None:
    """Decorated calls take no longer, and shutdown(2.0) is back within 2.5 s saying that it did not deliver."""
    with black_hole() as hole:
        endpoint = hole if kind == "black hole" else f"http://127.0.0.1:{free_port()}"
        telemetry = sent_to(endpoint, otlp_protocol=protocol, export_interval=0.1)
        quiet = Telemetry(Settings())

        def call_times(made: Telemetry) -> float:
            call = made.broker_call("cancel")(lambda: None)
            return statistics.median(_timed(call) for _ in range(20_000))

        rounds = [(call_times(telemetry), call_times(quiet)) for _ in range(5)]
        quiet.shutdown()
        started = time.monotonic()
        delivery = telemetry.shutdown(timeout=2.0)
        took = time.monotonic() - started
    assert not delivery
    assert delivery in {Delivery.TIMED_OUT, Delivery.FAILED}
    assert took < 2.5
    assert min(with_receiver / without for with_receiver, without in rounds) < 1.5


def _timed(call) -> int:
    started = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - started


@pytest.mark.parametrize("protocol", RECEIVERS)
def test_totals_are_complete_when_the_receiver_comes_back(protocol) -> None:
    """What was recorded while nobody listened is in the first export that arrives."""
    port = free_port()
    settings = Settings(otlp_endpoint=f"http://127.0.0.1:{port}", otlp_protocol=protocol, otlp_timeout=0.3)
    with Telemetry(settings) as telemetry:
        for _ in range(5):
            telemetry.record_counter("gpt_trader_trades_executed_total")
        assert not telemetry.flush(5)
        assert scrape(telemetry).value("gpt_trader_telemetry_export_failures_total", road="otlp") == 1
        telemetry.record_counter("gpt_trader_trades_executed_total")
        with RECEIVERS[protocol](port) as received:
            deadline = time.monotonic() + 20  # gRPC backs off before it connects again
            while not telemetry.flush(5) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert received.value("gpt_trader_trades_executed_total") == 6


def test_a_refusal_is_told_apart_from_silence() -> None:
    """A receiver that answers no makes flush FAILED, counted; the next success is DELIVERED."""
    with http_receiver() as received, sent_to(received.endpoint) as telemetry:
        received.refusing = True
        assert telemetry.flush() is Delivery.FAILED
        received.refusing = False
        assert telemetry.flush() is Delivery.DELIVERED
        assert received.value("gpt_trader_telemetry_export_failures_total", road="otlp") == 1


@pytest.mark.parametrize("protocol", RECEIVERS)
def test_an_export_larger_than_a_message_may_be_is_split(protocol) -> None:
    """Long label values make more than 3 MiB; a receiver with gRPC's standard limit gets all of it in pieces."""
    with RECEIVERS[protocol]() as received, sent_to(received.endpoint, otlp_protocol=protocol) as telemetry:
        for number in range(700):
            telemetry.record_counter("gpt_trader_big_total", 1, {"text": f"{number}" + "x" * 10_000})
        assert telemetry.flush(20) is Delivery.DELIVERED
        assert len(received.requests) >= 3
        assert max(received.sizes) <= MAX_REQUEST_BYTES
        assert len(received.points("gpt_trader_big_total")) == 700


class Recording:
    """A sender that keeps what it is given and answers as it is told."""

    def __init__(self, answer: Answer | Exception) -> None:
        self.given: list[MetricsData] = []
        self.answer = answer

    def send(self, data: MetricsData, limit: int | None) -> Answer:
        self.given.append(data)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def shutdown(self) -> None:
        pass


def test_a_sender_that_raises_is_counted_logged_once_and_tried_again(telemetry, caplog) -> None:
    """Whatever the exporter does, the bot and the next export are not touched by it."""
    sender = Recording(RuntimeError("broken exporter"))
    faults = Faults()
    counted: list[str] = []
    faults.count_with(counted.append)
    road = OtlpRoad(Settings(), telemetry._pipeline._snapshot, faults, lambda: None, lambda _settings: sender)
    assert [road.flush(5) for _ in range(3)] == [Delivery.FAILED] * 3
    sender.answer = Answer(Outcome.DELIVERED)
    assert road.shutdown(5) is Delivery.DELIVERED
    assert counted == ["pipeline"] * 3
    assert sum("an export over OTLP failed" in record.message for record in caplog.records) == 1


def test_a_sender_that_cannot_be_built_is_a_failed_delivery(telemetry) -> None:
    """A broken installation says so in flush, not in the bot."""

    def make(_settings: Settings) -> Recording:
        raise ImportError("no exporter here")

    road = OtlpRoad(Settings(), telemetry._pipeline._snapshot, Faults(), lambda: None, make)
    assert road.flush(5) is Delivery.FAILED
    assert road.shutdown(5) is Delivery.FAILED


@pytest.mark.parametrize("temporality", ["delta", "lowmemory"])
def test_deltas_come_to_the_totals_also_over_failures(temporality) -> None:
    """A delta that was not acknowledged is part of the next; least and greatest are left out."""
    with http_receiver() as received, sent_to(received.endpoint, otlp_temporality=temporality) as telemetry:
        name, labels = "gpt_trader_cycle_duration_seconds", {"result": "ok"}
        acknowledged = []
        for step in range(6):
            for _ in range(step + 1):
                telemetry.record_counter("gpt_trader_trades_executed_total")
                telemetry.record_histogram(name, 0.01 * step, labels)
            telemetry.record_gauge("gpt_trader_equity_dollars", step)
            received.refusing = step in {1, 2}
            assert bool(telemetry.flush()) is not received.refusing
            if not received.refusing:
                acknowledged.append(received.requests[-1])
        kept = Received()
        kept.requests = acknowledged
        points = kept.all_points(name, **labels)
        assert [point.count for point in points] == [1, 2 + 3 + 4, 5, 6]
        assert all(sum(point.bucket_counts) == point.count for point in points)
        assert not any(point.HasField("min") or point.HasField("max") for point in points)
        trades = kept.all_points("gpt_trader_trades_executed_total")
        assert [point.as_int for point in trades] == [1, 9, 5, 6]
        starts = [point.start_time_unix_nano for point in trades]
        assert starts[1:] == [point.time_unix_nano for point in trades[:-1]]
        assert kept.value("gpt_trader_equity_dollars") == 5


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_exponential_histograms_hold_the_same_values(temporality) -> None:
    """Base-2 exponential over OTLP, explicit buckets on /metrics, from one recording; deltas add up."""
    values = [0.0, 0.001, 0.25, 0.25, 3.0, 700.0, 1e-9]
    with http_receiver() as received:
        settings = Settings(
            otlp_endpoint=received.endpoint,
            otlp_histogram="base2_exponential_bucket_histogram",
            otlp_temporality=temporality,
        )
        with Telemetry(settings) as telemetry:
            for value in values:
                telemetry.record_histogram("gpt_trader_cycle_duration_seconds", value, {"result": "ok"})
                assert telemetry.flush()
            shown = scrape(telemetry)
        points = received.all_points("gpt_trader_cycle_duration_seconds", result="ok")
        points = points if temporality == "delta" else points[-1:]
        assert sum(point.zero_count for point in points) == 1
        assert sum(sum(point.positive.bucket_counts) for point in points) == len(values) - 1
        assert sum(point.count for point in points) == len(values)
        assert shown.value("gpt_trader_cycle_duration_seconds_bucket", result="ok", le="0.25") == 5


@given(
    st.lists(st.tuples(st.text(max_size=40), st.booleans()), min_size=1, max_size=30),
    st.integers(1, 200),
    st.integers(1, 12),
)
def test_cutting_loses_no_point_and_keeps_their_order(series, most, pieces) -> None:
    """However small the portions, they hold every point once, and none has more than it may."""
    with Telemetry(Settings()) as telemetry:
        for number, (text, is_counter) in enumerate(series):
            if is_counter:
                telemetry.record_counter("gpt_trader_some_total", number, {"text": text})
            else:
                telemetry.record_histogram("gpt_trader_other", number, {"text": text})
        everything = Portions().of(telemetry._pipeline._snapshot())

    def points(batches) -> list:
        return [
            (metric.name, point) for batch in batches for _, _, metric in batch for point in metric.data.data_points
        ]

    batches = list(cut(everything[0], most))
    assert points(batches) == points(everything)
    assert all(points_in(batch) <= most for batch in batches)
    assert [points_in(batch) for batch in batches[:-1]] == [most] * (len(batches) - 1)
    smaller = Portions(limit=1000).smaller(everything[0], size=1000 * pieces)
    assert points(smaller) == points(everything)
    assert len(smaller) >= 2


def test_portions_are_learnt_from_what_fitted() -> None:
    """What was too large once is not encoded in vain again; when points become smaller, portions grow again."""
    with grpc_receiver() as received, sent_to(received.endpoint, otlp_protocol="grpc") as telemetry:
        for number in range(700):
            telemetry.record_gauge("gpt_trader_big", 1, {"text": f"{number}" + "x" * 10_000})
        portions = telemetry._pipeline._otlp._portions
        assert telemetry.flush(20)
        first, learnt = list(received.sizes), portions._most
        received.sizes.clear()
        assert telemetry.flush(20)
        assert portions._most == learnt < 700
        assert sum(first) == pytest.approx(sum(received.sizes), rel=0.01)
        assert max(received.sizes) <= MAX_REQUEST_BYTES
    portions = Portions(limit=1000)
    portions.learn([(10, 900)], refused=True)
    portions.learn([(10, 100)], refused=False)
    assert portions._most == 20


@pytest.mark.parametrize("protocol", RECEIVERS)
def test_a_point_that_is_too_large_by_itself_keeps_no_other_back(protocol, monkeypatch) -> None:
    """It is left to the receiver, and everything else arrives, also where the environment asks for compression."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "gzip")
    with RECEIVERS[protocol]() as received, sent_to(received.endpoint, otlp_protocol=protocol) as telemetry:
        telemetry.record_gauge("gpt_trader_big", 1, {"text": "x" * (MAX_REQUEST_BYTES + 1)})
        for number in range(50):
            telemetry.record_gauge("gpt_trader_small", number, {"number": str(number)})
        assert telemetry.flush(20)
        assert len(received.points("gpt_trader_small")) == 50
        assert len(received.points("gpt_trader_big")) == 1
        assert sum(size > MAX_REQUEST_BYTES for size in received.sizes) == 1


def test_instruments_of_the_users_own_travel_along() -> None:
    """What a user records on our MeterProvider arrives beside the catalogue's, under one resource."""
    with grpc_receiver() as received, sent_to(received.endpoint, otlp_protocol="grpc") as telemetry:
        telemetry.meter_provider.get_meter("mine").create_counter("my_counter").add(3, {"a": "b"})
        assert telemetry.flush(10)
        assert received.value("my_counter", a="b") == 3
        assert len(received.requests[-1].resource_metrics) == 1


def test_flush_from_many_threads_at_once_delivers_to_each() -> None:
    """Every caller gets an answer that covers what was recorded before its call."""
    with http_receiver() as received, sent_to(received.endpoint) as telemetry:
        answers: list[bool] = []

        def record_and_flush() -> None:
            for _ in range(5):
                telemetry.record_counter("gpt_trader_trades_executed_total")
                answers.append(bool(telemetry.flush(10)))

        threads = [threading.Thread(target=record_and_flush) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(answers)
        assert received.value("gpt_trader_trades_executed_total") == 30
