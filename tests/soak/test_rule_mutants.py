"""The rules' cases, tried on rules that are slightly wrong."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from promtool import Groups, alerting, committed, failures, needed_by
from rule_cases import EVERY_CASE

pytestmark = [
    pytest.mark.mutants,
    pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not on this machine"),
]
HOLDS = {"0m": 0, "30s": 30, "1m": 60, "2m": 120, "5m": 300}


SHORT = 3700
"""Seconds of a case that is soon judged; a night takes promtool ten times as long."""


def found_out(folder: Path, alerts: set[str], groups: Groups) -> set[str]:
    """Return the alerts whose cases tell that their rules are wrong: long ones are asked where no short one told."""
    found: set[str] = set()
    for short in (True, False):
        cases = [case for case in EVERY_CASE if case.alert in alerts - found and (max(case.at) <= SHORT) == short]
        found |= set(re.findall(r"alertname: (\w+), time", failures(folder, cases, groups))) if cases else set()
    return found


def later(rule) -> None:
    """Wait one scrape longer."""
    rule["for"] = f"{HOLDS[rule['for']] + 15}s"


def sooner(rule) -> None:
    """Wait one scrape less, if it waits at all."""
    rule["for"] = f"{max(0, HOLDS[rule['for']] - 15)}s"


def not_strictly(rule) -> None:
    """Take the threshold itself for too much, and a target that is up for one that is down."""
    rule["expr"] = re.sub(r"([<>]) ", r"\1= ", rule["expr"]).replace("== 0", ">= 0")


@pytest.mark.parametrize("severity", ["warning", "critical"])
@pytest.mark.parametrize("change", [later, sooner, not_strictly])
def test_a_rule_that_is_slightly_wrong_is_found_out(tmp_path, change: Callable, severity: str) -> None:
    """All generated rules of one severity at once: the cases of each one tell."""
    groups = {name: [dict(rule) for rule in rules] for name, rules in committed().items()}
    changed = set()
    for (name, found), rule in alerting(groups).items():
        before = dict(rule)
        if found == severity and "annotations" in rule:
            change(rule)
            changed |= {name} if rule != before and not (change is sooner and HOLDS[before["for"]] == 0) else set()
    assert found_out(tmp_path, changed, groups) == changed


WRONG = [
    ("OrdersFailing", ">= 10", ">= 9"),
    ("OrdersFailing", ">= 10", ">= 11"),
    ("OrdersFailing", '{result!="success"}', '{result="failed"}'),
    (
        "OrdersFailing",
        "unless on (job, instance) gpt_trader_signal_status",
        "unless on (job, instance) gpt_trader_signal_value",
    ),
    ("BrokerSlow", ">= 20", ">= 21"),
    ("BrokerSlow", "max without (operation)", "min without (operation)"),
    ("BrokerSlow", "(outcome, reason,", "(operation,"),
    ("GuardTripBurst", "floor(", "("),
    ("GuardTripBurst", "(guard, ", "("),
    ("BotDown", "and on (job, instance)", "or on (job, instance)"),
    ("GuardTripBurst", "> 180 unless", "> 300 unless"),
    ("WebSocketStale", "unless on (job, instance) up", "unless on (job, instance) none"),
    ("BotDown", "[1d]", "[1m]"),
    ("BotDown", '{job!="gpt-trader-exporter"}', ""),
    ("BotDown", "unless on (job, instance)", "unless on (job, instance) none or"),
    ("TargetGone", "offset 8m", "offset 1m"),
    ("TargetGone", "[12h]", "[1h]"),
    ("TargetGone", "[2m]) > 0", "[1m]) > 0"),
    ("TargetGone", ">= 4", ">= 1"),
    ("TargetGone", "min_over_time", "max_over_time"),
    ("BotNotReporting", "min_over_time", "max_over_time"),
    ("TargetGone", " or gpt_trader:exporter_scraped:up", ""),
    ("TargetGone", "0 * max", "1 * max"),
    ("BotNotReporting", "<= 180", "< 180"),
    ("BotNotReporting", ">= 4", ">= 1"),
    ("BotNotReporting", ">= 4", ">= 5"),
    ("BotNotReporting", "[1m]) > 0", "[2m]) > 0"),
    ("BotNotReporting", "unless on (job, instance)\nup\n", "unless on (job, instance)\nnone\n"),
    ("BotNotReporting", "offset 8m", "offset 1m"),
    ("BotNotReporting", "0 * max", "1 * max"),
    ("BotNotReporting", "[12h]", "[1h]"),
    ("BotNotReporting", '"service_instance_id", "(.+)"', '"job", "(.+)"'),
    ("BotRestarting", "< time() - 180", "< time() - 1"),
    ("BotRestarting", "[1h] offset 18m", "[1h] offset 5h"),
    ("BotRestarting", "    and on (job, instance)", "    or on (job, instance)"),
    ("BotRestarting", "[15m]", "[14m]"),
    ("BotRestarting", ">= 4", ">= 1"),
    ("BotNotTrading", "<= 180", "<= 1e9"),
    ("BotNotTrading", "offset 10m", "offset 9m"),
    ("BotNotTrading", "[5m] offset 5m", "[1m]"),
    ("BotNotTrading", "offset 30m", "offset 10m"),
    ("BotNotTrading", "(max by (job)", "(min by (job)"),
    ("BotNotTrading", "offset 12h", "offset 20h"),
    ("BotNotTrading", "> 0) < 3", "> 9) < 3"),
    ("BotNotTrading", "0 * gpt_trader", "1 * gpt_trader"),
    ("ExporterDown", "and on (job, instance)", "or on (job, instance)"),
    ("ExporterDown", "(coinbase_trader|gpt_trader)", "(coinbase_trader)"),
    ("ExporterDataOld", "(.+?)(:[0-9]+)?", "(.+)"),
    ("ExporterDataOld", "(.+?)(:[0-9]+)?", "(.+):[0-9]+"),
    ("ExporterDataOld", "max_over_time(gpt_trader:bot_scraped:up[2m])", "gpt_trader:bot_scraped:up"),
    ("ExporterDataOld", "unless on (host)", "unless on ()"),
    ("ExporterDataOld", "    >=\n", "    > bool\n"),
    ("CollectorDown", "unless on ()", "unless on (job)"),
    ("CollectorDown", "[12h]", "[20h]"),
    ("CollectorDown", '{service_name=~"gpt-trader-collector|gpt-trader-gateway"}', ""),
    ("CollectorDown", "{job=~", "{job!~"),
    ("CollectorRestarting", "[15m]", "[14m]"),
    ("CollectorRestarting", '{service_name=~"gpt-trader-collector|gpt-trader-gateway"}', ""),
    ("CollectorSendFailing", "[5m]", "[6m]"),
    ("CollectorSendFailing", "[5m]", "[4m]"),
    ("CollectorQueueStuck", "(job, instance, exporter)", "(job, instance)"),
    ("CollectorQueueStuck", "[5m]", "[6m]"),
    ("CollectorQueueFilling", "(otelcol_exporter_queue_capacity > 0)", "otelcol_exporter_queue_capacity"),
    ("CollectorRefusing", "sum by", "max by"),
    ("CollectorRefusing", '"failed", "true", "", ""', '"failed", "", "", ""'),
    ("CollectorRefusing", "receiver_failed", "receiver_lost"),
    ("CollectorRefusing", "[5m]", "[6m]"),
    ("WebSocketReconnectLoop", "[10m]", "[11m]"),
    ("TelemetryErrors", '{component="pipeline"}', ""),
    ("TelemetryErrors", "round(", "("),
]


@pytest.mark.parametrize(("alert", "right", "wrong"), WRONG, ids=lambda text: text.replace(" ", ""))
def test_an_expression_that_is_slightly_wrong_is_found_out(tmp_path, alert: str, right: str, wrong: str) -> None:
    """Of the alert, or of the records that it reads."""
    groups = {name: [dict(rule) for rule in rules] for name, rules in committed().items()}
    needed = [rule for group in groups.values() for rule in needed_by(alert, group)]
    changed = [rule for rule in needed if right in rule["expr"]]
    assert changed
    for rule in changed:
        rule["expr"] = rule["expr"].replace(right, wrong)
    assert found_out(tmp_path, {alert}, groups) == {alert}
