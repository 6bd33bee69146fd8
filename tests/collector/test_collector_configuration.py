"""The Collector's files as shipped: the Collector takes them, and what is wrong it names."""

import re
from pathlib import Path

import pytest
import yaml

from gpt_trader_telemetry import Delivery, Settings, Telemetry
from support.certificates import make_certificate
from support.collector import FILES, collecting, validate
from support.receivers import free_port
from support.stores import wait_until

AGENT, GATEWAY = ("agent.yaml",), ("gateway.yaml",)
VARIANTS = [
    AGENT,
    (*AGENT, "agent-scrape-only.yaml"),
    (*AGENT, "agent-tls.yaml"),
    (*AGENT, "agent-tls.yaml", "agent-token.yaml"),
    GATEWAY,
    (*GATEWAY, "gateway-tls.yaml"),
    (*GATEWAY, "gateway-tls.yaml", "gateway-token.yaml"),
]


@pytest.fixture
def secrets(tmp_path) -> dict[str, str]:
    """A certificate, its key and two tokens, by the variables that the files ask for."""
    certificate, key = make_certificate(tmp_path)
    tokens = {"GPT_TRADER_COLLECTOR_TOKEN_FILE": "of-the-bots", "GPT_TRADER_REMOTE_WRITE_TOKEN_FILE": "of-the-backend"}
    for name, token in tokens.items():
        (tmp_path / name).write_text(token)
    return {
        "GPT_TRADER_COLLECTOR_CERTIFICATE": str(certificate),
        "GPT_TRADER_COLLECTOR_KEY": str(key),
        "GPT_TRADER_COLLECTOR_CA": str(certificate),
        "GPT_TRADER_COLLECTOR_DATA": str(tmp_path / "data"),
        **{name: str(tmp_path / name) for name in tokens},
    }


@pytest.mark.parametrize("names", VARIANTS, ids=" ".join)
def test_the_collector_takes_each_file_and_variant(names, secrets):
    """`validate` by the real program, with no warning of a deprecated name."""
    done = validate(*names, **secrets)
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in (done.stdout + done.stderr).lower()


def test_the_manifest_has_what_the_files_use_and_no_more():
    """Every component of the files is in builder.yaml, and every module of it is used; one release throughout."""
    manifest = yaml.safe_load((FILES / "builder.yaml").read_text())
    used = {
        (kind, name.partition("/")[0].replace("_", ""))
        for path in [*FILES.glob("agent*.yaml"), *FILES.glob("gateway*.yaml")]
        for kind in ("receivers", "processors", "exporters", "extensions")
        for name in yaml.safe_load(path.read_text()).get(kind, {})
    }
    modules = [(kind, item["gomod"].split()) for kind in manifest if kind != "dist" for item in manifest[kind]]
    built = {
        (kind, re.sub(r"(receiver|processor|exporter|extension)$", "", module.rpartition("/")[2]).replace("grpc", ""))
        for kind, (module, _) in modules
        if kind != "providers"
    }
    assert built == {(kind, "otlp" if name == "otlpgrpc" else name) for kind, name in used}
    assert {version for kind, (_, version) in modules if kind != "providers"} == {f"v{manifest['dist']['version']}"}


BROKEN = {
    "a wrong key": ("exporters: {prometheus: {endpont: x}}", {}, "endpont"),
    "an unknown exporter": ("exporters: {promethius: {}}", {}, "promethius"),
    "a pipeline to nowhere": ("service: {pipelines: {metrics: {exporters: [kafka]}}}", {}, "kafka"),
    "a wrong duration": ("exporters: {prometheus: {metric_expiration: soon}}", {}, "metric_expiration"),
    "no gateway": ("exporters: {otlp_grpc: {endpoint: ''}}", {}, "endpoint"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_in_a_file_is_named(case, tmp_path):
    """Exit code 1, and the message has the word that is wrong."""
    text, environment, word = BROKEN[case]
    (tmp_path / "extra.yaml").write_text(text)
    done = validate("agent.yaml", tmp_path / "extra.yaml", **environment)
    assert done.returncode == 1
    assert word in done.stderr


def test_a_variable_that_is_not_set_is_told(tmp_path):
    """A token variant without its token, a TLS variant without its certificate: neither starts."""
    done = validate("agent.yaml", "agent-tls.yaml", "agent-token.yaml", GPT_TRADER_COLLECTOR_DATA=str(tmp_path))
    assert done.returncode == 1
    assert "bearertokenauth: no bearer token provided" in done.stderr
    assert "must include both certificate and key" in done.stderr


@pytest.mark.parametrize("variable", ["GPT_TRADER_COLLECTOR_TOKEN_FILE", "GPT_TRADER_COLLECTOR_CERTIFICATE"])
def test_a_file_that_is_missing_ends_the_start_and_is_named(variable, secrets, tmp_path):
    """The Collector says which file it could not read; it does not run without it."""
    missing = str(tmp_path / "nowhere.pem")
    with (
        pytest.raises(AssertionError, match=re.escape(missing)),
        collecting(tmp_path / "agent", *VARIANTS[3], **{**secrets, variable: missing}),
    ):
        pass


def test_a_gateway_that_cannot_be_reached_is_told_and_does_not_stop_the_agent(tmp_path):
    """The log names the exporter and the address, the Collector's own metrics count, the bot is served."""
    port = free_port()
    with collecting(
        tmp_path / "agent", "agent.yaml", extra="service: {telemetry: {logs: {level: info}}}",
        GPT_TRADER_GATEWAY=f"127.0.0.1:{port}",
    ) as agent:  # fmt: skip
        with Telemetry(Settings(otlp_endpoint=agent.http)) as telemetry:
            telemetry.record_gauge("gpt_trader_open_orders", 3)
            assert telemetry.flush(10) is Delivery.DELIVERED
        wait_until(lambda: f"127.0.0.1:{port}: connect: connection refused" in agent.log, "line in the log")
        assert "gpt_trader_open_orders" in agent.text()
        assert 'otelcol_exporter_queue_size{data_type="metrics",exporter="otlp_grpc"}' in agent.text("own")


def test_a_backend_that_cannot_be_reached_is_told_to_whoever_sends(tmp_path):
    """A gateway keeps nothing, so it says no: the bot knows that it was not delivered, and the log knows why."""
    port = free_port()
    store = f"http://127.0.0.1:{port}/api/v1/write"
    with collecting(tmp_path / "gateway", "gateway.yaml", GPT_TRADER_REMOTE_WRITE=store) as gateway:
        with Telemetry(Settings(otlp_endpoint=gateway.http, otlp_timeout=1)) as telemetry:
            telemetry.record_gauge("gpt_trader_open_orders", 3)
            assert telemetry.flush(20) is Delivery.FAILED
        wait_until(lambda: f"127.0.0.1:{port}: connect: connection refused" in gateway.log, "line in the log")
        assert re.search(
            r'^otelcol_exporter_send_failed_metric_points{exporter="prometheus_remote_write"} [1-9]',
            gateway.text("own"), re.MULTILINE,
        )  # fmt: skip


SENDERS = {"grpc": "grpc", "http/protobuf": "http"}


@pytest.mark.parametrize("protocol", SENDERS)
def test_tls_and_token_are_asked_of_bots_and_given_by_them(protocol, secrets, tmp_path, monkeypatch):
    """Bot to agent to gateway, each over TLS with a token; without either nothing is taken, and the bot knows."""
    certificate, token = secrets["GPT_TRADER_COLLECTOR_CA"], {"authorization": "Bearer of-the-bots"}
    (tmp_path / "others").mkdir()
    # What a machine trusts in general must not win over what a bot is told to trust.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(make_certificate(tmp_path / "others")[0]))
    with (
        collecting(tmp_path / "gateway", *VARIANTS[6], **secrets) as gateway,
        collecting(
            tmp_path / "agent", *VARIANTS[3], **{**secrets, "GPT_TRADER_COLLECTOR_DATA": str(tmp_path / "queue")},
            GPT_TRADER_GATEWAY=f"127.0.0.1:{gateway.ports['grpc']}",
        ) as agent,
    ):  # fmt: skip
        address = f"https://127.0.0.1:{agent.ports[SENDERS[protocol]]}"

        def deliver(trusted: Path | str | None, headers: dict[str, str]) -> Delivery:
            environment = {
                "OTEL_EXPORTER_OTLP_ENDPOINT": address,
                "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
                "OTEL_EXPORTER_OTLP_HEADERS": ",".join(f"{key}={value}" for key, value in headers.items()),
                "OTEL_EXPORTER_OTLP_CERTIFICATE": str(trusted or ""),
                "OTEL_EXPORTER_OTLP_TIMEOUT": "2000",
            }
            for name, value in environment.items():
                monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
            with Telemetry(Settings.from_env()) as telemetry:
                telemetry.record_counter("gpt_trader_trades_executed_total")
                return telemetry.flush(10)

        assert deliver(certificate, token) is Delivery.DELIVERED, agent.log
        assert deliver(certificate, {"authorization": "Bearer wrong"}) is Delivery.FAILED
        assert deliver(certificate, {}) is Delivery.FAILED
        assert deliver(None, token) is Delivery.FAILED
        wait_until(lambda: "otelcol_receiver_accepted_metric_points" in gateway.text("own"), "points at the gateway")
