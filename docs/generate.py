"""Writes the reference pages that are derived from the code: docs/metrics.md, settings.md, cli.md, alerts.md ...

uv run docs/generate.py            # write them
uv run docs/generate.py --check    # only tell whether they are up to date
"""

import ast
import inspect
import json
import sys
from collections.abc import Sequence
from dataclasses import MISSING, fields
from pathlib import Path

from reference_cli import cli_page
from reference_metrics import metrics_page

from gpt_trader_telemetry import Settings
from gpt_trader_telemetry.rules.alerts import alerts
from gpt_trader_telemetry.rules.dashboards import DASHBOARDS
from gpt_trader_telemetry.rules.panels import Panel
from gpt_trader_telemetry.rules.promql import Alert, span
from gpt_trader_telemetry.rules.shown import HEARTBEAT_LIMITS
from gpt_trader_telemetry.rules.site import Site
from gpt_trader_telemetry.thresholds import VARIABLES as THRESHOLD_VARIABLES
from gpt_trader_telemetry.thresholds import Limits, Thresholds
from gpt_trader_telemetry.variables import VARIABLES

HERE = Path(__file__).parent
GENERATED = "<!-- Written by docs/generate.py from the code; change it there. -->"

COMMANDS_READ = {
    "environment": "",
    "---": "---",
    "`RISK_UNFILLED_ORDER_ALERT_SECONDS`": "`report daily`: how long an order waits before it counts as unfilled (300)",
    "`NO_COLOR`": "anything but empty: no colour",
    "`TERM`": "`dumb`: no colour, and nothing is written over",
}


def settings_page() -> str:
    """Return the reference of all settings."""
    variables: dict[str, list[str]] = {}
    for variable, name, _ in VARIABLES:
        variables.setdefault(name, []).append(f"`{variable}`")
    rows = ["| field of `Settings` | default | environment | |", "|---|---|---|---|"]
    texts = attribute_docs(Settings)
    variables["thresholds"] = ["[below](#thresholds)"]
    variables["otlp_endpoint"].append("`OTEL_METRICS_EXPORTER`")
    variables["otlp_traces_endpoint"].append("`OTEL_TRACES_EXPORTER`")
    for item in fields(Settings):
        default = "empty" if item.default is MISSING else f"`{item.default!r}`"
        rows.append(
            f"| `{item.name}` | {default} | {', '.join(variables.get(item.name, ['']))} | {texts.get(item.name, '')} |"
        )
    parts = [
        "# Settings",
        (
            "Durations are in seconds in code; OpenTelemetry's own variables are in milliseconds, as its "
            "specification has them. A variable that cannot be read is a `ConfigurationError` that names it "
            "and its value. Where two variables set one field, the later one in the list wins."
        ),
        "\n".join(rows),
        (
            "`OTEL_METRICS_EXPORTER` chooses the roads as OpenTelemetry has it: `none` sends nothing over OTLP, `otlp` "
            "sends to the default address where no endpoint is set. `OTEL_TRACES_EXPORTER=otlp` sends spans to the "
            "general address too; see [traces](tracing.md). What concerns the wire alone is read by "
            "OpenTelemetry's exporters themselves: `OTEL_EXPORTER_OTLP_CERTIFICATE`, `OTEL_EXPORTER_OTLP_COMPRESSION`, "
            "for gRPC without TLS `OTEL_EXPORTER_OTLP_INSECURE` and `OTEL_EXPORTER_OTLP_METRICS_INSECURE` ..."
        ),
        "## Thresholds",
        (
            "When a signal warns and when it is critical: `Settings(thresholds=Thresholds(...))`, or a variable for "
            "each. A value must be above its threshold, not at it. After a change, give the alert rules the same: "
            "[generate](cli.md#generate); what it would have alarmed about last month, [replay](cli.md#replay) says."
        ),
        thresholds_table(),
        "## What the commands read besides",
        "\n".join(f"| {name} | {text} |" for name, text in COMMANDS_READ.items()),
    ]
    return "\n\n".join(parts) + "\n"


def thresholds_table() -> str:
    """Return a row for each field of the thresholds."""
    variables = {name: variable for variable, name in THRESHOLD_VARIABLES.items()}
    texts = attribute_docs(Thresholds)
    rows = ["| field of `Thresholds` | default | environment | |", "|---|---|---|---|"]
    rows += [
        f"| `{item.name}` | `{item.default!r}` | `{variables[item.name]}` | {texts[item.name]} |"
        for item in fields(Thresholds)
    ]
    return "\n".join(rows)


def dashboards_page() -> str:
    """Return what each panel of each dashboard answers."""
    parts = [
        "# Dashboards",
        (
            "Grafana loads [the bot's](../collector/grafana/dashboards/gpt-trader-bot.json) and [the fleet's]"
            "(../collector/grafana/dashboards/gpt-trader-fleet.json): by provisioning, or by **Dashboards -> New -> "
            "Import**. They are made from the catalogue and the thresholds; after a change of yours to the thresholds "
            "make your own with `gpt-trader-telemetry generate --thresholds bot.env --output my-folder`."
        ),
        (
            "At the top you choose the data source, the prefix (`gpt_trader` is what bots tell themselves, "
            "`coinbase_trader` what the exporter reads from their files; type another where "
            "`COINBASE_TRADER_METRIC_PREFIX` sets one), jobs and bots. **Runbooks** is the address under which you "
            "publish [runbooks.md](runbooks.md): the links of the panels begin with it."
        ),
        (
            "Totals count each bot once. A bot that ships over OTLP is another instance after a restart, and the "
            "Collector hands on the ended one's last values for ten minutes: an instance whose heartbeat is older than "
            f"{HEARTBEAT_LIMITS.crit:g} seconds is in no total, so a restart shows both for as long as that, and a "
            "bot that died has no account here any more, though its positions and orders may still stand at the "
            "broker. A bot that is scraped and ships as well is counted as it is scraped. What Prometheus cannot know "
            "is which bot an exporter reads: keep the exporter's prefix another than `gpt_trader`, or choose one of "
            "the jobs, else a bot that tells of itself counts twice."
        ),
    ]
    for kind in DASHBOARDS:
        parts += [f"## {kind.title}", kind.about]
        for row in kind.rows(Site()):
            folded = " (folded)" if row.collapsed else ""
            parts += [f"### {row.title or 'At a glance'}{folded}", panels_table(row.panels)]
    return "\n\n".join(parts) + "\n"


def panels_table(panels: Sequence[Panel]) -> str:
    """Return a line for each panel."""
    rows = ["| panel | what it answers | yellow, red above | from |", "|---|---|---|---|"]
    for panel in panels:
        answers = panel.answers + (f" [What to do](runbooks.md#{panel.runbook})" if panel.runbook else "")
        limits = "" if panel.limits is None else spelled(panel.limits, panel.unit)
        names = "<br>".join(f"`{name}`" for name in panel.metrics)
        rows.append(f"| {panel.title} | {answers} | {limits} | {names} |")
    return "\n".join(rows)


def spelled(limits: Limits, unit: str) -> str:
    """Return limits with their unit."""
    if unit == "percentunit":
        return f"{100 * limits.warn:g} %, {100 * limits.crit:g} %"
    return f"{limits.warn:g}, {limits.crit:g}" + (f" {unit}" if unit in {"s", "ms"} else "")


def attribute_docs(owner: type) -> dict[str, str]:
    """Return the text that stands below each field in the source, or below the last of several."""
    found: dict[str, str] = {}
    undescribed: list[str] = []
    [definition] = ast.parse(inspect.getsource(owner)).body
    for node in definition.body:
        if isinstance(node, ast.AnnAssign):
            undescribed.append(node.target.id)
        elif isinstance(node, ast.Expr) and undescribed:
            found |= dict.fromkeys(undescribed, " ".join(inspect.cleandoc(node.value.value).split()))
            undescribed = []
    return found


def alerts_page() -> str:
    """Return the page about the alert rules: what was decided, all of them, and how they did on days that go wrong."""
    rows = ["| alert | fires when | for | who hears |", "|---|---|---|---|", *map(alert_row, alerts(Site()))]
    days = ["| what goes wrong | page, after | ticket, after |", "|---|---|---|"]
    days += [
        f"| {day['scenario']} | {told(day['page'])} | {told(day['ticket'])} |"
        for day in json.loads((HERE / "alert-scenarios.json").read_text())
    ]
    text = (HERE / "alerts.template.md").read_text()
    return text.replace("{{ alerts }}", "\n".join(rows)).replace("{{ days }}", "\n".join(days))


def alert_row(alert: Alert) -> str:
    """Return an alert's row of the table."""
    hears = "a page" if alert.pages else "a ticket"
    return f"| [{alert.name}](runbooks.md#{alert.runbook}) | {alert.summary} | {span(alert.hold)} | {hears} |"


def told(alerts: dict[str, float]) -> str:
    """Return who was told of what, and when."""
    return ", ".join(f"{name} {seconds // 60}:{seconds % 60:02d}" for name, seconds in alerts.items()) or "nobody"


WRITERS = {
    "metrics.md": metrics_page,
    "settings.md": settings_page,
    "cli.md": cli_page,
    "alerts.md": alerts_page,
    "dashboards.md": dashboards_page,
}


def page(name: str) -> str:
    """Return a page as the code has it now."""
    return f"{GENERATED}\n\n{WRITERS[name]()}"


def main() -> int:
    """Write the pages, or check them."""
    pages = {name: page(name) for name in WRITERS}
    stale = [name for name, text in pages.items() if not (HERE / name).exists() or (HERE / name).read_text() != text]
    if "--check" in sys.argv:
        print("stale: " + ", ".join(stale) if stale else "up to date")
        return 1 if stale else 0
    for name in stale:
        (HERE / name).write_text(pages[name])
        print(f"wrote docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
