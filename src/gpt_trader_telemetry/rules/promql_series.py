"""How a dashboard names series: the bot's own, and those that the exporter serves under a prefix of its own."""

import re
from collections.abc import Iterator
from typing import Final

from gpt_trader_telemetry.catalog import CATALOG, PREFIX, Metric
from gpt_trader_telemetry.exported import FAMILIES

__all__ = ["CHOSEN", "EXPORTED_HELP", "bot", "either", "named", "on_road", "prefixed", "quantile", "share"]

CHOSEN: Final = 'job=~"$job",instance=~"$instance"'
"""What the reader chose at the top."""

EXPORTED_HELP: Final = {name: family.help for name, family in FAMILIES.items() if f"{PREFIX}{name}" not in CATALOG}
"""The exporter's series that the bot itself has not under the same suffix."""

_NAME: Final = re.compile(r"(?:\$\{prefix\}_|gpt_trader_)[a-z0-9_]+|\bup\b|\b(?:scrape|otelcol)_[a-z_]+")
_OTHERS: Final = {
    "up": "1 when Prometheus' last scrape succeeded, else 0.",
    "scrape_duration_seconds": "How long Prometheus' last scrape took.",
    "scrape_samples_scraped": "How many samples Prometheus' last scrape brought.",
    "otelcol_receiver_accepted_metric_points": "Points that a Collector took.",
    "otelcol_receiver_refused_metric_points": "Points that a Collector did not take; who sent them sends them again.",
    "otelcol_receiver_failed_metric_points": "Points that a Collector could not hand on, and told who sent them so.",
    "otelcol_exporter_send_failed_metric_points": "Points that a Collector failed to hand on.",
    "otelcol_exporter_queue_size": "What waits in a Collector's sending queue, in bytes.",
    "otelcol_exporter_queue_capacity": "What fits into it.",
    "otelcol_process_memory_rss": "Memory of a Collector's process, in bytes.",
}


def bot(metric: Metric, *matchers: str, part: str = "", chosen: str = CHOSEN) -> str:
    """Return a selector of the bot's own series.

    >>> from gpt_trader_telemetry.catalog import ORDER_SUBMISSION
    >>> bot(ORDER_SUBMISSION, 'side="buy"')
    'gpt_trader_order_submission_total{job=~"$job",instance=~"$instance",side="buy"}'
    """
    return f"{metric.name}{part}{{{','.join([chosen, *matchers])}}}"


def prefixed(suffix: str, chosen: str = CHOSEN) -> str:
    """Return a selector of a series that is the exporter's, or the bot's where the prefix is the bot's.

    >>> prefixed("equity")
    '${prefix}_equity{job=~"$job",instance=~"$instance"}'
    """
    return f"${{prefix}}_{suffix}{{{chosen}}}"


def either(metric: Metric, chosen: str = CHOSEN) -> str:
    """Return a selector of a metric that has the same name on both roads but for the prefix."""
    return prefixed(metric.name.removeprefix(PREFIX), chosen)


def on_road(expression: str) -> str:
    """Return an expression over the series of the chosen prefix alone, so that no bot counts twice.

    >>> on_road("gpt_trader_open_orders")
    '${prefix}_open_orders'
    """
    return expression.replace(PREFIX, "${prefix}_")


def quantile(
    share_of_all: float, metric: Metric, *by: str, matchers: tuple[str, ...] = (), chosen: str = CHOSEN
) -> str:
    """Return a quantile of a histogram, for each value of the labels ``by``."""
    buckets = bot(metric, *matchers, part="_bucket", chosen=chosen)
    return (
        f"histogram_quantile({share_of_all:g}, sum by ({', '.join(['le', *by])}) (rate({buckets}[$__rate_interval])))"
    )


def share(part: str, whole: str) -> str:
    """Return a share that is absent, not NaN, where there is nothing to divide by."""
    return f"{part} / ({whole} > 0)"


def named(expression: str) -> Iterator[tuple[str, str]]:
    """Yield each metric that an expression names, with its help text, once.

    >>> list(named(either(CATALOG["gpt_trader_open_orders"])))
    [('gpt_trader_open_orders', 'Orders that are open at the broker.')]
    """
    for found in dict.fromkeys(_NAME.findall(expression)):
        name = found.replace("${prefix}_", PREFIX)
        metric = CATALOG.get(name) or CATALOG.get(re.sub(r"_(bucket|count|sum)$", "", name))
        if metric is not None:
            yield metric.name, metric.help
        elif found in _OTHERS:
            yield found, _OTHERS[found]
        else:
            suffix = name.removeprefix(PREFIX)
            yield f"coinbase_trader_{suffix}", EXPORTED_HELP[suffix]
