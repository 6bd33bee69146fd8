"""The doctor before a Collector: alive, dead, refusing, of another protocol, behind TLS and tokens."""

import contextlib
import gzip
import ssl

import grpc
import pytest

from gpt_trader_telemetry import Settings
from gpt_trader_telemetry.doctor.otlp import examine_collector
from support.certificates import make_certificate
from support.receivers import RECEIVERS, black_hole, free_port, grpc_receiver, http_receiver

SECRET = "s3cr3t-t0ken-of-the-collector"


def settings(endpoint: str, protocol: str = "http/protobuf", **more) -> Settings:
    return Settings(otlp_endpoint=endpoint, otlp_protocol=protocol, **more)


@contextlib.contextmanager
def answering(status: int, body: bytes = b"", headers=(), tls=None):
    """Run a receiver that answers every request alike."""
    with http_receiver(tls=tls) as received:
        received.answering = status, dict(headers), body
        yield received.endpoint


@pytest.mark.parametrize("protocol", RECEIVERS)
def test_a_collector_that_takes_an_empty_export_is_well(walk, protocol):
    """Over its own protocol, with the bot's headers, and nothing in it."""
    with RECEIVERS[protocol]() as received:
        found = walk(examine_collector, settings(received.endpoint, protocol, otlp_headers={"X-Scope": "bots"}))
    assert found.bad() == {}
    assert found.the("export").said == f"an empty export over {protocol} is taken"
    (request,) = received.requests
    assert request.ByteSize() == 0
    assert received.headers[0]["x-scope"] == "bots"


@pytest.mark.parametrize("protocol", RECEIVERS)
def test_a_receiver_that_refuses_is_a_problem(walk, protocol):
    """With the words of its protocol."""
    with RECEIVERS[protocol]() as received:
        received.refusing = True
        found = walk(examine_collector, settings(received.endpoint, protocol))
    assert "refuses an empty export" in found.the("export").said
    assert {"grpc": "INVALID_ARGUMENT", "http/protobuf": "HTTP 400"}[protocol] in found.the("export").said


@pytest.mark.parametrize("protocol", RECEIVERS)
def test_a_dead_collector_is_told(walk, protocol):
    """Nobody listens: no export is tried."""
    found = walk(examine_collector, settings(f"http://127.0.0.1:{free_port()}", protocol))
    assert "nobody listens" in found.the("endpoint").said
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in found.the("endpoint").do
    assert found.the("export").status == "skipped"


@pytest.mark.parametrize("protocol", RECEIVERS)
def test_a_collector_that_hangs_costs_one_deadline(walk, protocol):
    """It takes the connection, and says nothing."""
    with black_hole() as url:
        found = walk(examine_collector, settings(url, protocol), timeout=0.3)
    assert "no answer" in found.the("export").said or "gRPC" in found.the("export").said


def test_protocols_mixed_up_say_which_one_to_set(walk):
    """HTTP at the gRPC port, and gRPC at the HTTP port."""
    with grpc_receiver() as rpc, http_receiver() as http:
        http_to_grpc = walk(examine_collector, settings(rpc.endpoint, "http/protobuf"))
        grpc_to_http = walk(examine_collector, settings(http.endpoint, "grpc"))
    assert "OTEL_EXPORTER_OTLP_PROTOCOL=grpc" in http_to_grpc.the("export").do
    assert "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf" in grpc_to_http.the("export").do


@pytest.mark.parametrize(
    ("status", "body", "said", "do"),
    [
        (401, b"", "credentials", "OTEL_EXPORTER_OTLP_HEADERS"),
        (403, b"", "may not write", "OTEL_EXPORTER_OTLP_HEADERS"),
        (404, b"", "under that path", "base address"),
        (405, b"", "no POST", "host, port and path"),
        (429, b"", "too busy", "memory"),
        (200, b"<html>Welcome</html>", "not OTLP's", "host, port and path"),
        (418, b"", "HTTP 418", "log"),
    ],
)
def test_answers_over_http_are_told_apart(walk, status, body, said, do):
    """Token, path, somebody else, overload."""
    with answering(status, body) as url:
        found = walk(examine_collector, settings(url, otlp_headers={"Authorization": f"Bearer {SECRET}"}))
    assert said in found.the("export").said
    assert do in found.the("export").do
    assert SECRET not in repr(found)


def test_a_compressed_answer_is_read(walk):
    """As a proxy may send it."""
    with answering(200, gzip.compress(b""), [("Content-Encoding", "gzip")]) as url:
        assert walk(examine_collector, settings(url)).bad() == {}


def test_a_wrong_token_over_grpc_is_told(walk):
    """UNAUTHENTICATED, without the token."""

    class Guard(grpc.ServerInterceptor):
        def intercept_service(self, continuation, details):
            def deny(_request, context):
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "no")

            return grpc.unary_unary_rpc_method_handler(deny)

    from concurrent import futures

    server = grpc.server(futures.ThreadPoolExecutor(1), interceptors=[Guard()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        told = settings(f"http://127.0.0.1:{port}", "grpc", otlp_headers={"authorization": f"Bearer {SECRET}"})
        found = walk(examine_collector, told)
    finally:
        server.stop(None).wait()
    assert "credentials" in found.the("export").said
    assert SECRET not in repr(found)


def test_tls_is_told_apart_from_trust(walk, tmp_path):
    """Plain where TLS is spoken, TLS where it is not, an unknown authority, a missing file, and then all well."""
    cert, key = make_certificate(tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(cert, key)
    trusted = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(cert)}
    with answering(200, tls=server) as secure, answering(200) as plain:
        untrusted = walk(examine_collector, settings(secure))
        tls_to_plain = walk(examine_collector, settings(plain.replace("http:", "https:")))
        plain_to_tls = walk(examine_collector, settings(secure.replace("https:", "http:")))
        missing = walk(
            examine_collector, settings(secure), variables={"OTEL_EXPORTER_OTLP_CERTIFICATE": str(tmp_path / "no")}
        )
        well = walk(examine_collector, settings(secure), variables=trusted)
    assert "not trusted" in untrusted.the("endpoint").said
    assert "OTEL_EXPORTER_OTLP_CERTIFICATE" in untrusted.the("endpoint").do
    assert "does not speak TLS" in tls_to_plain.the("endpoint").said
    assert plain_to_tls.the("export").status == "problem"
    assert "perhaps it speaks TLS" in plain_to_tls.the("export").said
    assert "No such file" in missing.the("endpoint").said
    assert well.bad() == {}


def test_grpc_over_tls(walk, tmp_path):
    """A scheme says TLS; an address without one means TLS too, unless a variable says otherwise."""
    from concurrent import futures

    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
        MetricsServiceServicer,
        add_MetricsServiceServicer_to_server,
    )

    class Service(MetricsServiceServicer):
        def Export(self, request, context):
            return ExportMetricsServiceResponse()

    cert, key = make_certificate(tmp_path)
    server = grpc.server(futures.ThreadPoolExecutor(1))
    add_MetricsServiceServicer_to_server(Service(), server)
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), cert.read_bytes())])
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    trusted = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(cert)}
    try:
        for endpoint in (f"https://127.0.0.1:{port}", f"127.0.0.1:{port}"):
            assert walk(examine_collector, settings(endpoint, "grpc"), variables=trusted).bad() == {}
        insecure = {**trusted, "OTEL_EXPORTER_OTLP_INSECURE": "true"}
        found = walk(examine_collector, settings(f"127.0.0.1:{port}", "grpc"), variables=insecure)
    finally:
        server.stop(None).wait()
    assert found.the("export").status == "problem"


def test_without_an_endpoint_there_is_nothing_to_ask(walk):
    """Off is no problem; settings that cannot be read are one elsewhere."""
    assert walk(examine_collector, Settings()).the("endpoint").status == "skipped"
    assert walk(examine_collector, None).the("endpoint").status == "skipped"
