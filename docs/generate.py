"""Writes the reference pages that are derived from the code: docs/metrics.md, settings.md, alerts.md, dashboards.md.

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

from gpt_trader_telemetry import Settings
from gpt_trader_telemetry.catalog import CATALOG, LATENCY_BUCKETS, REASONS, Kind, Label, Metric
from gpt_trader_telemetry.rules.alerts import alerts
from gpt_trader_telemetry.rules.dashboards import DASHBOARDS
from gpt_trader_telemetry.rules.panels import Panel
from gpt_trader_telemetry.rules.promql import Alert, span
from gpt_trader_telemetry.rules.shown import HEARTBEAT_LIMITS
from gpt_trader_telemetry.thresholds import Limits, Thresholds
from gpt_trader_telemetry.variables import VARIABLES

HERE = Path(__file__).parent
GENERATED = "<!-- Written by docs/generate.py from the code; change it there. -->"

EMITTERS = {
    "broker_call": ("broker_call_latency",),
    "order_submission": ("order_submission", "order_missing_decision_id", "trades_blocked"),
    "guard": ("guard_",),
    "cycle": ("cycle_duration",),
    "phase": ("profile_duration", "positions_fetch", "equity_computation"),
    "record_data_quality": ("data_quality",),
    "telemetry.websocket": ("ws_", "websocket_reconnects"),
    "telemetry.account": ("equity_dollars", "pnl_usd", "_pnl_usd", "symbol_", "open_orders"),
    "the library itself": ("telemetry_", "process_"),
}


def emitter_of(metric: Metric) -> str:
    """Return what records a metric; what nothing records by itself is recorded by name."""
    name = metric.name.removeprefix("gpt_trader_")
    for emitter, beginnings in EMITTERS.items():
        if any(name.startswith(beginning) or name.endswith(beginning) for beginning in beginnings):
            return f"`{emitter}`" if " " not in emitter else emitter
    return f"`record_{metric.kind}`"


def query_of(metric: Metric) -> str:
    """Return an example query that makes sense for the metric's kind."""
    by = f" by ({metric.labels[0].name})" if metric.labels else ""
    if metric.kind is Kind.COUNTER:
        return f"sum(increase({metric.name}[5m])){by}"
    if metric.kind is Kind.HISTOGRAM:
        more = f", {metric.labels[0].name}" if metric.labels else ""
        return f"histogram_quantile(0.95, sum(rate({metric.name}_bucket[5m])) by (le{more}))"
    return metric.name


def label_text(label: Label) -> str:
    """Return a label and the values it may have."""
    if not label.values:
        return f"`{label.name}`"
    values = "a [reason](#reasons)" if label.values == REASONS else ", ".join(label.values)
    return f"`{label.name}` ({values})"


def metrics_page() -> str:
    """Return the reference of all metrics."""
    bounds = " ".join(f"{bound:g}" for bound in LATENCY_BUCKETS)
    parts = [
        GENERATED,
        "# Metrics",
        "The name is the same for Prometheus and in OpenTelemetry, whether the bot is scraped or ships over OTLP.",
        (
            f"Histograms are in seconds, with the buckets {bounds} unless stated otherwise. Counters whose labels "
            "are known beforehand start at zero; histograms start at their first value; a gauge that is not known is "
            "absent."
        ),
        (
            "A metric has at most 2,000 label sets (`GPT_TRADER_CARDINALITY_LIMIT`); what comes after shares one "
            'series with `otel_metric_overflow="true"`, and a warning names the label that is to blame.'
        ),
    ]
    for metric in CATALOG.values():
        labels = "; ".join(map(label_text, metric.labels)) or "none"
        rows = [f"- {metric.kind}, labels: {labels}", f"- recorded by {emitter_of(metric)}"]
        if metric.buckets and metric.buckets != LATENCY_BUCKETS:
            rows.append("- buckets: " + " ".join(f"{bound:g}" for bound in metric.buckets))
        rows.append(f"- `{query_of(metric)}`")
        parts += [f"## {metric.name}", metric.help, "\n".join(rows)]
    parts += [
        "## Reasons",
        "A closed set; anything else that is given becomes `error`.",
        ", ".join(f"`{reason}`" for reason in REASONS),
    ]
    return "\n\n".join(parts) + "\n"


def settings_page() -> str:
    """Return the reference of all settings."""
    variables: dict[str, list[str]] = {}
    for variable, name, _ in VARIABLES:
        variables.setdefault(name, []).append(f"`{variable}`")
    rows = ["| field of `Settings` | default | environment | |", "|---|---|---|---|"]
    texts = attribute_docs()
    for item in fields(Settings):
        default = "empty" if item.default is MISSING else f"`{item.default!r}`"
        rows.append(
            f"| `{item.name}` | {default} | {', '.join(variables.get(item.name, ['']))} | {texts.get(item.name, '')} |"
        )
    return (
        "\n\n".join(
            [
                GENERATED,
                "# Settings",
                (
                    "Durations are in seconds in code; OpenTelemetry's own variables are in milliseconds, as its "
                    "specification has them. A variable that cannot be read is a `ConfigurationError` that names it "
                    "and its value. Where two variables set one field, the later one in the list wins."
                ),
                "\n".join(rows),
                (
                    "`OTEL_METRICS_EXPORTER` chooses the roads as OpenTelemetry has it: `none` sends nothing over "
                    "OTLP, `otlp` sends to the default address where no endpoint is set. `OTEL_TRACES_EXPORTER=otlp` "
                    "sends spans to the general address too; see [traces](tracing.md). Certificates and compression "
                    "(`OTEL_EXPORTER_OTLP_CERTIFICATE`, `_COMPRESSION` ...) are read by OpenTelemetry's exporters."
                ),
            ]
        )
        + "\n"
    )


def dashboards_page() -> str:
    """Return what each panel of each dashboard answers."""
    parts = [
        GENERATED,
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
        for row in kind.rows(Thresholds()):
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


def attribute_docs() -> dict[str, str]:
    """Return the text that stands below each field in the source, or below the last of several."""
    found: dict[str, str] = {}
    undescribed: list[str] = []
    [settings] = ast.parse(inspect.getsource(Settings)).body
    for node in settings.body:
        if isinstance(node, ast.AnnAssign):
            undescribed.append(node.target.id)
        elif isinstance(node, ast.Expr) and undescribed:
            found |= dict.fromkeys(undescribed, " ".join(inspect.cleandoc(node.value.value).split()))
            undescribed = []
    return found


def alerts_page() -> str:
    """Return the page about the alert rules: what was decided, all of them, and how they did on days that go wrong."""
    rows = ["| alert | fires when | for | who hears |", "|---|---|---|---|", *map(alert_row, alerts(Thresholds()))]
    days = ["| what goes wrong | page, after | ticket, after |", "|---|---|---|"]
    days += [
        f"| {day['scenario']} | {told(day['page'])} | {told(day['ticket'])} |"
        for day in json.loads((HERE / "alert-scenarios.json").read_text())
    ]
    text = (HERE / "alerts.template.md").read_text()
    return f"{GENERATED}\n\n" + text.replace("{{ alerts }}", "\n".join(rows)).replace("{{ days }}", "\n".join(days))


def alert_row(alert: Alert) -> str:
    """Return an alert's row of the table."""
    hears = "a page" if alert.pages else "a ticket"
    return f"| [{alert.name}](runbooks.md#{alert.runbook}) | {alert.summary} | {span(alert.hold)} | {hears} |"


def told(alerts: dict[str, float]) -> str:
    """Return who was told of what, and when."""
    return ", ".join(f"{name} {seconds // 60}:{seconds % 60:02d}" for name, seconds in alerts.items()) or "nobody"


PAGES = {
    "metrics.md": metrics_page,
    "settings.md": settings_page,
    "alerts.md": alerts_page,
    "dashboards.md": dashboards_page,
}


def main() -> int:
    """Write the pages, or check them."""
    stale = [name for name, page in PAGES.items() if not (HERE / name).exists() or (HERE / name).read_text() != page()]
    if "--check" in sys.argv:
        print("stale: " + ", ".join(stale) if stale else "up to date")
        return 1 if stale else 0
    for name in stale:
        (HERE / name).write_text(PAGES[name]())
        print(f"wrote docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
