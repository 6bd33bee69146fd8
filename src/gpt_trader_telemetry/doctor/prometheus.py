"""Prometheus and Alertmanager: whether the bot is scraped, the rules are loaded, and anything is firing."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from gpt_trader_telemetry.catalog import TELEMETRY_HEARTBEAT
from gpt_trader_telemetry.doctor.asking import Trouble, ask, shown
from gpt_trader_telemetry.doctor.finding import Finding, ok, printable, problem, skipped, warning
from gpt_trader_telemetry.doctor.plan import Plan, Server, spoken
from gpt_trader_telemetry.settings import Settings

__all__ = ["examine_alertmanager", "examine_prometheus"]

_PREFIXES: Final = ("gpt_trader", "coinbase_trader")
_RULES: Final = "add the files of collector/rules/ to rule_files in prometheus.yml, and reload it"


_ALWAYS: Final = "Watchdog"
"""Fires as long as alerts are evaluated at all."""
_COLLECTORS: Final = (
    ("gpt_trader:collector:up == 0", "does not answer Prometheus"),
    ("sum by (job, instance) (increase(otelcol_exporter_send_failed_metric_points[5m])) > 0", "fails to hand on"),
    ("sum by (job, instance) (increase(otelcol_receiver_refused_metric_points[5m])) > 0", "refuses what it is sent"),
    (
        "max by (job, instance) (otelcol_exporter_queue_size / (otelcol_exporter_queue_capacity > 0)) > 0.5",
        "has a queue that is more than half full",
    ),
)
"""What is wrong with a Collector, as Prometheus knows it, and how it is said."""

_DURATION: Final = re.compile(r"(\d+)(ms|[smhd])")
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def examine_prometheus(plan: Plan, settings: Settings | None = None) -> Iterator[Finding]:
    """Walk from its address to the alerts; the settings tell how often a bot ships."""
    where = shown(plan.prometheus.url)
    try:
        targets = _api(plan, "targets?state=active")["activeTargets"]
        yield ok("endpoint", f"{where} answers")
        yield from _data(plan, [target for target in targets if target["labels"].get("job") == plan.job], targets)
        yield from _heartbeat(plan, settings or Settings(), targets)
        yield from _collectors(plan)
        yield from _rules(_api(plan, "rules")["groups"], (*_PREFIXES, plan.job))
        yield _firing(_api(plan, "alerts")["alerts"])
        yield _receivers(_api(plan, "alertmanagers")["activeAlertmanagers"])
    except Trouble as trouble:
        yield _unanswered(plan.prometheus, trouble, "--prometheus")
    except (LookupError, TypeError, AttributeError, ValueError):
        yield problem("endpoint", f"{where} answers, but not as Prometheus does", "correct --prometheus")


def examine_alertmanager(plan: Plan) -> Iterator[Finding]:
    """Ask it for its version and for what it keeps quiet."""
    server = plan.alertmanager
    try:
        answer = ask(server.url, "/api/v2/status", seconds=plan.timeout, tls=plan.tls)
        version = answer.field("versionInfo")
        if not isinstance(version, dict):
            raise Trouble(f"it answers HTTP {answer.status}, but not as Alertmanager does", "correct --alertmanager")
        silences = ask(server.url, "/api/v2/silences", seconds=plan.timeout, tls=plan.tls).json()
    except Trouble as trouble:
        yield _unanswered(server, trouble, "--alertmanager")
        return
    yield ok("endpoint", f"{shown(server.url)} answers, version {printable(version.get('version'), 40)}")
    active = [one for one in silences or () if one.get("status", {}).get("state") == "active"]
    if active:
        yield warning("silences", f"{len(active)} active: what they match pages nobody", "end what is no longer meant")


def _unanswered(server: Server, trouble: Trouble, option: str) -> Finding:
    where = shown(server.url)
    if trouble.nobody_listens and not server.given:
        return skipped("endpoint", f"nobody listens at {where}; {option} names another address")
    return problem("endpoint", f"{where}: {trouble.said}", trouble.do)


def _api(plan: Plan, question: str) -> Any:
    answer = ask(plan.prometheus.url, f"/api/v1/{question}", seconds=plan.timeout, tls=plan.tls)
    said = answer.field("status")
    if said not in {"success", "error"}:
        remedy = "correct --prometheus; a login in front of it is more than the doctor can pass"
        raise Trouble(f"it answers, but not as Prometheus does (HTTP {answer.status})", remedy)
    if said == "error":
        raise Trouble(f"it cannot answer: {printable(answer.field('error'))}", "look into its log")
    return answer.field("data")


def _data(plan: Plan, ours: list[Mapping[str, Any]], targets: list[Mapping[str, Any]]) -> Iterator[Finding]:
    down = [target for target in ours if target["health"] != "up"]
    for target in down:
        said = printable(target["lastError"] or "not scraped yet")
        yield problem(
            "target", f"{printable(target['scrapeUrl'])} is {target['health']}: {said}",
            "open that address from the machine that Prometheus runs on, and compare port, path, token and TLS",
        )  # fmt: skip
    if up := len(ours) - len(down):
        yield ok("target", f"job {plan.job!r}: {up} of {len(ours)} up")
    series = _count(plan)
    if not ours:
        jobs = ", ".join(sorted({printable(target["labels"].get("job"), 40) for target in targets})) or "none"
        said = f"no target has the job {plan.job!r}; the jobs are: {jobs}"
        if series:
            yield ok("target", f"{said}; the series arrive by another road, such as a Collector")
        else:
            yield problem(
                "target", said, "add the bot to scrape_configs under that job (collector/prometheus.yml), or give --job"
            )
    if series:
        yield ok("query", f"{series} series of {plan.job!r}")
    else:
        yield problem(
            "query",
            f"no gpt_trader_ series of {plan.job!r}",
            "see the bot and the target; a new target needs an interval",
        )


def _count(plan: Plan) -> int:
    names = "|".join({*_PREFIXES, plan.variables.get("COINBASE_TRADER_METRIC_PREFIX", "").strip() or _PREFIXES[0]})
    return int(_number(plan, f'count({{__name__=~"({names})_.+",job={_quoted(plan.job)}}})') or 0)


def _heartbeat(plan: Plan, settings: Settings, targets: list[Mapping[str, Any]]) -> Iterator[Finding]:
    """Judge the newest heartbeat: a Collector hands on what a bot said last for minutes after the bot's end."""
    age = _number(plan, f"time() - max({TELEMETRY_HEARTBEAT.name}{{job={_quoted(plan.job)}}})")
    if age is None or not math.isfinite(age):
        return
    said = f"the newest of {plan.job!r} is {spoken(age)} old"
    if age <= 3 * settings.export_interval + _scrape_interval(plan, targets):
        yield ok("heartbeat", said)
        return
    yield problem(
        "heartbeat",
        f"{said}, more than 3 export intervals of {settings.export_interval:g} s: what is shown are its last words",
        "see that the bot runs and reaches the Collector (its log, Collector above); if it exports less often, "
        "give the doctor its OTEL_METRIC_EXPORT_INTERVAL; compare the clocks",
    )


def _collectors(plan: Plan) -> Iterator[Finding]:
    """Say how the Collectors are that Prometheus scrapes; the rules know them by what they tell of themselves."""
    wrong = [
        f"{printable(found['metric'].get('instance'), 60)} {said}"
        for expression, said in _COLLECTORS
        for found in _results(plan, expression)
    ]
    if wrong:
        yield problem("collectors", "; ".join(wrong), 'docs/runbooks.md, "Collector ..."; look into its log')
    elif number := int(_number(plan, "count(gpt_trader:collector:up)") or 0):
        yield ok("collectors", f"{number} answer, hand on what they take and refuse nothing")


def _scrape_interval(plan: Plan, targets: list[Mapping[str, Any]]) -> float:
    """Return how old at most what was scraped is: the bot's interval, or that of whichever target hands it on."""
    own = [_scraped_every(target) for target in targets if target["labels"].get("job") == plan.job]
    return max(own) if own else min(60.0, max(map(_scraped_every, targets), default=0.0))


def _scraped_every(target: Mapping[str, Any]) -> float:
    parts = _DURATION.findall(str(target.get("scrapeInterval", "")))
    return float(sum(int(count) * _SECONDS[unit] for count, unit in parts))


def _number(plan: Plan, expression: str) -> float | None:
    result = _results(plan, expression)
    return float(result[0]["value"][1]) if result else None


def _results(plan: Plan, expression: str) -> list[Mapping[str, Any]]:
    return list(_api(plan, "query?" + urlencode({"query": expression}))["result"])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _rules(groups: list[Mapping[str, Any]], names: tuple[str, ...]) -> Iterator[Finding]:
    ours = [rule for group in groups for rule in group["rules"] if any(name in rule["query"] for name in names)]
    alerts = [rule for rule in ours if rule["type"] == "alerting"]
    if not alerts:
        yield problem("rules", "no alert rule on the bot's metrics is loaded: nobody is told of anything", _RULES)
    else:
        yield ok("rules", f"{len(alerts)} alert rules on the bot's metrics are loaded")
    for rule in ours:
        if rule["health"] == "err":
            yield problem("rules", f"{printable(rule['name'])} fails: {printable(rule.get('lastError'))}", _RULES)


def _firing(alerts: list[Mapping[str, Any]]) -> Finding:
    firing = Counter(
        printable(alert["labels"]["alertname"], 60)
        for alert in alerts
        if alert["state"] == "firing" and alert["labels"]["alertname"] != _ALWAYS
    )
    if not firing:
        return ok("alerts", "none is firing")
    named = ", ".join(f"{name} ({count})" if count > 1 else name for name, count in sorted(firing.items()))
    return warning("alerts", f"firing: {named}", "each alert's runbook_url, or docs/runbooks.md, says what to do")


def _receivers(alertmanagers: list[Mapping[str, Any]]) -> Finding:
    if alertmanagers:
        return ok("alerting", f"alerts go to {', '.join(printable(one['url'], 80) for one in alertmanagers)}")
    return warning(
        "alerting", "no Alertmanager: what fires reaches nobody", "add alerting: alertmanagers: to prometheus.yml"
    )
