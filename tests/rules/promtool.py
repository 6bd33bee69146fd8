"""Cases, given to promtool all at once."""

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from rule_words import STEP, Case, level, spelled

COLLECTOR = Path(__file__).parents[2] / "collector"
FILES = (COLLECTOR / "rules" / "generated.yml", COLLECTOR / "rules" / "playbook.yml")

RUNS = "prometheus_runs"
"""A series that is there while Prometheus is, in a case where it is away."""

Rule = Mapping[str, Any]
Groups = Mapping[str, Sequence[Rule]]
"""Rules by their group's name."""


def committed() -> Groups:
    """Read the groups of the rule files."""
    return {group["name"]: group["rules"] for file in FILES for group in yaml.safe_load(file.read_text())["groups"]}


def alerting(groups: Groups) -> dict[tuple[str, str], Rule]:
    """Return alerting rules by name and severity."""
    rules = [rule for group in groups.values() for rule in group if "alert" in rule]
    return {(rule["alert"], rule["labels"]["severity"]): rule for rule in rules}


def filled(label: str, description: str) -> str:
    """Return a label as Prometheus fills it in: one that holds the value, with the first number that is said."""
    return label.replace("{{ $value }}", next(iter(re.findall(r": (\d+)", description)), ""))


def as_test(case: Case, rules: Mapping[tuple[str, str], Rule]) -> dict[str, Any]:
    """Return a case as promtool takes it."""
    usual = {"job": "gpt-trader", "instance": "bot:8080"} if case.labels is None else case.labels
    targets = [usual] if case.beside is None else [usual, case.beside]
    expected = []
    for second, said in case.at.items():
        alerts = []
        for severity, description in said.items():
            rule = rules[case.alert, severity]
            labels = {name: filled(text, description) for name, text in rule["labels"].items()}
            texts = {**rule["annotations"], "description": description} if "annotations" in rule else {}
            alerts += [{"exp_labels": {**target, **labels}, "exp_annotations": texts} for target in targets]
        expected.append({"eval_time": f"{second}s", "alertname": case.alert, "exp_alerts": alerts})
    series = {name: spelled(values[:: case.every], _unseen(case)) for name, values in case.series.items()}
    if case.away:
        begin, end = (second // STEP for second in case.away)
        series[RUNS] = spelled(level((1, begin), (None, end - begin), (1, max(map(len, case.series.values())) - end)))
    return {
        "name": f"{case.alert}: {case.promise}",
        "interval": f"{case.every * STEP}s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": expected,
    }


def _unseen(case: Case) -> range:
    """Return the numbers of the scrapes that did not take place."""
    return range(*(second // STEP for second in case.away)) if case.away else range(0)


def where_it_runs(rule: Rule) -> Rule:
    """Return a rule that is evaluated only while Prometheus runs: promtool always does."""
    return {**rule, "expr": f"(\n{rule['expr']}\n) and on () {RUNS}"}


def failures(folder: Path, cases: Sequence[Case], groups: Groups) -> str:
    """Run promtool and return what it says against the cases; nothing if all hold.

    A case is given its alert with the records that this reads: evaluating all the others as well takes longer, and
    changes nothing.
    """
    rules, files = alerting(groups), []
    for name in sorted({case.alert for case in cases}):
        needed = [rule for group in groups.values() for rule in needed_by(name, group)]
        for kind, made in (("", needed), ("_away", [where_it_runs(rule) for rule in needed])):
            ours = [case for case in cases if case.alert == name and bool(case.away) == bool(kind)]
            rule_file = folder / f"{name}{kind}.yml"
            rule_file.write_text(json.dumps({"groups": [{"name": name, "rules": made}]}))
            for every in {case.every for case in ours}:
                tests = [as_test(case, rules) for case in ours if case.every == every]
                test = {"rule_files": [rule_file.name], "evaluation_interval": f"{every * STEP}s", "tests": tests}
                files.append(folder / f"{name}{kind}_{every}_test.yml")
                files[-1].write_text(json.dumps(test))
    # Each case has a database of its own: with Go's usual pace, a quarter of the time is spent on freeing memory.
    paced = os.environ | {"GOGC": "400"}
    done = subprocess.run(["promtool", "test", "rules", *files], env=paced, capture_output=True, text=True, check=False)
    assert done.stdout.count("SUCCESS") == len(files) or done.returncode, done.stdout + done.stderr
    return "" if done.returncode == 0 else done.stdout + done.stderr


def needed_by(alert: str, group: Sequence[Rule]) -> list[Rule]:
    """Return an alert's rules of a group, and the records before them that they read."""
    needed: list[Rule] = []
    for rule in reversed(group):
        if rule.get("alert") == alert or any(rule.get("record", "-") in later["expr"] for later in needed):
            needed.insert(0, rule)
    return needed
