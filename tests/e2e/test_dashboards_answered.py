"""Every query of every dashboard, put to a real Prometheus that scraped real bots."""

import json
import math
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest
from emitting_everything import bot_of_everything, exporter_stand_in
from paper_process import running, wait_for
from prometheus_process import Prometheus, scraping

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus is not on this machine (Debian package: prometheus)"
)
COLLECTOR = Path(__file__).parents[2] / "collector"
FILES = sorted((COLLECTOR / "grafana" / "dashboards").glob("*.json"))
FLEET = "grafana/dashboards/gpt-trader-fleet.json"
EXPORTERS_ALONE = "From the exporter"
"""How the panels begin that no bot fills by itself."""

BOTS_ALONE = {
    "Bots with a critical signal",
    "Bots with a warning",
    "Signals of each bot",
    "Orders by result",
    "Order error ratio of each bot",
    "Submit p95 of each bot",
}
"""Panels of the fleet that the exporter has nothing for: no file of a bot tells of it."""

NOT_OF_THE_PAPER_BOT = {
    "Circuit breaker": "its exchange client has no circuit breaker",
    "HTTP attempts": "its exchange is a function call, not HTTP",
    "HTTP latency p95": "its exchange is a function call, not HTTP",
    "Rate limit and errors": "its exchange is a function call, not HTTP",
    "PnL by symbol": "it trades one symbol, and does not tell it apart",
    "Since the last close and error": "its feed is never closed",
    "Stores": "it keeps no event store",
    "Export failures": "it ships nothing over OTLP here",
}
"""What the paper bot has nothing to show for, and why; the other bot of this test shows it."""

SELDOM = {"Health check duration p95"}
"""Its checks run every five seconds: whether one more has run by then is left to chance."""


def panels(path: Path) -> list[dict]:
    """Return a dashboard's panels, those of folded rows too; those of Collectors are asked in tests/collector/."""
    document = json.loads(path.read_text())
    every = [inner for panel in document["panels"] for inner in (panel, *(panel.get("panels") or ()))]
    return [panel for panel in every if panel["type"] != "row" and "otelcol_" not in str(panel["targets"])]


EVERY_PANEL = [pytest.param(panel, id=f"{path.stem}: {panel['title']}") for path in FILES for panel in panels(path)]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory) -> Prometheus:
    """A server that has scraped the paper bot, a bot that emits everything, and two exporters, all of them alive."""
    with ExitStack() as stack:
        enter = stack.enter_context
        everything, exporter = enter(bot_of_everything()), enter(exporter_stand_in("coinbase_trader"))
        renamed = enter(exporter_stand_in("my_desk"))
        paper = enter(running("--tick", "0.02", "--faults", "reject=0.2,rate_limit=0.05,unavailable=0.05"))
        target = paper.url.removeprefix("http://").removesuffix("/metrics")
        jobs = {
            "everything": everything, "gpt-trader": target, "gpt-trader-exporter": exporter, "renamed-exporter": renamed,
        }  # fmt: skip
        server = enter(scraping(tmp_path_factory.mktemp("prometheus"), COLLECTOR / "rules" / "playbook.yml", jobs))
        wait_for(lambda: all_there(server) or None, "some scrapes of each target")
        yield server


def all_there(server: Prometheus) -> bool:
    scrapes = server.get("query", query="count(sum_over_time(up[1m]) >= 8)")["result"]
    trips = server.get("query", query='sum(increase(gpt_trader_guard_trips_total{job="gpt-trader"}[5m])) > 0')["result"]
    return bool(scrapes and float(scrapes[0]["value"][1]) == 4 and trips)


def answered(server: Prometheus, expression: str, job: str = ".*", prefix: str = "gpt_trader") -> bool:
    """Whether an expression has a value that is a number, variables put in as Grafana does."""
    variables = {"${prefix}": prefix, "$job": job, "$instance": ".*", "$__rate_interval": "5m"}
    for name, value in variables.items():
        expression = expression.replace(name, value)
    assert "$" not in expression
    results = server.get("query", query=expression)["result"]
    return any(not math.isnan(float(result["value"][1])) for result in results)


@pytest.mark.parametrize("panel", EVERY_PANEL)
def test_every_query_returns_data(prometheus, panel):
    """From the bot that emits everything, or from the exporter: no query is misspelt, none asks for what is not."""
    for target in panel["targets"]:
        found = [
            answered(prometheus, target["expr"], job, prefix)
            for job, prefix in (("everything", "gpt_trader"), ("gpt-trader-exporter", "coinbase_trader"))
        ]
        assert any(found), target["expr"]


@pytest.mark.parametrize("panel", [one for one in EVERY_PANEL if "${prefix}" in str(one.values[0]["targets"])])
@pytest.mark.parametrize(
    ("job", "prefix"),
    [("everything", "gpt_trader"), ("gpt-trader-exporter", "coinbase_trader"), ("renamed-exporter", "my_desk")],
)
def test_one_panel_serves_both_roads(prometheus, panel, job, prefix):
    """The bot's names, the exporter's, and those of an exporter with a prefix of one's own."""
    exporters_alone = job == "everything" and panel["description"].startswith(EXPORTERS_ALONE)
    bots_alone = job != "everything" and panel["title"] in BOTS_ALONE
    if exporters_alone or bots_alone:
        assert not any(answered(prometheus, target["expr"], job, prefix) for target in panel["targets"])
    else:
        assert any(answered(prometheus, target["expr"], job, prefix) for target in panel["targets"])


def test_the_paper_bot_fills_the_panels(prometheus):
    """All but those whose data cannot occur on it, each with its reason, and no more than those."""
    empty = {
        panel["title"]
        for path in FILES
        for panel in panels(path)
        if not panel["description"].startswith(EXPORTERS_ALONE)
        and not any(answered(prometheus, target["expr"], "gpt-trader") for target in panel["targets"])
    }
    assert empty - SELDOM == set(NOT_OF_THE_PAPER_BOT)


def test_the_fleet_counts_each_bot_once(prometheus):
    """By the road that was chosen: one that is scraped and exported is not two, nor its money."""
    numbers = {panel["title"]: panel["targets"][0]["expr"] for panel in panels(COLLECTOR / FLEET)}

    def number(title: str, prefix: str) -> float:
        expression = numbers[title].replace("${prefix}", prefix).replace("$job", ".*")
        ((_, value),) = prometheus.query(expression).items()
        return value

    assert number("Bots heard of", "gpt_trader") == 2
    assert number("Bots heard of", "my_desk") == 1
    assert number("Silent bots", "gpt_trader") == 0
    assert number("Equity", "my_desk") == 1000.5
    assert number("Bots with a critical signal", "gpt_trader") >= 1


def test_the_variables_find_what_there_is_to_choose(prometheus):
    """Jobs and bots, as Grafana asks Prometheus for them."""
    for path in FILES:
        for variable in json.loads(path.read_text())["templating"]["list"]:
            if variable["type"] == "query":
                selector, label = (
                    variable["query"]["query"].removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
                )
                selector = selector.replace("${prefix}", "my_desk").replace("$job", ".*")
                found = prometheus.get(f"label/{label}/values", **{"match[]": selector})
                assert len(found) == 4, found
                if label == "job":
                    assert found == ["everything", "gpt-trader", "gpt-trader-exporter", "renamed-exporter"]
