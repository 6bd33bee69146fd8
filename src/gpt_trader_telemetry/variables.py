"""The environment's variables, and how each is read. Nothing here looks at the environment itself."""

import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote

from gpt_trader_telemetry.errors import ConfigurationError

PROTOCOLS: Final = ("http/protobuf", "grpc")
TEMPORALITIES: Final = ("cumulative", "delta", "lowmemory")
EXEMPLAR_FILTERS: Final = ("trace_based", "always_on", "always_off")
HISTOGRAMS: Final = ("explicit_bucket_histogram", "base2_exponential_bucket_histogram")
MAX_PORT: Final = 65535
PREFIX: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,59}")


def read_variable(variable: str, text: str, read: Callable[[str], Any]) -> Any:
    """Read the text of a variable; a ConfigurationError names it."""
    try:
        return read(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"{variable}: {error}") from None


def _boolean(text: str) -> bool:
    word = text.casefold()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise ConfigurationError(f"{text!r} is neither true nor false; use 1 or 0")


def _otel_boolean(text: str) -> bool:
    # OpenTelemetry's specification: only "true", in any case, is true.
    return text.casefold() == "true"


def _port(text: str) -> int:
    port = int(text) if re.fullmatch(r"[0-9]{1,5}", text) else -1
    if not 0 <= port <= MAX_PORT:
        raise ConfigurationError(f"{text!r} is no port; use a number from 0 to {MAX_PORT}")
    return port


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) == 0:
        raise ConfigurationError(f"{text!r} is no count; use a whole number of at least 1")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise ConfigurationError(f"{text!r} is no duration; use a number above 0")
    return seconds


def _milliseconds(text: str) -> float:
    return _seconds(text) / 1000.0


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.casefold() not in choices:
            raise ConfigurationError(f"{text!r} is not known; use one of {', '.join(choices)}")
        return text.casefold()

    return read


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.split(","))))


def _pairs(text: str) -> dict[str, str]:
    # W3C Baggage octets, as the specification asks of both variables. The text itself is never repeated in a
    # message: a header's value is usually a token.
    pairs = {}
    for position, item in enumerate(filter(None, map(str.strip, text.split(","))), start=1):
        key, equals, value = item.partition("=")
        if not equals or not key.strip():
            raise ConfigurationError(f"item {position} is not of the form key=value")
        pairs[unquote(key.strip())] = unquote(value.strip())
    return pairs


def _prefix(text: str) -> str:
    if not PREFIX.fullmatch(text):
        raise ConfigurationError(f"{text!r} begins no metric name; use letters, digits and underscores, up to 60")
    return text


def _text(text: str) -> str:
    return text


# Later rows win over earlier ones for the same field: the variable for metrics over the one for all signals.
VARIABLES: Final[tuple[tuple[str, str, Callable[[str], Any]], ...]] = (
    ("GPT_TRADER_HEALTH_SERVER_ENABLED", "health_server_enabled", _boolean),
    ("GPT_TRADER_HEALTH_HOST", "health_host", _text),
    ("GPT_TRADER_HEALTH_PORT", "health_port", _port),
    ("GPT_TRADER_HEALTH_TOKEN_FILE", "health_token_file", _text),
    ("GPT_TRADER_HEALTH_HOSTS", "health_hosts", _names),
    ("GPT_TRADER_HEALTH_TLS_CERTIFICATE", "health_tls_certificate", _text),
    ("GPT_TRADER_HEALTH_TLS_KEY", "health_tls_key", _text),
    ("GPT_TRADER_HEALTH_PROBE_PORT", "health_probe_port", _port),
    ("GPT_TRADER_METRICS_ENDPOINT_ENABLED", "metrics_endpoint_enabled", _boolean),
    ("COINBASE_TRADER_METRIC_PREFIX", "metric_prefix", _prefix),
    ("GPT_TRADER_CARDINALITY_LIMIT", "cardinality_limit", _count),
    ("GPT_TRADER_WS_MESSAGE_STALE_SECONDS", "ws_message_stale_after", _seconds),
    ("GPT_TRADER_WS_HEARTBEAT_STALE_SECONDS", "ws_heartbeat_stale_after", _seconds),
    ("OTEL_SDK_DISABLED", "telemetry_disabled", _otel_boolean),
    ("OTEL_RESOURCE_ATTRIBUTES", "resource_attributes", _pairs),
    ("OTEL_SERVICE_NAME", "service_name", _text),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "otlp_endpoint", _text),
    ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "otlp_metrics_endpoint", _text),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "otlp_traces_endpoint", _text),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "otlp_traces_protocol", _one_of(*PROTOCOLS)),
    ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "otlp_traces_protocol", _one_of(*PROTOCOLS)),
    ("OTEL_EXPORTER_OTLP_HEADERS", "otlp_traces_headers", _pairs),
    ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "otlp_traces_headers", _pairs),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "otlp_traces_timeout", _milliseconds),
    ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "otlp_traces_timeout", _milliseconds),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "otlp_protocol", _one_of(*PROTOCOLS)),
    ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "otlp_protocol", _one_of(*PROTOCOLS)),
    ("OTEL_EXPORTER_OTLP_HEADERS", "otlp_headers", _pairs),
    ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "otlp_headers", _pairs),
    # Milliseconds, as the specification says; OpenTelemetry's own Python exporters read seconds.
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "otlp_timeout", _milliseconds),
    ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "otlp_timeout", _milliseconds),
    ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "otlp_temporality", _one_of(*TEMPORALITIES)),
    ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "otlp_histogram", _one_of(*HISTOGRAMS)),
    ("OTEL_METRICS_EXEMPLAR_FILTER", "exemplar_filter", _one_of(*EXEMPLAR_FILTERS)),
    ("OTEL_METRIC_EXPORT_INTERVAL", "export_interval", _milliseconds),
)

_DEFAULT_ENDPOINTS: Final = {"http/protobuf": "http://localhost:4318", "grpc": "http://localhost:4317"}


def apply_exporter_choice(environ: Mapping[str, str], values: dict[str, Any]) -> None:
    """Apply ``OTEL_METRICS_EXPORTER``: "none" sends nothing, "otlp" asks for OTLP at its default address."""
    choice = environ.get("OTEL_METRICS_EXPORTER", "").strip().casefold()
    if not choice:
        return
    chosen = {word.strip() for word in choice.split(",")}
    unknown = chosen - {"none", "otlp", "prometheus"}
    if unknown:
        raise ConfigurationError(f"OTEL_METRICS_EXPORTER: {min(unknown)!r} is not known; use otlp, prometheus or none")
    if "otlp" not in chosen:
        values["otlp_endpoint"] = values["otlp_metrics_endpoint"] = None
    elif not (values.get("otlp_endpoint") or values.get("otlp_metrics_endpoint")):
        values["otlp_endpoint"] = _DEFAULT_ENDPOINTS[values.get("otlp_protocol", "http/protobuf")]


_FOR_METRICS_ALONE: Final[tuple[tuple[str, str, Any], ...]] = (
    ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "otlp_traces_protocol", PROTOCOLS[0]),
    ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "otlp_traces_headers", MappingProxyType({})),
    ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "otlp_traces_timeout", 10.0),
)
"""Variables that say nothing of spans, and what then holds for these: a token is for one receiver."""


def apply_traces_choice(environ: Mapping[str, str], values: dict[str, Any]) -> None:
    """Apply ``OTEL_TRACES_EXPORTER``: "otlp" sends spans to the general address, "none" sends none."""
    for variable, name, default in _FOR_METRICS_ALONE:
        if environ.get(variable, "").strip():
            values.setdefault(name, default)
    choice = environ.get("OTEL_TRACES_EXPORTER", "").strip().casefold()
    if not choice:
        return
    chosen = {word.strip() for word in choice.split(",")}
    unknown = chosen - {"none", "otlp", "console", "zipkin"}
    if unknown:
        raise ConfigurationError(f"OTEL_TRACES_EXPORTER: {min(unknown)!r} is not known; use otlp or none")
    if "otlp" not in chosen:
        values["otlp_traces_endpoint"] = None
        return
    if not values.get("otlp_traces_endpoint"):
        protocol = values.get("otlp_traces_protocol") or values.get("otlp_protocol", PROTOCOLS[0])
        base = values.get("otlp_endpoint") or _DEFAULT_ENDPOINTS[protocol]
        values["otlp_traces_endpoint"] = base if protocol == "grpc" else f"{base.rstrip('/')}/v1/traces"
