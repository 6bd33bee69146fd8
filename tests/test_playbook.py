"""The operator's playbook: every promise has what holds it, and what the page prints is what there is."""

import json
import re
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

from gpt_trader_telemetry import Settings, Telemetry, configure
from gpt_trader_telemetry.cli.main import parser_of

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PLAYBOOK = (DOCS / "playbook.md").read_text()
COVERAGE = (DOCS / "playbook-coverage.md").read_text()

PROMISED = {
    "Quick start": "install serve port embed metrics-on prefix curl exporter exporter-sources exporter-prefix "
    "exporter-text exporter-json exporter-json-alone",
    "Endpoints": "health health-words live ready metrics metrics-off examples",
    "Server or exporter": "in-process live-scrape out-of-process without-http",
    "The stack": "compose grafana prometheus no-more",
    "Metrics": "catalogue rules-prefix prefix-change",
    "Thresholds": "order_error_rate-warn order_error_rate-crit order_retry_rate-warn order_retry_rate-crit "
    "broker_latency_p95_ms-warn broker_latency_p95_ms-crit ws_staleness_seconds-warn ws_staleness_seconds-crit "
    "guard_trip_count-warn guard_trip_count-crit",
    "Data quality": "issues score issues-total degraded",
    "Prometheus": "preconfigured standalone exporter-port compose-target",
    "Alert rules": "MetricsEndpointDown OrderErrorRateHigh BrokerLatencyP95High GuardTripSpike",
    "Daily reports": "today date json lookback saved events metrics-file orders cron",
    "Dashboards": "provisioned import equity pnl exposure breaker cycle reconnects stale-marks system",
    "Incidents": "exporter-health exporter-log exporter-restart exporter-validate loss-review loss-flatten loss-halt "
    "loss-document stale-upstream stale-network stale-reconnects stale-restart loop-health loop-network loop-status "
    "loop-backoff",
    "After an incident": "recovered failures-stopped tests runbooks",
    "Health checks": "contract broker-ping ws-freshness degradation",
    "Status conditions": "healthy degraded unhealthy",
    "Troubleshooting": "no-metrics-endpoint no-metrics-files no-metrics-targets no-report-log no-report-metrics "
    "no-report-orders no-report-lookback empty-exporter-cycle empty-exporter-rights",
    "Retired": "standalone-bundle",
}
"""Every row of the guide's tables and lists and every promise of its prose, by section."""


def covered() -> dict[str, dict[str, str]]:
    """Return what holds each row of the table, by section."""
    sections = {}
    for section in COVERAGE.split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        rows = [line.strip("| ").split(" | ") for line in body.splitlines() if line.startswith("| ")]
        sections[title] = {row: holds for row, _, holds in rows if row != "row"}
    return sections


def test_no_promise_is_missing_and_none_is_made_up() -> None:
    """The table has a row for each, with something that holds it."""
    found = covered()
    assert {title: list(rows) for title, rows in found.items()} == {
        title: names.split() for title, names in PROMISED.items()
    }
    assert all(holds for rows in found.values() for holds in rows.values())


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.casefold()).replace(" ", "-") for heading in headings}


def test_every_section_that_holds_a_promise_is_there() -> None:
    """The page, and the heading."""
    for page, anchor in re.findall(r"\]\(([\w-]+\.md)(?:#([\w-]+))?\)", COVERAGE):
        assert not anchor or anchor in anchors(DOCS / page), f"{page}#{anchor}"


def test_every_test_that_holds_a_promise_is_collected(request: pytest.FixtureRequest) -> None:
    """By the run that this test is in; what that does not run, pytest is asked for, which refuses what it does not find."""
    promised = set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", COVERAGE))
    assert len(promised) > 60
    nodes = sorted(promised - {item.nodeid.partition("[")[0] for item in request.session.items})
    if not nodes:
        return
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "--no-header", "-m", "", *nodes],
        cwd=ROOT, check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    collected = set(re.findall(r"^(tests/[\w/]+\.py::\w+)", done.stdout, flags=re.MULTILINE))
    assert set(nodes) <= collected


@pytest.mark.parametrize("page", ["playbook.md", "runbooks.md", "health.md", "metrics.md", "cli.md", "settings.md"])
def test_links_into_pages_lead_to_headings(page: str) -> None:
    """So that who clicks at night is where the text is."""
    for target, anchor in re.findall(r"\]\(([\w-]*(?:\.md)?)#([\w-]+)\)", (DOCS / page).read_text()):
        assert anchor in anchors(DOCS / (target or page)), f"{target}#{anchor}"


def test_every_alert_has_a_runbook_that_says_what_to_do_and_when_it_is_over() -> None:
    """The playbook's four too: something to ask, and the end."""
    text = (DOCS / "runbooks.md").read_text()
    sections = dict(section.partition("\n")[::2] for section in text.split("\n## ")[1:])
    rules = ROOT / "collector" / "rules"
    with_links = (rules / "generated.yml").read_text() + (rules / "watchdog.yml").read_text()
    linked = set(re.findall(r"runbook_url: .*runbooks\.md#([\w-]+)", with_links))
    for rule in yaml.safe_load((rules / "playbook.yml").read_text())["groups"][0]["rules"]:
        [row] = [line for line in PLAYBOOK.splitlines() if line.startswith(f"| `{rule['alert']}` |")]
        assert f"| {rule['for']} | {rule['labels']['severity']} |" in row
        linked |= set(re.findall(r"runbooks\.md#([\w-]+)", row))
    told = {title.casefold().replace(" ", "-"): body for title, body in sections.items()}
    assert linked <= set(told)
    for name in linked:
        body = told[name]
        assert re.search(r"^- Over |\. Over ", body, flags=re.MULTILINE), f"{name} does not say when it is over"
        assert "`" in body, f"{name} has nothing to look at"


def blocks(language: str) -> list[str]:
    """Return the playbook's blocks of code in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PLAYBOOK, flags=re.DOTALL)


def answer(url: str) -> tuple[int, dict]:
    """Ask a bot; return the code and what it said."""
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def holds(printed: object, said: object) -> bool:
    """Return whether what is printed, which is shortened, is what was said."""
    if isinstance(printed, dict):
        return isinstance(said, dict) and all(
            name in said and holds(part, said[name]) for name, part in printed.items()
        )
    return printed == said


def test_the_answers_of_the_page_are_those_of_a_bot() -> None:
    """Shortened, and nothing else."""
    healthy, ready, disabled = map(json.loads, blocks("json"))
    with Telemetry(Settings(health_server_enabled=True, health_port=0)) as telemetry:
        telemetry.health.mark_ready()
        telemetry.websocket.connected()
        url = telemetry.server.url
        assert answer(f"{url}/ready") == (200, ready)
        assert answer(f"{url}/metrics") == (404, disabled)
        until = time.monotonic() + 30
        while not holds(healthy, said := answer(f"{url}/health")[1]):
            assert time.monotonic() < until, said
            time.sleep(0.05)


def test_the_python_of_the_page_runs() -> None:
    """The one that configures, and the one that asks a broker, beside a broker of this test."""
    embedding, checking = blocks("python")
    names: dict = {}
    try:
        exec(embedding, names)
        assert answer(f"{names['telemetry'].server.url}/ready")[0] == 200
    finally:
        configure().shutdown()
    [unseen] = re.findall(r"<!-- invisible-code-block: python\n(.*?)-->", PLAYBOOK, flags=re.DOTALL)
    names = {}
    exec(unseen, names)
    exec(checking, names)
    assert (names["broker_ok"], names["ws_ok"], names["degradation_ok"]) == (True, True, True)
    assert names["broker_details"]["method"] == "get_time"


def test_the_scrape_configuration_of_the_page_is_the_file_that_is_there() -> None:
    """Its own interval aside, which the file has for all."""
    [printed] = yaml.safe_load(blocks("yaml")[0])["scrape_configs"]
    there = yaml.safe_load((ROOT / "collector" / "prometheus.yml").read_text())
    assert printed.pop("scrape_interval") == there["global"]["scrape_interval"] == "15s"
    assert [printed] == there["scrape_configs"]


def test_the_extra_brings_what_the_commands_need() -> None:
    """What `uv sync --extra monitoring` installs is what the commands import beyond the package's own."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["optional-dependencies"]["monitoring"] == ["gpt-trader-telemetry[rules]"]
    assert "uv sync --extra monitoring" in PLAYBOOK


def test_the_port_is_8080_unless_it_is_set() -> None:
    """The playbook's, by the variable's name."""
    assert Settings.from_env({}).health_port == 8080
    assert Settings.from_env({"GPT_TRADER_HEALTH_PORT": "9100"}).health_port == 9100


def test_the_exporter_listens_on_9000() -> None:
    """And on loopback, unless it is told otherwise."""
    given = parser_of("exporter").parse_args(["--profile", "prod"])
    assert (given.host, given.port) == ("127.0.0.1", 9000)


def test_metrics_json_is_the_exporters_alone() -> None:
    """The bot's server answers 404 there."""
    with Telemetry(Settings(health_server_enabled=True, metrics_endpoint_enabled=True, health_port=0)) as telemetry:
        assert answer(f"{telemetry.server.url}/metrics.json")[0] == 404
