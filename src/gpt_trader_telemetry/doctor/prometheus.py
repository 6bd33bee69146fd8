"""Prometheus and Alertmanager: whether the bot is scraped, the rules are loaded, and anything is firing."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from gpt_trader_telemetry.doctor.asking import Trouble, ask, shown
from gpt_trader_telemetry.doctor.finding import Finding, ok, printable, problem, skipped, warning
from gpt_trader_telemetry.doctor.plan import Plan, Server

__all__ = ["examine_alertmanager", "examine_prometheus"]

_PREFIXES: Final = ("gpt_trader", "coinbase_trader")
_RULES: Final = "add the files of collector/rules/ to rule_files in prometheus.yml, and reload it"


def examine_prometheus(plan: Plan) -> Iterator[Finding]:
    """Walk from its address to the alerts."""
    where = shown(plan.prometheus.url)
    try:
        targets = _api(plan, "targets?state=active")["activeTargets"]
        yield ok("endpoint", f"{where} answers")
        yield from _data(plan, [target for target in targets if target["labels"].get("job") == plan.job], targets)
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
    expression = f'count({{__name__=~"({names})_.+",job={_quoted(plan.job)}}})'
    result = _api(plan, "query?" + urlencode({"query": expression}))["result"]
    return int(float(result[0]["value"][1])) if result else 0


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
    firing = Counter(printable(alert["labels"]["alertname"], 60) for alert in alerts if alert["state"] == "firing")
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
