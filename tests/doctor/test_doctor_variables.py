"""The doctor before the environment: what cannot be read, what is misspelt, what does not go together."""

import pytest

from gpt_trader_telemetry.doctor.variables import examine_variables

SCRAPED = {"GPT_TRADER_HEALTH_SERVER_ENABLED": "1", "GPT_TRADER_METRICS_ENDPOINT_ENABLED": "1"}


def look(**variables: str) -> dict[str, str]:
    """Return what is bad, as one text by the finding's name."""
    found = examine_variables({**SCRAPED, **variables})[1]
    return {one.name: f"{one.said} {one.do}" for one in found if one.status in {"warning", "problem"}}


def test_a_sound_environment_is_well():
    """And the settings are returned."""
    settings, found = examine_variables(SCRAPED)
    assert settings.metrics_endpoint_enabled
    assert [(one.status, one.said) for one in found] == [
        ("ok", "2 are set and can be read"), ("ok", "metrics leave by /metrics"),
    ]  # fmt: skip


def test_an_environment_that_says_nothing_is_not_the_bots():
    """The doctor was started in another shell."""
    ((finding),) = examine_variables({})[1]
    assert finding.status == "skipped"
    assert "the bot's environment" in finding.said


def test_a_misspelt_name_is_met_with_the_one_that_is_meant():
    """The bot's own names are left alone."""
    said = look(GPT_TRADER_HEALTH_PROT="1", GPT_TRADER_STRATEGY="x")["names"]
    assert said.startswith("GPT_TRADER_HEALTH_PROT is read by nothing")
    assert "GPT_TRADER_HEALTH_PORT" in said
    assert "STRATEGY" not in said


def test_a_variable_that_cannot_be_read_is_named():
    """The other findings are told all the same."""
    settings, found = examine_variables({"GPT_TRADER_HEALTH_PORT": "eighty", "GPT_TRADER_HEALTH_TOKEN_FILE": "/no"})
    assert settings is None
    assert "GPT_TRADER_HEALTH_PORT: 'eighty' is no port" in found[0].said
    assert [one.name for one in found] == ["variables", "token file"]


@pytest.mark.parametrize(
    ("variables", "name", "said"),
    [
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317"},
            "OTLP protocol",
            "OTEL_EXPORTER_OTLP_PROTOCOL=grpc, or port 4318",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTLP protocol",
            "http/protobuf's",
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/v1/metrics"}, "OTLP endpoint", "added to it once more"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "c:4318"}, "variables", "http://host:port"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_METRICS_EXPORTER": "none"}, "OTLP", "nothing is sent"),
        ({"OTEL_SDK_DISABLED": "true"}, "recording", "nothing is recorded"),
        ({"GPT_TRADER_METRICS_ENDPOINT_ENABLED": "0"}, "roads", "by no road"),
        ({"GPT_TRADER_HEALTH_HOST": "0.0.0.0"}, "access", "GPT_TRADER_HEALTH_TOKEN_FILE"),
        ({"GPT_TRADER_HEALTH_TOKEN_FILE": "/no/such"}, "token file", "No such file"),
        ({"GPT_TRADER_HEALTH_TOKEN_FILE": "/dev/null"}, "token file", "holds no token"),
        ({"OTEL_EXPORTER_OTLP_CERTIFICATE": "/no/such"}, "files", "OTEL_EXPORTER_OTLP_CERTIFICATE"),
        ({"COINBASE_TRADER_METRIC_PREFIX": "coin-base"}, "variables", "letters, digits"),
    ],
)
def test_what_is_probably_not_meant_is_said(variables, name, said):
    """One finding, with the way out."""
    assert said in look(**variables)[name]
    assert len(look(**variables)) == 1


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "https://c/v1/metrics"},
        {"GPT_TRADER_HEALTH_HOST": "localhost"},
        {"COINBASE_TRADER_METRIC_PREFIX": "gpt_trader"},
    ],
)
def test_what_is_right_is_not_touched(variables):
    """No false alarm."""
    assert look(**variables) == {}


def test_no_header_is_ever_shown():
    """Neither where it is right nor where it is not."""
    secret = "s3cr3t-t0ken"
    for text in (f"authorization=Bearer {secret}", secret):
        assert secret not in repr(examine_variables({"OTEL_EXPORTER_OTLP_HEADERS": text}))
