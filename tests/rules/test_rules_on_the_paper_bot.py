"""The rules before a real Prometheus that has scraped a real bot: every expression means something there."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from paper_process import Account, running, wait_for
from prometheus_process import Prometheus, scraping
from promtool import FILES, committed

from gpt_trader_telemetry.rules.signals import recorded
from support.receivers import free_port

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not on this machine")

NOT_HERE = {
    "gpt_trader:pushed_heartbeat:timestamp_seconds",  # the paper bot does not send
    "gpt_trader:bots_reporting:count",
    "gpt_trader:bots_settled:count",
    "gpt_trader:bots_missing:count",
    "BotNotReporting",
    "TelemetryExportFailing",
    "ExporterDown",  # and there is no exporter
    "ExporterDataOld",
    "gpt_trader:exporter_scraped:up",
    "gpt_trader:collector:up",  # nor a Collector
    "CollectorDown",
    "CollectorRestarting",
    "CollectorSendFailing",
    "CollectorQueueStuck",
    "CollectorQueueFilling",
    "CollectorRefusing",
    "gpt_trader:targets_settled:count",  # and the bot has not been there for eight minutes
    "gpt_trader:targets_missing:count",
    "TargetGone",
    "gpt_trader:cycles:usual1h",  # or for half an hour
    "BotNotTrading",
}


@dataclass(frozen=True)
class Watched:
    """A server that watched a bot trade, and the bot's own ledger."""

    server: Prometheus
    ledger: Account


@pytest.fixture(scope="module")
def watched(tmp_path_factory) -> Iterator[Watched]:
    """Let the bot trade for a few seconds, and see its last order."""
    folder, port = tmp_path_factory.mktemp("rules"), free_port()
    ledger = folder / "ledger.json"
    options = ("--ticks", "200", "--tick", "0.02", "--faults", "reject=0.3", "--port", str(port))
    target = {"gpt-trader": f"127.0.0.1:{port}"}
    with scraping(folder, FILES[0], target) as server, running(*options, "--ledger", str(ledger)) as bot:
        bot.until_replayed()
        account = Account(ledger)
        guards = sum(account.trips().values())
        wait_for(
            lambda: server.query(recorded("guard_trip_count")) == {frozenset(): guards} or None, "the last guard trip"
        )
        yield Watched(server, account)


def without_threshold(expression: str) -> str:
    """Return what is compared."""
    return re.sub(r" [<>]=? [\d.]+$|(?<=up) == 0|(?<=\}) == 0$", "", expression)


def test_every_expression_has_something_to_judge(watched: Watched) -> None:
    """Each rule's expression without its threshold has a result, but for what this bot has not."""
    rules = [rule for rules in committed().values() for rule in rules]
    empty = {
        rule.get("alert") or rule["record"]
        for rule in rules
        if not watched.server.query(without_threshold(rule["expr"]))
    }
    assert empty == NOT_HERE


def test_prometheus_evaluates_every_rule(watched: Watched) -> None:
    """No rule fails, as one would whose two sides have several series for one."""
    groups = watched.server.get("rules")["groups"]
    told = {rule["name"]: rule.get("lastError", "") for group in groups for rule in group["rules"]}
    assert len(told) > 20
    assert set(told.values()) == {""}


def test_the_recorded_series_are_what_the_ledger_says(watched: Watched) -> None:
    """Exact, since the signals are: no quantile of buckets, and nothing extrapolated."""
    results = watched.ledger.count("submissions", "result")
    share = (results[("rejected",)] + results[("failed",)]) / sum(results.values())
    assert share > 0.05
    wait_for(
        lambda: watched.server.query(recorded("order_error_rate")) == {frozenset(): pytest.approx(share)} or None,
        f"an error rate of {share}",
    )
    assert watched.server.query(recorded("missing_decision_ids")) == {frozenset(): 0}


def test_both_warnings_are_on_their_way(watched: Watched) -> None:
    """What the bot did is beyond the thresholds, and Prometheus says so of it."""
    alerts = {alert["labels"]["alertname"] for alert in watched.server.get("alerts")["alerts"]}
    assert "OrdersFailing" in alerts
    assert not alerts & {"BotDown", "BotNotTrading", "BotNotReporting", "TelemetryErrors"}
