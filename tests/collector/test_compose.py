"""The compose file is one that the client takes, safe to run, and about files and names that are there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from gpt_trader_telemetry import Delivery, Settings, Telemetry
from support.collector import FILES, Collector, collecting
from support.stores import PATIENCE, alertmanager_on, prometheus_on, wait_until

COMPOSE = FILES / "docker-compose.yaml"
SERVICES = yaml.safe_load(COMPOSE.read_text())["services"]
PROFILE = "observability"


def compose_client() -> list[str]:
    """Return the client, or skip: the plugin of docker, or Debian's docker-compose."""
    for client in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(client[0])
            and subprocess.run([*client, "version"], capture_output=True, check=False).returncode == 0
        ):
            return client
    pytest.skip("no compose client on this machine (Debian package: docker-compose)")


@pytest.mark.parametrize(
    ("profiles", "services"), [((), {"paper-bot"}), (("--profile", PROFILE), set(SERVICES))], ids=["bare", PROFILE]
)
def test_the_client_takes_the_file(profiles, services):
    """`docker compose config`: without the profile the bot alone, with it all of them; nothing is left to be set."""
    done = subprocess.run(
        [*compose_client(), "-f", str(COMPOSE), *profiles, "config", "--services"],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert services <= set(done.stdout.split()) <= set(SERVICES)
    assert "warn" not in done.stderr.lower()


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_pinned_watched_and_on_loopback(name):
    """A version for each image, a health check for each service, ports on 127.0.0.1, restarts by default."""
    service = SERVICES[name]
    assert re.fullmatch(r"gpt-trader-paper-bot:local|[\w./-]+:v?\d+\.\d+\.\d+", service["image"])
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    # The Collector's image can run nothing but the Collector: collector-health asks it.
    assert "healthcheck" in service or name == "collector"
    assert service["restart"] == "unless-stopped"
    assert service.get("profiles", [PROFILE]) == [PROFILE]


def test_the_collector_is_of_the_release_that_the_tests_build():
    """What is tested here is what runs there."""
    release = yaml.safe_load((FILES / "builder.yaml").read_text())["dist"]["version"]
    assert SERVICES["collector"]["image"].endswith(f":{release}")


def test_no_password_stands_in_any_file_of_the_operator():
    """Secrets are files that the operator makes, and that git ignores."""
    for path in FILES.rglob("*.y*ml"):
        for key, value in scalars(
            yaml.safe_load(text) for text in re.split(r"^---$", path.read_text(), flags=re.MULTILINE)
        ):
            if re.search(r"password|secret|token", key, re.IGNORECASE) and isinstance(value, str):
                assert re.search(r"^/|^\./|^\$\{env:|^gpt-trader-metrics$|^token$|^grafana-password$", value), (
                    f"{path.name}: {key}: {value}"
                )
    for secret in yaml.safe_load(COMPOSE.read_text())["secrets"].values():
        ignored = (FILES.parent / ".gitignore").read_text().split()
        assert f"collector/{Path(secret['file']).name}" in ignored


def scalars(node, key=""):
    """Yield every scalar with the key that it stands under."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from scalars(value, str(name))
    elif hasattr(node, "__iter__") and not isinstance(node, str):
        for value in node:
            yield from scalars(value, key)
    else:
        yield key, node


def test_every_file_that_is_mounted_is_there_and_every_option_names_one():
    """Bind mounts exist; a --config... option is a path below a mount."""
    for name, service in SERVICES.items():
        mounts = {}
        for volume in service.get("volumes", []):
            source, target = volume.split(":")[:2]
            if source.startswith("."):
                assert (FILES / source).exists(), f"{name}: {source}"
                mounts[target] = FILES / source
        for option in service.get("command", []):
            if match := re.match(r"--config(?:\.file)?=(.+)", option):
                inside = Path(match[1])
                found = [
                    host / inside.relative_to(target)
                    for target, host in mounts.items()
                    if inside.is_relative_to(target)
                ]
                assert len(found) == 1, f"{name}: {option}"
                assert found[0].is_file(), f"{name}: {option}"


def test_prometheus_runs_on_the_very_file_and_stores_what_the_bot_sends(tmp_path):
    """The compose file's Prometheus configuration, names of services made loopback addresses and nothing else changed."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not on this machine (Debian package: prometheus)")
    with collecting(tmp_path / "agent", "agent.yaml", "agent-scrape-only.yaml") as agent:
        with prometheus_of_compose(tmp_path, agent) as prometheus:
            with Telemetry(Settings(otlp_endpoint=agent.http)) as telemetry:
                telemetry.record_histogram("gpt_trader_cycle_duration_seconds", 0.3, {"result": "ok"})
                assert telemetry.flush(10) is Delivery.DELIVERED
                query = 'gpt_trader_cycle_duration_seconds_bucket{job="gpt-trader",le="1.0"}'
                (series,) = wait_until(lambda: prometheus.query(query), "scrape")
            assert len(series["metric"]["instance"]) == 36
            own = wait_until(lambda: prometheus.query('{job="gpt-trader-collector",__name__=~"otelcol_.+"}'), "scrape")
            assert own


def prometheus_of_compose(folder: Path, agent: Collector):
    """Run Debian's Prometheus on the configuration of the compose file."""
    tree = folder / "etc"
    shutil.copytree(FILES / "compose", tree / "compose")
    shutil.copytree(FILES / "rules", tree / "rules")
    path = tree / "compose" / "prometheus.yml"
    text = path.read_text().replace("scrape_interval: 15s", "scrape_interval: 200ms")
    for name, port in {"collector:8889": "shown", "collector:8888": "own"}.items():
        text = text.replace(name, f"127.0.0.1:{agent.ports[port]}")
    path.write_text(text)
    return prometheus_on(path, folder)


def test_alertmanager_runs_on_the_very_file_and_pages_for_what_pages(tmp_path):
    """Amtool finds no fault and routes: page="true" to the pager, the playbook's rules to tickets."""
    if not (shutil.which("prometheus-alertmanager") and shutil.which("amtool")):
        pytest.skip("alertmanager is not on this machine (Debian package: prometheus-alertmanager)")
    config = FILES / "alertmanager.yml"

    def amtool(*arguments: str) -> str:
        done = subprocess.run(["amtool", *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "SUCCESS" in amtool("check-config", str(config))
    route = ("config", "routes", "test", f"--config.file={config}")
    assert amtool(*route, "alertname=OrderErrorRateHigh", "severity=critical").strip() == "tickets"
    assert amtool(*route, "alertname=BotDown", "severity=critical", "page=true").strip() == "pager"
    with alertmanager_on(config, tmp_path) as server:
        assert "tickets" in amtool("config", "show", f"--alertmanager.url={server.url}")


def test_grafanas_source_and_folder_are_those_that_the_compose_file_mounts():
    """The data source is the compose file's Prometheus; the folder is where the dashboards are mounted."""
    provisioning = FILES / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert source["uid"] == "prometheus"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "gpt-trader.yaml").read_text())["providers"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in SERVICES["grafana"]["volumes"]
