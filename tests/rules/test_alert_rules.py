"""The rules as committed, judged by promtool: every one fires when it should and only then."""

import json
import re
import shutil
import subprocess

import pytest
import yaml
from promtool import COLLECTOR, FILES, alerting, committed, failures
from rule_cases import EVERY_CASE, ROOMS
from rule_cases_bots import DOWN
from rule_words import QUIET, WHO, Case, up

from gpt_trader_telemetry.catalog import CATALOG, Kind, Label
from gpt_trader_telemetry.health.explain import RUNBOOKS
from gpt_trader_telemetry.rules.alerts import alert_rules
from gpt_trader_telemetry.rules.promql import Pace
from gpt_trader_telemetry.rules.signals import ALERT_NAMES, recorded
from gpt_trader_telemetry.rules.site import Site
from gpt_trader_telemetry.thresholds import SIGNALS, Thresholds

ROOT = COLLECTOR.parent
PLAYBOOK = """\
groups:
  - name: gpt_trader_alerts
    rules:
      - alert: MetricsEndpointDown
        expr: up{job="gpt-trader"} == 0
        for: 2m
        labels:
          severity: critical

      - alert: OrderErrorRateHigh
        expr: sum(rate(gpt_trader_order_submission_total{result=~"failed|rejected"}[5m])) / sum(rate(gpt_trader_order_submission_total[5m])) > 0.15
        for: 2m
        labels:
          severity: high

      - alert: BrokerLatencyP95High
        expr: histogram_quantile(0.95, sum(rate(gpt_trader_broker_call_latency_seconds_bucket{operation="submit"}[5m])) by (le)) > 3
        for: 5m
        labels:
          severity: high

      - alert: GuardTripSpike
        expr: increase(gpt_trader_guard_trips_total[5m]) > 10
        for: 5m
        labels:
          severity: high
"""

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not on this machine (Debian package: prometheus)"
)


@needs_promtool
@pytest.mark.timeout(600)
@pytest.mark.parametrize("room", ROOMS)
def test_every_rule_fires_when_it_should_and_only_then(tmp_path, room: str) -> None:
    """All cases, with every label and every word that the alerts carry."""
    assert failures(tmp_path, ROOMS[room], committed()) == ""


def test_no_rule_is_without_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    """For each alert at each severity."""
    rules = set(alerting(committed()))
    said = [(case.alert, words) for case in EVERY_CASE for words in case.at.values()]
    assert {(alert, severity) for alert, words in said for severity in words} == rules
    assert {
        (name, severity) for name, severity in rules for alert, words in said if alert == name and severity not in words
    } == rules


@needs_promtool
def test_a_bot_that_never_came_up_is_down_where_its_job_was_told(tmp_path) -> None:
    """Whatever characters the job's name has; no other job's targets are taken for bots by that."""
    job = 'momentum.x-"1"'
    site = alert_rules(Site(jobs=("gpt-trader", job)))["groups"]
    who = r'job="momentum.x-\"1\"",instance="b:1"'
    other = 'job="momentumsx-1",instance="b:1"'
    down = {"critical": DOWN["critical"].replace(WHO, f"b:1 of {job}: ")}
    case = Case(
        "never came up", "BotDown", up([0.0] * 20, who) | up([0.0] * 20, other), {105: QUIET, 120: down},
        labels={"job": job, "instance": "b:1"},
    )  # fmt: skip
    assert failures(tmp_path, [case], {group["name"]: group["rules"] for group in site}) == ""
    assert "exp:[" in failures(tmp_path, [case], committed())


@needs_promtool
def test_the_cases_can_fail(tmp_path) -> None:
    """A rule that takes the threshold itself for too much is found out; the long runs change every rule in turn."""
    groups = {name: [dict(rule) for rule in rules] for name, rules in committed().items()}
    rule = alerting(groups)["OrdersFailing", "critical"]
    rule["expr"] = rule["expr"].replace("> ", ">= ")
    assert "OrdersFailing" in failures(tmp_path, [case for case in EVERY_CASE if case.alert == "OrdersFailing"], groups)


def test_the_playbooks_rules_are_as_it_has_them() -> None:
    """Name, expression, duration and severity, word for word, and nothing beside them."""
    assert yaml.safe_load((COLLECTOR / "rules" / "playbook.yml").read_text()) == yaml.safe_load(PLAYBOOK)


def test_the_generated_rules_are_those_of_the_playbooks_thresholds() -> None:
    """What is committed is what the generator makes, and reads back as the rules that it was made from."""
    assert yaml.safe_load(FILES[0].read_text()) == alert_rules(Site())


def test_each_key_threshold_warns_and_is_critical_at_its_own_value() -> None:
    """The numbers come from Thresholds, whatever they are."""
    limits = {
        f"{name}_{level}": 0.0125 * number for number, name in enumerate(SIGNALS, 1) for level in ("warn", "crit")
    }
    limits["order_error_rate_crit"] = 0.5
    made = {
        (rule["alert"], rule["labels"]["severity"]): rule["expr"]
        for rule in alert_rules(Site(thresholds=Thresholds(**limits)))["groups"][0]["rules"]
        if "alert" in rule
    }
    for name in SIGNALS:
        for level, severity in (("warn", "warning"), ("crit", "critical")):
            text, _, limit = made[ALERT_NAMES[name], severity].partition(" > ")
            assert (text, float(limit)) == (recorded(name), limits[f"{name}_{level}"])


def test_the_window_and_the_minimum_samples_are_those_of_the_thresholds() -> None:
    """Where counters stand in for the signal, they look back as far and judge as few."""
    thresholds = Thresholds(window_seconds=90, minimum_orders=7, minimum_latencies=0)
    rules = alert_rules(Site(thresholds=thresholds))["groups"][0]["rules"]
    exprs = {rule["record"]: rule["expr"] for rule in rules if "record" in rule}
    assert "[1m30s]" in exprs[recorded("order_error_rate")]
    assert ">= 7" in exprs[recorded("order_error_rate")]
    # None at all are not enough whatever the minimum is: there would be nothing to divide by.
    assert ">= 1" in exprs[recorded("broker_latency_p95_ms")]


def test_every_critical_alert_pages_and_no_other() -> None:
    """The routing goes by the page label alone; the playbook's rules have none."""
    for (_, severity), rule in alerting(committed()).items():
        pages = rule["labels"].get("page") == "true"
        assert pages == ("annotations" in rule and severity == "critical")


def anchors() -> set[str]:
    """Return what can be linked to in the runbooks."""
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "runbooks.md").read_text(), re.MULTILINE)
    return {heading.lower().replace(" ", "-") for heading in headings}


def test_links_into_the_runbooks_lead_to_sections() -> None:
    """From the page about alerts, and from one runbook to another."""
    linked = re.findall(r"\]\(runbooks\.md#([^)]+)\)", (ROOT / "docs" / "alerts.md").read_text())
    linked += re.findall(r"\]\(#([^)]+)\)", (ROOT / "docs" / "runbooks.md").read_text())
    assert len(linked) > 20
    assert set(linked) <= anchors()


def test_every_generated_alert_says_what_who_how_much_and_what_to_do() -> None:
    """A summary, a description with the value and the target, and a section of the runbooks that is there."""
    sections = anchors()
    generated = [rule for rule in alerting(committed()).values() if "annotations" in rule]
    assert len(generated) > 20
    for rule in generated:
        texts = rule["annotations"]
        assert set(texts) == {"summary", "description", "runbook_url"}
        assert "$value" in texts["description"]
        assert "$labels.job" in texts["description"]
        page, _, anchor = texts["runbook_url"].partition("#")
        assert (ROOT / page).is_file()
        assert anchor in sections, rule["alert"]
    signals = {rule["labels"].get("signal"): rule["annotations"]["runbook_url"] for rule in generated}
    assert {name: url for name, url in signals.items() if name} == dict(RUNBOOKS)


def test_no_two_alerts_are_called_alike() -> None:
    """Alertmanager groups by name: the generated set shares none with the playbook's."""
    mine, playbook = ({name for name, _ in alerting({"": rules})} for rules in _by_origin())
    assert not mine & playbook


def _by_origin():
    groups = dict(committed())
    playbook = groups.pop("gpt_trader_alerts")
    return [rule for rules in groups.values() for rule in rules], playbook


def series_named(expression: str) -> set[str]:
    """Return the names of series in an expression."""
    bare = re.sub(r"\{[^}]*\}", "", expression)
    return set(re.findall(r"\b(?:gpt_trader[a-z_:0-9]*|up)\b", bare))


def test_every_series_that_a_rule_names_is_of_the_catalogue() -> None:
    """Or Prometheus' own, or recorded by a rule of the same group before it is used.

    What a Collector tells of itself is asked of a real one, in tests/collector/.
    """
    exposed = {"up"}
    for metric in CATALOG.values():
        suffixes = ("_bucket", "_count", "_sum") if metric.kind is Kind.HISTOGRAM else ("",)
        exposed |= {metric.name + suffix for suffix in suffixes}
    for rules in committed().values():
        known = set(exposed)
        for rule in rules:
            assert series_named(rule["expr"]) <= known, rule
            known |= {rule["record"]} if "record" in rule else set()


def test_labels_that_are_matched_are_of_the_catalogue_too() -> None:
    """Each label that a selector names, with its value where the values are closed."""
    seen = 0
    for rule in (rule for rules in committed().values() for rule in rules):
        for name, matchers in re.findall(r"(gpt_trader_[a-z_0-9]+)\{([^}]*)\}", rule["expr"]):
            metric = CATALOG[re.sub("_(bucket|count)$", "", name) if name not in CATALOG else name]
            labels = {label.name: label for label in (*metric.labels, Label("job"))}
            for label, values in re.findall(r'(\w+)(?:=~|!=|=)"([^"]*)"', matchers):
                seen += 1
                known = SIGNALS if label == "signal" else labels[label].values
                assert not known or set(values.split("|")) <= set(known), rule
    assert seen >= 15


@needs_promtool
@pytest.mark.parametrize("factor", [1.0, 30.0, 77.0])
def test_the_rules_load_at_any_pace(tmp_path, factor: float) -> None:
    """Hours played in minutes are the same rules with shorter durations."""
    path = tmp_path / "rules.yml"
    path.write_text(
        json.dumps(alert_rules(Site(thresholds=Thresholds(window_seconds=300 / factor), pace=Pace(factor))))
    )
    done = subprocess.run(["promtool", "check", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not here (Debian: prometheus-alertmanager)")
@pytest.mark.parametrize(
    "rule", alerting(committed()).values(), ids=lambda rule: f"{rule['alert']} {rule['labels']['severity']}"
)
def test_alertmanager_routes_what_pages_to_the_pager_and_the_rest_to_tickets(rule) -> None:
    """Asked of its own tool, with the labels that each rule carries."""
    labels = {"alertname": rule["alert"], "job": "gpt-trader", **rule["labels"]}
    labels |= {"missing": "1"} if "missing" in labels else {}
    done = subprocess.run(
        ["amtool", "config", "routes", "test", f"--config.file={COLLECTOR / 'alertmanager.yml'}",
         *(f"{name}={value}" for name, value in labels.items())],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == ("pager" if rule["labels"].get("page") else "tickets")


@pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not here (Debian: prometheus-alertmanager)")
def test_alertmanager_takes_its_configuration() -> None:
    """`amtool check-config` finds nothing wrong with it."""
    path = COLLECTOR / "alertmanager.yml"
    done = subprocess.run(["amtool", "check-config", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
