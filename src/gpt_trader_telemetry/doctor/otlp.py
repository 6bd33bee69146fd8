"""The Collector that the bot ships to: connect, and hand over an empty export, as the bot would."""

import gzip
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from gpt_trader_telemetry.doctor.asking import Trouble, ask, connect, shown, trust, within
from gpt_trader_telemetry.doctor.finding import Finding, ok, printable, problem, skipped, warning
from gpt_trader_telemetry.doctor.plan import Plan
from gpt_trader_telemetry.doctor.variables import otlp_port
from gpt_trader_telemetry.settings import Settings

__all__ = ["examine_collector"]

_EXPORT: Final = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
_CREDENTIALS: Final = "OTEL_EXPORTER_OTLP_HEADERS carries the credentials, such as authorization=Bearer%20<token>"
_OTHER_PROTOCOL: Final = "OTEL_EXPORTER_OTLP_PROTOCOL={}, or the Collector's port for {}"
_LOG: Final = "look into the Collector's log"


class _Answered(NamedTuple):
    """What the receiver said; ``word`` is an HTTP status or a gRPC status' name."""

    word: str
    body: bytes
    said: str = ""


def examine_collector(plan: Plan, settings: Settings | None) -> Iterator[Finding]:
    """Walk from the address to the answer."""
    if settings is None:
        yield skipped("endpoint", "the variables cannot be read")
        return
    if not settings.exports_otlp:
        yield skipped("endpoint", "OTLP is off: OTEL_EXPORTER_OTLP_ENDPOINT is not set")
        return
    try:
        url, secure = _address(settings, plan.variables)
        tls = _trust(plan.variables) if secure else None
    except ValueError as error:
        yield problem("endpoint", str(error), "correct OTEL_EXPORTER_OTLP_ENDPOINT and its certificates")
        return
    port = otlp_port(settings.otlp_protocol) if settings.otlp_protocol == "grpc" else 443 if secure else 80
    try:
        connect(url, tls, plan.timeout, port)
    except Trouble as trouble:
        remedy = "start the Collector, or correct OTEL_EXPORTER_OTLP_ENDPOINT" if trouble.nobody_listens else trouble.do
        yield problem("endpoint", f"{shown(url)}: {trouble.said}", remedy)
        yield skipped("export", "there is no connection")
        return
    yield ok("endpoint", f"{shown(url)} takes connections{' over TLS' if secure else ''}")
    try:
        yield _judge(_export(plan, settings, url, tls), settings.otlp_protocol)
    except Trouble as trouble:
        yield problem("export", trouble.said, trouble.do)


def _address(settings: Settings, environ: Mapping[str, str]) -> tuple[SplitResult, bool]:
    endpoint = str(settings.otlp_metrics_endpoint or settings.otlp_endpoint)
    if settings.otlp_protocol == "grpc" and "://" not in endpoint:
        # As OpenTelemetry's exporter reads it: TLS, unless a variable says otherwise.
        said = environ.get("OTEL_EXPORTER_OTLP_METRICS_INSECURE") or environ.get("OTEL_EXPORTER_OTLP_INSECURE", "")
        endpoint = f"{'http' if said.strip().casefold() == 'true' else 'https'}://{endpoint}"
    try:
        url = urlsplit(endpoint)
        usable = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("the OTLP endpoint is not of the form http://host:port")
    return url, url.scheme == "https"


def _variable(environ: Mapping[str, str], what: str) -> str | None:
    named = (environ.get(f"OTEL_EXPORTER_OTLP_{signal}{what}", "").strip() for signal in ("METRICS_", ""))
    return next(filter(None, named), None)


def _trust(environ: Mapping[str, str]) -> ssl.SSLContext:
    return trust(*(_variable(environ, what) for what in ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")))


def _export(plan: Plan, settings: Settings, url: SplitResult, tls: ssl.SSLContext | None) -> _Answered:
    if settings.otlp_protocol == "grpc":
        return _by_grpc(plan, settings, url, secure=tls is not None)
    path = "" if settings.otlp_metrics_endpoint else "/v1/metrics"
    headers = {"Content-Type": "application/x-protobuf", **settings.otlp_headers}
    try:
        answer = ask(url, path, seconds=plan.timeout, tls=tls, headers=headers, body=b"")
    except Trouble as trouble:
        remedy = _OTHER_PROTOCOL.format("grpc", "grpc") + ("; https:// if it serves TLS" if tls is None else "")
        raise Trouble(f"{trouble.said}; OTLP over HTTP it does not take", remedy) from None
    zipped = answer.headers.get("Content-Encoding") == "gzip"
    said = f"HTTP {answer.status}"
    return _Answered(str(answer.status), gzip.decompress(answer.body) if zipped else answer.body, said)


def _by_grpc(plan: Plan, settings: Settings, url: SplitResult, *, secure: bool) -> _Answered:
    import grpc  # type: ignore[import-untyped] # noqa: PLC0415 - costly to load, and seldom needed

    target = url.netloc.rpartition("@")[2]
    credentials = grpc.ssl_channel_credentials(*(_read(_variable(plan.variables, what)) for what in (
        "CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE",
    )))  # fmt: skip

    def export() -> _Answered:
        with grpc.secure_channel(target, credentials) if secure else grpc.insecure_channel(target) as channel:
            call = channel.unary_unary(_EXPORT)
            metadata = [(key.lower(), value) for key, value in settings.otlp_headers.items()]
            try:
                return _Answered("OK", call(b"", timeout=plan.timeout, metadata=metadata))
            except grpc.RpcError as error:
                return _Answered(error.code().name, b"", f"{error.code().name}: {printable(error.details(), 120)}")

    return within(plan.timeout + 1.0, export)


def _read(path: str | None) -> bytes | None:
    if path is None:
        return None
    with open(path, "rb") as file:  # noqa: PTH123 - its readability was looked at before
        return file.read()


_REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    **dict.fromkeys(("401", "UNAUTHENTICATED"), ("it wants credentials, or others than these", _CREDENTIALS)),
    **dict.fromkeys(("403", "PERMISSION_DENIED"), ("these credentials may not write", _CREDENTIALS)),
    "404": ("nothing takes metrics under that path", "is it the base address? /v1/metrics is added to it"),
    "405": ("it takes no POST: no OTLP receiver", "correct host, port and path"),
    "415": ("it does not take protobuf", "is it an OTLP receiver?"),
    "UNIMPLEMENTED": ("it takes no metrics", "give the Collector a metrics pipeline with an otlp receiver"),
    "UNAVAILABLE": ("it does not speak gRPC as we do", _OTHER_PROTOCOL.format("http/protobuf", "HTTP")),
    "DEADLINE_EXCEEDED": ("no answer in time", _LOG),
    **dict.fromkeys(
        ("429", "503", "RESOURCE_EXHAUSTED"), ("it is too busy to take more", "give it memory, or another")
    ),
}


def _judge(answered: _Answered, protocol: str) -> Finding:
    if answered.word not in {"OK", "200"}:
        said, remedy = _REFUSALS.get(answered.word, ("it refuses an empty export", _LOG))
        return problem("export", f"{said} ({answered.said})", remedy)
    response = _response(answered.body)
    if response is None:
        return problem(
            "export", "its answer is not OTLP's: something else listens there", "correct host, port and path"
        )
    if response.partial_success.error_message:
        return warning("export", f"taken, with a remark: {printable(response.partial_success.error_message)}", _LOG)
    return ok("export", f"an empty export over {protocol} is taken")


def _response(body: bytes) -> Any:
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as wire  # noqa: PLC0415

    try:
        return wire.ExportMetricsServiceResponse.FromString(body)
    except Exception:  # protobuf's own
        return None
