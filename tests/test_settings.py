"""Settings: what may be set, what the environment says, and what cannot be meant."""

import pytest

from gpt_trader_telemetry import ConfigurationError, Settings


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("GPT_TRADER_HEALTH_SERVER_ENABLED", "1", "health_server_enabled", True),
        ("GPT_TRADER_HEALTH_SERVER_ENABLED", "off", "health_server_enabled", False),
        ("GPT_TRADER_HEALTH_PORT", "9100", "health_port", 9100),
        ("GPT_TRADER_HEALTH_HOST", "::1", "health_host", "::1"),
        ("GPT_TRADER_METRICS_ENDPOINT_ENABLED", "true", "metrics_endpoint_enabled", True),
        ("GPT_TRADER_CARDINALITY_LIMIT", "500", "cardinality_limit", 500),
        ("OTEL_SDK_DISABLED", "TRUE", "telemetry_disabled", True),
        ("OTEL_SDK_DISABLED", "1", "telemetry_disabled", False),
        ("OTEL_SERVICE_NAME", "bot", "service_name", "bot"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=bot,a=b%2Cc", "service_name", "bot"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=b%2Cc", "resource_attributes", {"a": "b,c"}),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://x:4318", "otlp_endpoint", "http://x:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "otlp_protocol", "grpc"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "k=v==,x=", "otlp_headers", {"k": "v==", "x": ""}),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "5000", "otlp_timeout", 5.0),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1500", "export_interval", 1.5),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "DELTA", "otlp_temporality", "delta"),
        ("OTEL_METRICS_EXPORTER", "otlp", "otlp_endpoint", "http://localhost:4318"),
        ("GPT_TRADER_HEALTH_PORT", "  ", "health_port", 8080),
    ],
)
def test_the_environment_says(variable: str, text: str, field: str, value: object) -> None:
    """Each variable sets its field, as its specification says; an empty one is not set."""
    assert getattr(Settings.from_env({variable: text}), field) == value


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("GPT_TRADER_HEALTH_PORT", "eighty"),
        ("GPT_TRADER_HEALTH_PORT", "65536"),
        ("GPT_TRADER_HEALTH_PORT", "-1"),
        ("GPT_TRADER_HEALTH_SERVER_ENABLED", "maybe"),
        ("GPT_TRADER_CARDINALITY_LIMIT", "0"),
        ("GPT_TRADER_WS_MESSAGE_STALE_SECONDS", "30s"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "soon"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "-5"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "nan"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "inf"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_METRICS_EXPORTER", "zipkin"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_error(variable: str, text: str) -> None:
    """The message names the variable and its value."""
    with pytest.raises(ConfigurationError) as error:
        Settings.from_env({variable: text})
    assert variable in str(error.value)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize(
    ("given", "said", "by"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "host:4318"}, "otlp_endpoint cannot be 'host:4318'", "ENDPOINT"),
        ({"GPT_TRADER_HEALTH_HOSTS": "a:1"}, "health_hosts cannot be ('a:1',)", "HOSTS"),
        ({"GPT_TRADER_GUARD_TRIP_COUNT_WARN": "50"}, "guard_trip_count_warn cannot be 50.0", "COUNT_WARN"),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "authorization=a%0Ab"}, "otlp_headers: a header holds a line break", "HEADERS"),
    ],
)
def test_a_field_that_cannot_be_meant_is_told_with_the_variable_that_set_it(given: dict, said: str, by: str) -> None:
    """Who reads the message wrote the variable, not the field."""
    with pytest.raises(ConfigurationError) as error:
        Settings.from_env(given)
    assert str(error.value).startswith(said)
    [variable] = given
    assert variable.endswith(by)
    assert str(error.value).endswith(f"(set by {variable})")


def test_a_field_that_code_has_set_names_no_variable() -> None:
    """Though others are set."""
    with pytest.raises(ConfigurationError) as error:
        Settings.from_env({"GPT_TRADER_HEALTH_PORT": "9100"}, export_interval=-1)
    assert "set by" not in str(error.value)


def test_a_wrong_header_is_named_without_its_text() -> None:
    """A header's text is usually a token: it is in no message."""
    with pytest.raises(ConfigurationError) as error:
        Settings.from_env({"OTEL_EXPORTER_OTLP_HEADERS": "ok=1,s3cret-token"})
    assert "item 2" in str(error.value)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"health_port": 70000},
        {"health_port": "8080"},
        {"health_port": True},
        {"health_host": ""},
        {"export_interval": 0},
        {"export_interval": float("nan")},
        {"otlp_timeout": "10"},
        {"cardinality_limit": 0},
        {"otlp_protocol": "udp"},
        {"otlp_temporality": "sometimes"},
        {"health_server_enabled": "yes"},
    ],
    ids=str,
)
def test_fields_are_checked_in_code_too(wrong: dict) -> None:
    """The message names the field and the value."""
    (name, value), *_ = wrong.items()
    with pytest.raises(ConfigurationError, match=name) as error:
        Settings(**wrong)
    assert repr(value) in str(error.value)


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize(
    "endpoint",
    [
        "ftp://host:4318",
        "http://",
        "https://:4318",
        "http://host:port",
        "http://host:0",
        "http://[::1",
        "http://a b:1\n",
    ],
)
def test_an_endpoint_that_nothing_can_be_sent_to_is_refused(endpoint: str, protocol: str) -> None:
    """At configuration, naming the field of the two that is used; not at the first export."""
    if not (protocol == "grpc" and endpoint.startswith("ftp")):  # a target may have schemes that gRPC knows
        with pytest.raises(ConfigurationError, match="otlp_endpoint cannot be"):
            Settings(otlp_endpoint=endpoint, otlp_protocol=protocol)
    Settings(otlp_endpoint=endpoint, telemetry_disabled=True)
    Settings(otlp_endpoint=endpoint, otlp_metrics_endpoint="http://host/custom")


@pytest.mark.parametrize(
    ("endpoint", "protocol"),
    [
        ("http://localhost:4318", "http/protobuf"),
        ("https://me:secret@host.example/prefix/?token=x", "http/protobuf"),
        ("http://[::1]:4317", "grpc"),
        ("collector:4317", "grpc"),
        ("dns:///collector.svc:4317", "grpc"),
        ("unix:///run/collector.sock", "grpc"),
    ],
)
def test_an_endpoint_that_can_be_meant_is_taken(endpoint: str, protocol: str) -> None:
    """URLs over HTTP; over gRPC also its own targets, as OpenTelemetry's specification allows."""
    assert Settings(otlp_endpoint=endpoint, otlp_protocol=protocol).otlp_endpoint == endpoint


@pytest.mark.parametrize("field", ["otlp_endpoint", "otlp_metrics_endpoint"])
@pytest.mark.parametrize("secret", ["me:s3cret@", "s3cret@", "me:s3/cret@"])
def test_a_secret_in_an_endpoint_is_in_no_text(field: str, secret: str) -> None:
    """Neither in the repr nor in the message that refuses it; the rest of the address is shown."""
    settings = Settings(**{field: f"https://{secret}host:4318/x?key=s3cret"}) if "/" not in secret else None
    if settings is not None:
        assert "s3cret" not in repr(settings)
        assert f"{field}='https://***@host:4318/x?***'" in repr(settings)
    for endpoint, protocol in ((f"ftp://{secret}host", "http/protobuf"), (f"{secret}host:1", "grpc")):
        with pytest.raises(ConfigurationError) as error:
            Settings(**{field: endpoint, "otlp_protocol": protocol})
        assert "cret@" not in str(error.value)
        assert "host" in str(error.value)


def test_defaults_in_code_give_way_to_the_environment() -> None:
    """Keyword arguments of from_env are what to use where the environment says nothing."""
    environ = {"GPT_TRADER_HEALTH_SERVER_ENABLED": "0"}
    settings = Settings.from_env(environ, health_server_enabled=True, metrics_endpoint_enabled=True)
    assert (settings.health_server_enabled, settings.metrics_endpoint_enabled) == (False, True)
    with pytest.raises(ConfigurationError, match="'helth_port'"):
        Settings.from_env({}, helth_port=1)


def test_the_variable_for_metrics_wins_over_the_one_for_all_signals() -> None:
    """As OpenTelemetry's specification has it."""
    settings = Settings.from_env(
        {
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://all:4318",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://metrics:4318/custom",
        }
    )
    assert settings.otlp_protocol == "http/protobuf"
    assert settings.otlp_metrics_endpoint == "http://metrics:4318/custom"


@pytest.mark.parametrize(
    ("environ", "exports"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_METRICS_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_METRICS_EXPORTER": "otlp"}, True),
        ({"OTEL_METRICS_EXPORTER": "prometheus,otlp"}, True),
    ],
)
def test_otlp_is_off_until_it_is_asked_for(environ: dict, exports: bool) -> None:
    """Nothing is sent anywhere that nobody named."""
    assert Settings.from_env(environ).exports_otlp is exports


def test_settings_are_frozen_and_copied() -> None:
    """A mapping that the caller changes later changes nothing here."""
    headers = {"a": "b"}
    settings = Settings(otlp_headers=headers)
    headers["a"] = "c"
    assert settings.otlp_headers == {"a": "b"}
    with pytest.raises(AttributeError):
        settings.health_port = 1
    assert settings.with_changes(health_port=1).health_port == 1
