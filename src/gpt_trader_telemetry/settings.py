"""Frozen settings; this module is the only reader of the environment in this package.

OpenTelemetry's own variables mean what its specification says. What concerns only the wire to the Collector
(certificates, compression, TLS) is left to OpenTelemetry's exporters, which read it themselves.
"""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from gpt_trader_telemetry.errors import ConfigurationError
from gpt_trader_telemetry.thresholds import Thresholds, naming_variables
from gpt_trader_telemetry.variables import (
    EXEMPLAR_FILTERS,
    HISTOGRAMS,
    MAX_PORT,
    PREFIX,
    PROTOCOLS,
    TEMPORALITIES,
    VARIABLES,
    apply_exporter_choice,
    apply_traces_choice,
    read_variable,
)

_HOST: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Everything that can be set; durations are in seconds.

    Raises ConfigurationError, naming the field and its value, for what cannot be meant.

    >>> Settings(health_port=0).health_host
    '127.0.0.1'
    """

    health_server_enabled: bool = False
    """Serve HTTP from a thread of its own."""
    health_host: str = "127.0.0.1"
    health_port: int = 8080
    """Where to listen; port 0 takes a free one."""
    metrics_endpoint_enabled: bool = False
    """Answer ``/metrics``; else it is 404 with a hint."""

    health_token_file: str | None = None
    """A file with the bearer token that everything but ``/live`` and ``/ready`` needs."""
    health_tls_certificate: str | None = None
    """A PEM file; with it the listener speaks TLS only."""
    health_tls_key: str | None = None
    """A PEM file; None where the certificate's holds the key too."""
    health_hosts: tuple[str, ...] = ()
    """Host names, beside localhost and addresses, by which a listener on loopback without a token may be asked.

    A proxy on this machine sends its own name. Any other name is how a web page reaches a listener that was never
    meant for it (DNS rebinding)."""
    health_probe_port: int | None = None
    """A second port, plain HTTP, which answers ``/live`` and ``/ready`` alone."""
    thresholds: Thresholds = field(default_factory=Thresholds)
    """When signals warn and when they are critical; each has a variable of its own."""

    otlp_endpoint: str | None = None
    """Where to send OTLP; None sends nothing. Over HTTP this is the base address, without ``/v1/metrics``."""
    otlp_metrics_endpoint: str | None = None
    """The same for metrics alone, used as it is; it wins over ``otlp_endpoint``."""
    otlp_protocol: str = "http/protobuf"
    """``http/protobuf`` or ``grpc``."""
    otlp_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with each export; kept out of every repr and log, since a token is what they carry."""
    otlp_timeout: float = 10.0
    """How long one export may take, retries included."""
    otlp_temporality: str = "cumulative"
    """``cumulative``, ``delta`` or ``lowmemory``."""
    otlp_histogram: str = "explicit_bucket_histogram"
    """``explicit_bucket_histogram`` or ``base2_exponential_bucket_histogram``, over OTLP only."""
    otlp_traces_endpoint: str | None = None
    """Where to send spans, used as it is, over HTTP with ``/v1/traces``; None sends none."""
    otlp_traces_protocol: str | None = None
    """The protocol for spans; None is that of metrics."""
    otlp_traces_headers: Mapping[str, str] | None = field(default=None, repr=False)
    """Sent with each export of spans; None sends those of metrics."""
    otlp_traces_timeout: float | None = None
    """How long one export of spans may take; None is as long as one of metrics."""
    exemplar_filter: str = "trace_based"
    """Which values of histograms carry their span: ``trace_based``, ``always_on`` or ``always_off``."""
    export_interval: float = 60.0
    """Between two exports over OTLP."""

    service_name: str = "gpt-trader"
    """``service.name`` of the OpenTelemetry resource; over OTLP it becomes Prometheus' ``job``."""
    resource_attributes: Mapping[str, str] = field(default_factory=dict)
    """More attributes of the OpenTelemetry resource."""
    telemetry_disabled: bool = False
    """No metric is recorded or exported; health goes on."""

    metric_prefix: str = "coinbase_trader"
    """What the names of the exporter's series begin with; the bot's own always begin with ``gpt_trader``."""
    cardinality_limit: int = 2000
    """Label sets a metric may have; what comes after shares one overflow series."""
    ws_message_stale_after: float = 30.0
    """Age of the last WebSocket message above which ``gpt_trader_ws_message_stale`` is 1."""
    ws_heartbeat_stale_after: float = 30.0
    """Age of the last WebSocket heartbeat above which ``gpt_trader_ws_heartbeat_stale`` is 1."""

    def __post_init__(self) -> None:
        for name in ("otlp_timeout", "export_interval", "ws_message_stale_after", "ws_heartbeat_stale_after"):
            object.__setattr__(self, name, _duration(name, getattr(self, name)))
        if self.otlp_traces_timeout is not None:
            object.__setattr__(self, "otlp_traces_timeout", _duration("otlp_traces_timeout", self.otlp_traces_timeout))
        for name in ("health_server_enabled", "metrics_endpoint_enabled", "telemetry_disabled"):
            _require(isinstance(getattr(self, name), bool), name, getattr(self, name), "True or False")
        port = self.health_port
        _require(_is_int(port) and 0 <= port <= MAX_PORT, "health_port", port, f"0 to {MAX_PORT}")
        probes = self.health_probe_port
        _require(
            probes is None or (_is_int(probes) and 0 <= probes <= MAX_PORT),
            "health_probe_port",
            probes,
            f"0 to {MAX_PORT}, or None",
        )
        _require(isinstance(self.thresholds, Thresholds), "thresholds", self.thresholds, "a Thresholds object")
        _require(bool(self.health_host), "health_host", self.health_host, "a host name or an address")
        prefix = self.metric_prefix
        _require(
            bool(PREFIX.fullmatch(str(prefix))),
            "metric_prefix",
            prefix,
            "letters, digits and underscores, up to 60, no leading digit",
        )
        limit = self.cardinality_limit
        _require(_is_int(limit) and limit >= 1, "cardinality_limit", limit, "a whole number of at least 1")
        _require(self.otlp_protocol in PROTOCOLS, "otlp_protocol", self.otlp_protocol, " or ".join(PROTOCOLS))
        _require(
            self.otlp_temporality in TEMPORALITIES, "otlp_temporality", self.otlp_temporality,
            ", ".join(TEMPORALITIES),
        )  # fmt: skip
        _require(self.otlp_histogram in HISTOGRAMS, "otlp_histogram", self.otlp_histogram, " or ".join(HISTOGRAMS))
        _require(
            self.exemplar_filter in EXEMPLAR_FILTERS,
            "exemplar_filter",
            self.exemplar_filter,
            ", ".join(EXEMPLAR_FILTERS),
        )
        hosts: object = self.health_hosts
        _require(
            isinstance(hosts, tuple | list) and all(_HOST.fullmatch(str(host)) for host in hosts),
            "health_hosts", hosts, "a tuple of host names, without a port",
        )  # fmt: skip
        object.__setattr__(self, "health_hosts", tuple(self.health_hosts))
        traces_protocol = self.otlp_traces_protocol or self.otlp_protocol
        _require(traces_protocol in PROTOCOLS, "otlp_traces_protocol", traces_protocol, " or ".join(PROTOCOLS))
        # Of two addresses the one that is used.
        if self.exports_otlp:
            self._check_endpoint("otlp_metrics_endpoint" if self.otlp_metrics_endpoint else "otlp_endpoint")
        if self.exports_traces:
            self._check_endpoint("otlp_traces_endpoint", traces_protocol)
        for name in ("otlp_headers", "otlp_traces_headers", "resource_attributes"):
            pairs = getattr(self, name)
            if "headers" in name and any(not f"{key}{value}".isprintable() for key, value in (pairs or {}).items()):
                raise ConfigurationError(f"{name}: a header holds a line break or another control character")
            if pairs is not None:
                object.__setattr__(self, name, MappingProxyType(dict(pairs)))

    def _check_endpoint(self, name: str, protocol: str | None = None) -> None:
        """Refuse an address that nothing can be sent to."""
        address = str(getattr(self, name))
        if (protocol or self.otlp_protocol) == "grpc":
            meant = "http://host:port, https://host:port or a target of gRPC's, and no user: headers carry secrets"
            holds = bool(_is_url(address) or _GRPC_TARGET.fullmatch(address)) and "@" not in address
        else:
            meant, holds = "http://host:port or https://host:port, with a path where there is one", _is_url(address)
        _require(holds, name, without_secrets(address), meant)

    def __repr__(self) -> str:
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.repr}
        for name in ("otlp_endpoint", "otlp_metrics_endpoint", "otlp_traces_endpoint"):
            values[name] = values[name] and without_secrets(values[name])
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in values.items())})"

    def with_changes(self, **changes: Any) -> Self:
        """Return a copy with some fields changed, checked again."""
        return replace(self, **changes)

    @property
    def exports_otlp(self) -> bool:
        """Whether metrics leave over OTLP."""
        return not self.telemetry_disabled and bool(self.otlp_endpoint or self.otlp_metrics_endpoint)

    @property
    def exports_traces(self) -> bool:
        """Whether spans leave over OTLP, through a TracerProvider of our own."""
        return not self.telemetry_disabled and bool(self.otlp_traces_endpoint)

    @property
    def exponential_histograms(self) -> bool:
        """Whether OTLP carries base-2 exponential histograms."""
        return self.otlp_histogram == HISTOGRAMS[1]

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **defaults: Any) -> Self:
        """Read the environment; ``defaults`` are the fields to use where it says nothing.

        An empty variable is one that is not set, as OpenTelemetry's specification has it.

        Raises:
            ConfigurationError: a variable that cannot be read; the message names it and its value.

        >>> Settings.from_env({"GPT_TRADER_HEALTH_PORT": "9100"}, metrics_endpoint_enabled=True).health_port
        9100
        """
        environ = os.environ if environ is None else environ
        values = dict(defaults)
        unknown = set(values) - {item.name for item in fields(cls)}
        if unknown:
            raise ConfigurationError(f"Settings has no field {min(unknown)!r}")
        for variable, name, read in VARIABLES:
            text = environ.get(variable, "").strip()
            if text:
                values[name] = read_variable(variable, text, read)
        given = values.pop("thresholds", Thresholds())
        values["thresholds"] = Thresholds.from_mapping(
            environ, **{item.name: getattr(given, item.name) for item in fields(given)}
        )
        apply_traces_choice(environ, values)
        apply_exporter_choice(environ, values)
        attributes = values.get("resource_attributes", {})
        if "service_name" not in values and "service.name" in attributes:
            values["service_name"] = attributes["service.name"]
        with naming_variables(environ, ((variable, name) for variable, name, _ in VARIABLES)):
            return cls(**values)


def without_secrets(url: str) -> str:
    """Return an address without its user and its query, in which tokens are found.

    >>> without_secrets("https://me:secret@host:4318/v1?key=secret")
    'https://***@host:4318/v1?***'
    """
    without_user = re.sub(r"^([^@]*?//)?.*@", r"\1***@", url, flags=re.DOTALL)
    return re.sub(r"\?.*", "?***", without_user, flags=re.DOTALL)


_GRPC_TARGET: Final = re.compile(r"(?!https?:)[\w.:/%\[\]-]+")


def _is_url(address: str) -> bool:
    try:
        url = urlsplit(address)
        return url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0 and address.isprintable()
    except ValueError:  # brackets, a port that is no number
        return False


def environment(*beginnings: str) -> dict[str, str]:
    """Return the variables whose names begin so, all where no beginning is given, as they are now."""
    return {name: text for name, text in os.environ.items() if name.startswith(beginnings or ("",))}


def prefer(variable: str, text: str) -> None:
    """Set a variable that is not set: for what reads it later in this process."""
    os.environ.setdefault(variable, text)


def _require(holds: bool, name: str, value: object, meant: str) -> None:  # noqa: FBT001
    if not holds:
        raise ConfigurationError(f"{name} cannot be {value!r}; it is {meant}")


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _duration(name: str, value: object) -> float:
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    _require(math.isfinite(number) and number > 0, name, value, "a number of seconds above 0")
    return number
