"""The settings as the environment has them: what cannot be read, and what is probably not meant."""

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from gpt_trader_telemetry import thresholds, variables
from gpt_trader_telemetry.doctor.asking import read_token
from gpt_trader_telemetry.doctor.finding import Finding, ok, problem, skipped, warning
from gpt_trader_telemetry.errors import ConfigurationError
from gpt_trader_telemetry.settings import Settings

__all__ = ["BEGINNINGS", "examine_variables", "otlp_port"]

BEGINNINGS: Final = ("GPT_TRADER_", "COINBASE_TRADER_", "OTEL_")
"""How the names of the variables begin that the doctor looks at."""

_OURS: Final = frozenset(
    {variable for variable, *_ in variables.VARIABLES} | set(thresholds.VARIABLES) | {"COINBASE_TRADER_METRIC_PREFIX"}
)
_LOOPBACK: Final = ("127.", "localhost", "::1")
_PORTS: Final = {"grpc": 4317, "http/protobuf": 4318}
_FILES: Final = (
    "GPT_TRADER_HEALTH_TLS_CERTIFICATE",
    "GPT_TRADER_HEALTH_TLS_KEY",
    *(
        f"OTEL_EXPORTER_OTLP_{signal}{what}"
        for signal in ("", "METRICS_")
        for what in ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
    ),
)


def examine_variables(environ: Mapping[str, str]) -> tuple[Settings | None, list[Finding]]:
    """Return the settings, None where they cannot be read, and what is to say about them."""
    given = {name: text for name, text in environ.items() if text.strip()}
    if not given:
        said = "no GPT_TRADER_ or OTEL_ variable is set in this shell: run the doctor in the bot's environment"
        return Settings(), [skipped("variables", said)]
    findings = [*_names(given), *_files(given), *_token_file(given)]
    try:
        settings = Settings.from_env(given)
    except ConfigurationError as error:
        return None, [
            problem("variables", f"cannot be read: {error}", "correct the variable; a bot does not start with it"),
            *findings,
        ]
    findings += [*_roads(settings), *_access(settings), *_otlp(settings, given)]
    read = len(_OURS & set(given))
    return settings, [ok("variables", f"{read} {'is' if read == 1 else 'are'} set and can be read"), *findings]


def otlp_port(protocol: str) -> int:
    """Return the port on which a Collector usually takes a protocol."""
    return _PORTS[protocol]


def _names(given: Mapping[str, str]) -> Iterator[Finding]:
    others = []
    for name in sorted(given):
        if name in _OURS or not name.startswith("GPT_TRADER_"):
            continue
        meant = difflib.get_close_matches(name, _OURS, n=1, cutoff=0.85)
        if meant:
            yield warning("names", f"{name} is read by nothing here", f"{meant[0]} is probably meant")
        else:
            others.append(name)
    if others:
        yield ok("names", f"not this library's, so perhaps the bot's own: {', '.join(others)}")


def _files(given: Mapping[str, str]) -> Iterator[Finding]:
    for name in _FILES:
        if name in given:
            try:
                Path(given[name]).read_bytes()
            except OSError as error:
                yield problem(
                    "files", f"{name}: {given[name]!r} cannot be read: {error.strerror}", "correct the path or its mode"
                )


def _token_file(given: Mapping[str, str]) -> Iterator[Finding]:
    name = "GPT_TRADER_HEALTH_TOKEN_FILE"
    if name in given:
        try:
            read_token(Path(given[name]))
        except ValueError as error:
            yield problem("token file", f"{name}: {error}", "write the token into that file, or correct the path")


def _roads(settings: Settings) -> Iterator[Finding]:
    if settings.telemetry_disabled:
        yield warning("recording", "OTEL_SDK_DISABLED=true: nothing is recorded", "unset it to have metrics")
        return
    scraped = settings.health_server_enabled and settings.metrics_endpoint_enabled
    if scraped or settings.exports_otlp:
        roads = [road for road, used in (("/metrics", scraped), ("OTLP", settings.exports_otlp)) if used]
        yield ok("roads", f"metrics leave by {' and '.join(roads)}")
        return
    server = "" if settings.health_server_enabled else "GPT_TRADER_HEALTH_SERVER_ENABLED=1 and "
    yield problem(
        "roads", "metrics leave the bot by no road: neither /metrics nor OTLP is switched on here",
        f"set {server}GPT_TRADER_METRICS_ENDPOINT_ENABLED=1 to be scraped, or OTEL_EXPORTER_OTLP_ENDPOINT to ship",
    )  # fmt: skip


def _access(settings: Settings) -> Iterator[Finding]:
    host = settings.health_host
    if settings.health_server_enabled and not host.startswith(_LOOPBACK) and not settings.health_token_file:
        yield warning(
            "access", f"the listener is on {host}, and whoever reaches it reads it",
            "set GPT_TRADER_HEALTH_TOKEN_FILE, unless a network policy keeps others out",
        )  # fmt: skip


def _otlp(settings: Settings, given: Mapping[str, str]) -> Iterator[Finding]:
    named = [name for name in given if name in {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"}]
    if named and not settings.exports_otlp:
        yield warning("OTLP", f"{named[0]} is set, yet nothing is sent", "look at OTEL_METRICS_EXPORTER")
    endpoint, protocol = settings.otlp_metrics_endpoint or settings.otlp_endpoint, settings.otlp_protocol
    if not settings.exports_otlp or not endpoint:
        return
    other = next(name for name in _PORTS if name != protocol)
    if re.search(rf":{_PORTS[other]}(/|$)", endpoint):
        yield warning(
            "OTLP protocol", f"port {_PORTS[other]} is usually {other}'s, and the protocol is {protocol}",
            f"OTEL_EXPORTER_OTLP_PROTOCOL={other}, or port {_PORTS[protocol]}",
        )  # fmt: skip
    is_base = protocol == "http/protobuf" and not settings.otlp_metrics_endpoint
    if is_base and endpoint.rstrip("/").endswith("/v1/metrics"):
        yield warning(
            "OTLP endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT is a base address: /v1/metrics is added to it once more",
            "take /v1/metrics off, or use OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
        )  # fmt: skip
