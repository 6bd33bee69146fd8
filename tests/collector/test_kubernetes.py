"""The Kubernetes example is what the API server takes, fits together, and is what a bot understands."""

import urllib.error
import urllib.request

import pytest
import yaml

from gpt_trader_telemetry import Settings, Telemetry
from support.collector import FILES

MANIFESTS = {item["kind"]: item for item in yaml.safe_load_all((FILES / "kubernetes" / "paper-bot.yaml").read_text())}
POD = MANIFESTS["Deployment"]["spec"]["template"]
CONTAINER = POD["spec"]["containers"][0]


@pytest.mark.parametrize("kind", ["Deployment", "Service"])
@pytest.mark.parametrize("version", ["1.30", "1.36"])
def test_the_api_server_takes_it(kind, version) -> None:
    """Against the schemas of an old and of a new Kubernetes, strictly: no field that it does not know."""
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    kubernetes_validate.validate(MANIFESTS[kind], version, strict=True)


def test_selectors_select_and_ports_are_there() -> None:
    """The Deployment's pods, the Service's, and the ServiceMonitor's Service are those of this file."""
    service, monitor = MANIFESTS["Service"], MANIFESTS["ServiceMonitor"]
    labels = POD["metadata"]["labels"].items()
    assert MANIFESTS["Deployment"]["spec"]["selector"]["matchLabels"].items() <= labels
    assert service["spec"]["selector"].items() <= labels
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    assert service["spec"]["ports"][0]["targetPort"] == CONTAINER["ports"][0]["name"]
    assert CONTAINER["ports"][0]["containerPort"] == 8080
    secret = POD["spec"]["volumes"][0]["secret"]["secretName"]
    assert monitor["spec"]["endpoints"][0]["authorization"]["credentials"] == {"name": secret, "key": "token"}


def test_a_bot_answers_the_probes_and_the_scrape_with_this_environment(tmp_path) -> None:
    """The manifest's own variables make a bot whose probes need no token, and whose metrics do."""
    (tmp_path / "token").write_text("secret-of-the-cluster")
    environment = {item["name"]: item["value"] for item in CONTAINER["env"] if "value" in item}
    assert environment["GPT_TRADER_HEALTH_TOKEN_FILE"] == f"{CONTAINER['volumeMounts'][0]['mountPath']}/token"
    environment["GPT_TRADER_HEALTH_TOKEN_FILE"] = str(tmp_path / "token")
    settings = Settings.from_env(environment)
    assert settings.health_port == CONTAINER["ports"][0]["containerPort"]
    assert settings.health_host == "0.0.0.0"
    # The test itself listens on loopback only.
    with Telemetry(settings.with_changes(health_port=0, health_host="127.0.0.1")) as telemetry:
        url = telemetry.server.url

        def answer(path: str, **headers: str) -> int:
            try:
                with urllib.request.urlopen(urllib.request.Request(url + path, headers=headers), timeout=10) as found:
                    return found.status
            except urllib.error.HTTPError as error:
                return error.code

        paths = {name: CONTAINER[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
        assert [answer(paths[name]) for name in ("startup", "liveness", "readiness")] == [200, 200, 503]
        telemetry.health.mark_ready()
        assert answer(paths["readiness"]) == 200
        metrics = MANIFESTS["ServiceMonitor"]["spec"]["endpoints"][0]["path"]
        assert answer(metrics) == 401
        assert answer(metrics, Authorization="Bearer secret-of-the-cluster") == 200
