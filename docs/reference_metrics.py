"""The reference of all metrics, made from the catalogue and from what the modules of the package name of it."""

import ast
from functools import cache
from pathlib import Path

import gpt_trader_telemetry
from gpt_trader_telemetry import catalog
from gpt_trader_telemetry.catalog import CATALOG, LATENCY_BUCKETS, REASONS, Kind, Label, Metric
from gpt_trader_telemetry.exported import FAMILIES, Family

PACKAGE = Path(gpt_trader_telemetry.__file__).parent
RECORDING_ROOMS = ("instrument", "integrations", "pipeline", "recording", "health")
READERS = {"health/measures.py", "health/trading_history.py", "instrument/arguments.py"}
"""Of these rooms, what names metrics because it takes what others recorded."""

VERBS = {
    "instrument/account.py": "`telemetry.account.update`",
    "instrument/broker.py": "`broker_call`",
    "instrument/cycle.py": "`cycle` and `phase`",
    "instrument/guards.py": "`guard`",
    "instrument/orders.py": "`order_submission`",
    "instrument/record.py": "`record_data_quality`",
    "instrument/websocket.py": "`telemetry.websocket`",
    "health/checks.py": "`check_ticker_freshness`",
}
"""What a bot writes so that a module records; of the other modules, the library calls them itself."""

UNITS = {
    "_timestamp_seconds": "seconds since 1970",
    "_seconds": "seconds",
    "_milliseconds": "milliseconds",
    "_ms": "milliseconds",
    "_usd": "US dollars",
    "_dollars": "US dollars",
    "_percent": "percent",
    "_mb": "megabytes",
    "_megabytes": "megabytes",
    "_gigabytes": "gigabytes",
    "_ratio": "a share, 0 to 1",
    "_rate": "a share, 0 to 1",
    "_score": "a share, 0 to 1",
    "signal_value": "the signal's own: a ratio, milliseconds, seconds or a count",
    "_state": "a code",
    "_status": "a code",
    "_connected": "1 or 0",
    "_stale": "1 or 0",
    "_up": "1 or 0",
    "_triggered": "1 or 0",
    "_tier": "1",
    "_readable": "1 or 0",
    "caught_up": "1 or 0",
    "equity": "US dollars",
    "_remaining": "US dollars",
}
"""By how a name ends; what ends otherwise is a count."""


@cache
def recorded_in() -> dict[str, list[str]]:
    """Return the modules that record each metric of the catalogue, by its name."""
    names = {constant: value.name for constant, value in vars(catalog).items() if isinstance(value, Metric)}
    found: dict[str, list[str]] = {name: [] for name in CATALOG}
    for path in sorted(file for room in RECORDING_ROOMS for file in (PACKAGE / room).rglob("*.py")):
        module = path.relative_to(PACKAGE).as_posix()
        if module in READERS:
            continue
        nodes = list(ast.walk(ast.parse(path.read_text())))
        loaded = {getattr(node, "id", getattr(node, "attr", "")) for node in nodes if isinstance(node, ast.expr)}
        for constant in loaded & set(names):
            found.setdefault(names[constant], []).append(module)
    return found


def emitter_of(metric: Metric) -> str:
    """Return what records a metric, and in which modules; what nothing records by itself is recorded by name."""
    modules = recorded_in()[metric.name]
    if not modules:
        return f'the bot, `record_{metric.kind}("{metric.name}", ...)`'
    verbs = dict.fromkeys(VERBS.get(module, "the library itself") for module in modules)
    return f"{', '.join(verbs)}, in " + ", ".join(f"`{module}`" for module in modules)


def unit_of(name: str) -> str:
    """Return what one of a metric is.

    >>> unit_of("gpt_trader_ws_last_message_age_seconds"), unit_of("gpt_trader_trades_executed_total")
    ('seconds', 'a count')
    """
    return next((unit for ending, unit in UNITS.items() if name.endswith(ending)), "a count")


def query_of(name: str, kind: Kind, label: str | None) -> str:
    """Return an example query that makes sense for the kind, by a label where there is one."""
    by = f" by ({label})" if label else ""
    if kind is Kind.COUNTER:
        return f"sum{by} (increase({name}[5m]))"
    if kind is Kind.HISTOGRAM:
        le = f"le, {label}" if label else "le"
        return f"histogram_quantile(0.95, sum by ({le}) (rate({name}_bucket[5m])))"
    if name.endswith("_timestamp_seconds"):
        return f"time() - {name}"
    return f"max{by} ({name})" if label else name


def example_of(metric: Metric) -> str:
    """Return the example query of a metric of the catalogue."""
    return query_of(metric.name, metric.kind, metric.labels[0].name if metric.labels else None)


def exported_example_of(family: Family) -> str:
    """Return the example query of a series of the exporter."""
    return query_of(f"coinbase_trader_{family.name}", family.kind, family.labels[0] if family.labels else None)


def label_text(label: Label) -> str:
    """Return a label and the values it may have."""
    if not label.values:
        return f"`{label.name}`"
    values = "a [reason](#reasons)" if label.values == REASONS else ", ".join(label.values)
    return f"`{label.name}` ({values})"


def entry(metric: Metric) -> str:
    """Return all there is to know of a metric."""
    labels = "; ".join(map(label_text, metric.labels)) or "none"
    rows = [
        f"- {metric.kind}, {unit_of(metric.name)}; labels: {labels}",
        f"- recorded by {emitter_of(metric)}",
    ]
    if metric.buckets:
        rows.insert(1, "- buckets: " + " ".join(f"{bound:g}" for bound in metric.buckets))
    rows += [f"- Deprecated: served as `{name}`, too ([how long](versioning.md))" for name in metric.former_names]
    return "\n\n".join([f"## {metric.name}", metric.help, "\n".join([*rows, f"- `{example_of(metric)}`"])])


def exporter_table() -> str:
    """Return a row for each series of the exporter."""
    rows = ["| series | kind | unit | labels | what it is | ask |", "|---|---|---|---|---|---|"]
    for family in FAMILIES.values():
        labels = ", ".join(f"`{name}`" for name in family.labels)
        rows.append(
            f"| `{family.name}` | {family.kind} | {unit_of(family.name)} | {labels} | {family.help} | "
            f"`{exported_example_of(family)}` |"
        )
    return "\n".join(rows)


def metrics_page() -> str:
    """Return the reference of all metrics."""
    bounds = " ".join(f"{bound:g}" for bound in LATENCY_BUCKETS)
    parts = [
        "# Metrics",
        "The name is the same for Prometheus and in OpenTelemetry, whether the bot is scraped or ships over OTLP.",
        (
            f"Histograms are in seconds; those of latencies have the buckets {bounds}. Counters whose labels are "
            "known beforehand start at zero; histograms start at their first value; a gauge that is not known is "
            "absent. Below each is what records it, in which module of the package, and a query to begin with: a "
            "test puts each to a real Prometheus that has scraped a bot."
        ),
        (
            "A metric has at most 2,000 label sets (`GPT_TRADER_CARDINALITY_LIMIT`); what comes after shares one "
            'series with `otel_metric_overflow="true"`, and a warning names the label that is to blame.'
        ),
        (
            "`target_info` is there too: one series with the resource of the bot as its labels, `service_name` and "
            "`service_instance_id` among them. What an [exporter](exporter.md) tells of a bot is "
            "[below](#the-exporters-series)."
        ),
        *map(entry, CATALOG.values()),
        "## Reasons",
        "A closed set; anything else that is given becomes `error`.",
        ", ".join(f"`{reason}`" for reason in REASONS),
        "## The exporter's series",
        (
            "Of a bot that serves nothing, from [the files](exporter.md#series) that it leaves. Names begin with "
            "`coinbase_trader_`, or what `COINBASE_TRADER_METRIC_PREFIX` says; with several profiles each series has "
            "the label `profile` as well."
        ),
        exporter_table(),
    ]
    return "\n\n".join(parts) + "\n"
