"""A real Prometheus and a real Alertmanager with the operator's own files, at a faster clock, and who is notified."""

import json
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml
from promtool import COLLECTOR

from gpt_trader_telemetry.rules.alerts import alert_rules
from gpt_trader_telemetry.rules.promql import Pace, span
from gpt_trader_telemetry.rules.site import Site
from gpt_trader_telemetry.thresholds import Thresholds
from support.listening import served
from support.stores import Store, alertmanager_on, prometheus_on

DURATION = re.compile(r"^(\d+)(s|m|h|d)$")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def quicker(text: str, factor: float) -> str:
    """Shorten a duration."""
    number, unit = DURATION.fullmatch(text).groups()
    return span(int(number) * SECONDS[unit] / factor)


class Heard:
    """Every notification that came, on the pager or as a ticket."""

    def __init__(self) -> None:
        self.alerts: list[tuple[str, float, dict[str, Any]]] = []
        self.incidents: dict[str, set[str]] = {}
        """Of each job, the groups that were told of: what a pager takes for one incident, however often it is told."""

    def take(self, path: str, body: bytes) -> bytes:
        """Note a webhook's call."""
        now, told = time.time(), json.loads(body)
        for alert in told["alerts"]:
            self.alerts.append((path.strip("/"), now, alert))
            if told["status"] == "firing":
                self.incidents.setdefault(alert["labels"].get("job", ""), set()).add(told["groupKey"])
        return b""

    def firing(self, job: str) -> dict[str, dict[str, float]]:
        """Return by channel which alerts of a job were told to fire, each with the time at which it first was."""
        told: dict[str, dict[str, float]] = {"page": {}, "ticket": {}}
        for channel, now, alert in list(self.alerts):
            name = f"{alert['labels']['alertname']} {alert['labels']['severity']}"
            if alert["labels"].get("job") == job and alert["status"] == "firing":
                told[channel].setdefault(name, now)
        return told

    def instances(self, job: str) -> dict[str, int]:
        """Return how many instances each alert of a job was told of."""
        found: dict[str, set[str]] = {}
        for _, _, alert in list(self.alerts):
            if alert["labels"].get("job") == job:
                name = f"{alert['labels']['alertname']} {alert['labels']['severity']}"
                found.setdefault(name, set()).add(alert["labels"].get("instance", ""))
        return {name: len(instances) for name, instances in found.items()}


def alertmanager_config(factor: float, webhook: str) -> dict[str, Any]:
    """Return the operator's routing with shorter waits and the test's own receivers behind the same names."""
    config = yaml.safe_load((COLLECTOR / "alertmanager.yml").read_text())
    for route in (config["route"], *config["route"]["routes"]):
        for wait in ("group_wait", "group_interval", "repeat_interval"):
            route[wait] = quicker(route[wait], factor)
    for receiver in config["receivers"]:
        for hook in receiver["webhook_configs"]:
            hook["url"] = webhook + urllib.parse.urlsplit(hook["url"]).path
    return config


def playbook_for(job: str, factor: float) -> dict[str, Any]:
    """Return the playbook's group at a faster clock, looking at one job alone, since it adds up all that there are.

    A latency of 3 s is 3 s of the faster clock, and the job is put on what has none.
    """
    (group,) = yaml.safe_load((COLLECTOR / "rules" / "playbook.yml").read_text())["groups"]
    rules = []
    for rule in group["rules"]:
        expr = rule["expr"].replace('job="gpt-trader"', f'job="{job}"')
        expr = re.sub(
            r"(gpt_trader_\w+)(\{)?", lambda found: f'{found[1]}{{job="{job}"' + (", " if found[2] else "}"), expr
        )
        expr = expr.replace("[5m]", f"[{span(300 / factor)}]").replace(
            " > 3", f" > {3 / factor}" if "quantile" in expr else " > 3"
        )
        rules.append(
            {**rule, "expr": expr, "for": quicker(rule["for"], factor), "labels": {**rule["labels"], "job": job}}
        )
    return {"name": f"playbook {job}", "rules": rules}


class Operators:
    """Prometheus, Alertmanager and whoever is notified."""

    def __init__(self, prometheus: Store, heard: Heard) -> None:
        self.get, self.heard = prometheus.get, heard

    def fired(self, job: str) -> dict[str, float]:
        """Return every alert of a job that fired, notified or inhibited, and since when."""
        now = time.time()
        found = self.get(
            "query_range", query=f'ALERTS{{job="{job}",alertstate="firing"}}', start=now - 300, end=now, step="0.5"
        )["result"]
        return {
            f"{series['metric']['alertname']} {series['metric']['severity']}": float(series["values"][0][0])
            for series in found
        }

    def rules(self) -> list[Mapping[str, Any]]:
        """Return all rules and how they fare."""
        return [rule for group in self.get("rules")["groups"] for rule in group["rules"]]


@contextmanager
def operators(
    folder: Path,
    thresholds: Thresholds,
    factor: float,
    scraped: Mapping[str, Path],
    handed_on: Mapping[str, Sequence[str]],
) -> Iterator[Operators]:
    """Run both programs over the targets of each job, in a file, and over who hands on what the bots of a job send."""
    heard = Heard()
    with ExitStack() as stack:
        receiver = stack.enter_context(served(heard.take))
        webhook = f"http://{receiver}"
        (folder / "alertmanager.json").write_text(json.dumps(alertmanager_config(factor, webhook)))
        manager = stack.enter_context(alertmanager_on(folder / "alertmanager.json", folder))
        groups = [
            *alert_rules(Site(thresholds=thresholds, pace=Pace(factor)))["groups"],
            *(playbook_for(job, factor) for job in {**scraped, **handed_on}),
        ]
        (folder / "rules.json").write_text(json.dumps({"groups": groups}))
        every = span(15 / factor)
        (folder / "prometheus.json").write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
                    "rule_files": [str(folder / "rules.json")],
                    "alerting": {
                        "alertmanagers": [{"static_configs": [{"targets": [manager.url.removeprefix("http://")]}]}]
                    },
                    "scrape_configs": [
                        *(
                            {"job_name": job, "file_sd_configs": [{"files": [str(targets)]}]}
                            for job, targets in scraped.items()
                        ),
                        # The Collector is a job of its own; what it hands on names another.
                        *(
                            {
                                "job_name": f"collector of {job}",
                                "honor_labels": True,
                                "static_configs": [{"targets": addresses}],
                            }
                            for job, addresses in handed_on.items()
                        ),
                    ],
                }
            )
        )
        server = stack.enter_context(prometheus_on(folder / "prometheus.json", folder, "--rules.alert.resend-delay=1s"))
        yield Operators(server, heard)
