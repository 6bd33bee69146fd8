"""Delivery told truthfully: what the receiver answered counts, not what an exporter holds for a success."""

import json
import logging

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExportResult

from gpt_trader_telemetry import Delivery, Settings, Telemetry
from gpt_trader_telemetry.pipeline.answers import Outcome, answer_over_http
from gpt_trader_telemetry.pipeline.sender import Ear
from support.receivers import RECEIVERS, Received, free_port, http_receiver
from support.scraping import scrape

TRADES = "gpt_trader_trades_executed_total"
FAILURES = "gpt_trader_telemetry_export_failures_total"
ERRORS = "gpt_trader_telemetry_errors_total"


def sent_to(received: Received, **changes) -> Telemetry:
    return Telemetry(Settings(otlp_endpoint=received.endpoint, **changes))


def counted(telemetry: Telemetry) -> tuple[float | None, float | None]:
    """Return the failed exports and the faults of the pipeline, as they are scraped."""
    shown = scrape(telemetry)
    return shown.value(FAILURES, road="otlp"), shown.value(ERRORS, component="pipeline")


@pytest.mark.parametrize("protocol", RECEIVERS)
def test_points_rejected_in_part_are_no_delivery(protocol, caplog) -> None:
    """FAILED, counted each time, and logged once with the receiver's message; the next whole one is DELIVERED."""
    with RECEIVERS[protocol]() as received, sent_to(received, otlp_protocol=protocol) as telemetry:
        received.rejecting = (3, "out of\x1b order")
        assert [telemetry.flush(5) for _ in range(2)] == [Delivery.FAILED] * 2
        assert counted(telemetry) == (2, 2)
        received.rejecting = (0, "")
        assert telemetry.flush(5) is Delivery.DELIVERED
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 1
    assert "was rejected in part: 3 points were rejected: out of order" in lines[0]


@pytest.mark.parametrize("protocol", RECEIVERS)
def test_a_warning_without_a_rejection_is_a_delivery(protocol) -> None:
    """The specification uses the same message to say something of a request that was taken whole."""
    with RECEIVERS[protocol]() as received, sent_to(received, otlp_protocol=protocol) as telemetry:
        received.rejecting = (0, "that metric is deprecated")
        assert telemetry.flush(5) is Delivery.DELIVERED


@pytest.mark.parametrize("protocol", RECEIVERS)
def test_a_delta_rejected_in_part_is_not_sent_again(protocol) -> None:
    """The receiver has the rest of it: what it took would be counted twice."""
    with RECEIVERS[protocol]() as received:
        with sent_to(received, otlp_protocol=protocol, otlp_temporality="delta") as telemetry:
            telemetry.record_counter(TRADES, 2)
            received.rejecting = (1, "one of them")
            assert not telemetry.flush(5)
            received.rejecting = (0, "")
            telemetry.record_counter(TRADES, 3)
            assert telemetry.flush(5)
        assert [point.as_int for point in received.all_points(TRADES)][:2] == [2, 3]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((302, {"Location": "http://elsewhere/login"}, b""), "HTTP status 302 Found"),
        ((200, {"Content-Type": "text/html; charset=utf-8"}, b"<!DOCTYPE html><p>Sign in</p>"), "text/html"),
        ((200, {}, b"not protobuf"), "no answer of OTLP"),
        ((401, {"Content-Type": "text/plain"}, b"no such token"), "HTTP status 401 Unauthorized: no such token"),
        (
            (
                200,
                {"Content-Type": "application/json"},
                json.dumps({"partialSuccess": {"rejectedDataPoints": "7", "errorMessage": "why"}}).encode(),
            ),
            "7 points were rejected: why",
        ),
    ],
    ids=["redirect", "page", "garbage", "refusal", "JSON"],
)
def test_what_is_no_acknowledgement_is_no_delivery(answer, said, caplog) -> None:
    """A redirect, a page of a proxy and the like: the export failed, and the log says why."""
    with http_receiver() as received, sent_to(received) as telemetry:
        received.answering = answer
        assert telemetry.flush(5) is Delivery.FAILED
        assert counted(telemetry) == (1, 1)
        received.answering = None
    assert [said in record.getMessage() for record in caplog.records] == [True]


@pytest.mark.parametrize(
    "answer",
    [(200, "", b""), (202, "text/plain", b""), (200, "application/json", b"{}"), (200, "application/json", b"")],
    ids=str,
)
def test_an_empty_acknowledgement_is_a_delivery(answer) -> None:
    """Many receivers answer 200 and nothing more."""
    status, kind, body = answer
    assert answer_over_http(status, "", kind, body, 0).outcome is Outcome.DELIVERED


@pytest.mark.parametrize(
    "body", [b"[]", b"7", b'{"partialSuccess": 1}', b'{"partialSuccess": {"rejectedDataPoints": [1]}}']
)
def test_json_of_another_shape_is_no_delivery(body) -> None:
    """Whatever a receiver answers, it is judged and never raised."""
    assert answer_over_http(200, "", "application/json", body, 0).outcome is not Outcome.DELIVERED


@pytest.mark.parametrize("protocol", RECEIVERS)
def test_a_failing_export_logs_one_line_and_no_other_logger_is_touched(protocol, caplog) -> None:
    """The exporters' own lines are dropped on our thread alone: they stay for exporters of the user's."""
    caplog.set_level(logging.DEBUG, "opentelemetry")
    endpoint = f"http://127.0.0.1:{free_port()}" + ("/?key=s3cret" if protocol != "grpc" else "")
    levels = {name: logging.getLogger(name).level for name in EXPORTER_LOGGERS}
    with Telemetry(Settings(otlp_endpoint=endpoint, otlp_protocol=protocol, otlp_timeout=0.3)) as telemetry:
        assert [bool(telemetry.flush(5)) for _ in range(3)] == [False] * 3
        line = f"a line of the user's over {protocol}"  # theirs drop the same line within some seconds
        for name in EXPORTER_LOGGERS:
            logging.getLogger(name).warning(line)
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    failed = [line for line in lines if "an export over OTLP was not answered: " in line]
    assert len(failed) == 1
    assert "connection refused" in failed[0].lower()
    assert "s3cret" not in caplog.text
    assert len(lines) == 1 + len(EXPORTER_LOGGERS)
    assert levels == {name: logging.getLogger(name).level for name in EXPORTER_LOGGERS}


EXPORTER_LOGGERS = (
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
)


def test_an_exporter_that_cannot_be_listened_to_is_taken_at_its_word() -> None:
    """A release of theirs that keeps its transport elsewhere goes on delivering; what failed is told in its words."""
    ear = Ear()
    ear.listen(None)
    assert ear.judge(MetricExportResult.SUCCESS, []).outcome is Outcome.DELIVERED
    answer = ear.judge(MetricExportResult.FAILURE, ["Transient error", "Failed to encode"])
    assert (answer.outcome, answer.said) == (Outcome.NO_ANSWER, "Failed to encode")


def test_a_receiver_of_grpc_that_refuses_is_quoted(caplog) -> None:
    """Its status and its details."""
    with RECEIVERS["grpc"]() as received, sent_to(received, otlp_protocol="grpc") as telemetry:
        received.refusing = True
        assert telemetry.flush(5) is Delivery.FAILED
        received.refusing = False
    assert "was refused: INVALID_ARGUMENT refused" in caplog.records[0].getMessage()


def test_an_endpoint_beside_a_meter_provider_is_warned_of_once(caplog) -> None:
    """Its owner exports: that our endpoint is not used is said, not found out by missing metrics."""
    with http_receiver() as received:
        for settings in (Settings(otlp_endpoint=received.endpoint), Settings()):
            with Telemetry(settings, meter_provider=MeterProvider(shutdown_on_exit=False)) as telemetry:
                telemetry.record_counter(TRADES)
                assert telemetry.flush(5)
        assert received.requests == []
    assert ["OTLP endpoint" in record.getMessage() for record in caplog.records] == [True]
