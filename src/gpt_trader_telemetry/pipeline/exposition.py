"""Our own series as Prometheus text, in both formats that Prometheus asks for.

Sources: the Prometheus text format 0.0.4 and OpenMetrics 1.0.0.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import accumulate, islice
from typing import Any, Final

from gpt_trader_telemetry.catalog import Kind, Metric
from gpt_trader_telemetry.recording.bound import Collected
from gpt_trader_telemetry.recording.exemplars import Exemplar

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
END: Final = "# EOF\n"
"""What an OpenMetrics answer ends with."""

_NOT_IN_A_LABEL_NAME: Final = re.compile(r"[^a-zA-Z0-9_]")


def negotiate(accept: str) -> str:
    """Return the content type to answer with: OpenMetrics where it is asked for, and not less than plain text.

    >>> negotiate("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")[:28]
    'application/openmetrics-text'
    >>> negotiate("*/*")[:10]
    'text/plain'
    """
    wanted = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for item in accept[:1000].split(","):
        kind, *parameters = (part.strip().lower() for part in item.split(";"))
        options = dict(part.partition("=")[::2] for part in parameters)
        if kind in wanted and (kind == "text/plain" or options.get("version", "1.0.0") == "1.0.0"):
            wanted[kind] = max(wanted[kind], _quality(options.get("q", "1")))
    openmetrics, text = wanted.values()
    return OPENMETRICS if openmetrics and openmetrics >= text else TEXT


def _quality(text: str) -> float:
    return float(text) if re.fullmatch(r"[01](\.\d{0,3})?", text) else 0.0


def escape(value: str) -> str:
    r"""Return a label value as it stands between quotes.

    >>> escape('a "b"\n')
    'a \\"b\\"\\n'
    """
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return value


def label_text(labels: Iterable[tuple[str, str]]) -> str:
    """Return labels as they stand between braces."""
    return ",".join(f'{_NOT_IN_A_LABEL_NAME.sub("_", name)}="{escape(value)}"' for name, value in labels)


def number_text(value: float) -> str:
    """Return a number as both formats write it; whole numbers have no point."""
    if value != value:  # noqa: PLR0124 - NaN is the one that differs from itself
        return "NaN"
    if value in {float("inf"), float("-inf")}:
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)


def header(metric: Metric, *, openmetrics: bool, taken: Container[str]) -> str:
    """Return a family's HELP and TYPE lines.

    In OpenMetrics a counter's family has the name without ``_total``; where another family has that name, the
    counter is of type unknown under its full name, which is what parses strictly.
    """
    name, kind = metric.name, str(metric.kind)
    if openmetrics and metric.kind is Kind.COUNTER:
        family = name.removesuffix("_total")
        name, kind = (name, "unknown") if family in taken else (family, kind)
    unit = f"# UNIT {name} seconds\n" if openmetrics and metric.unit == "s" and name.endswith("_seconds") else ""
    return f"# HELP {name} {escape(metric.help)}\n# TYPE {name} {kind}\n{unit}"


class LabelTexts:
    """The label texts of each metric's series, kept from one scrape to the next."""

    def __init__(self) -> None:
        self._texts: dict[Metric, list[str]] = {}

    def of(self, collected: Collected) -> list[str]:
        """Return the texts in the order of the cells, of which there are only ever more, and newer ones last."""
        texts = self._texts.setdefault(collected.metric, [])
        texts += map(label_text, islice(collected.cells, len(texts), None))
        return texts


def samples(collected: Collected, texts: LabelTexts, *, openmetrics: bool) -> Iterator[str]:
    """Yield a family's samples, one text for each series that has a value."""
    series = zip(collected.cells.values(), texts.of(collected), strict=False)
    if collected.metric.kind is Kind.HISTOGRAM:
        return _histograms(collected.metric, series, openmetrics=openmetrics)
    return _numbers(collected.metric.name, series)


def _numbers(name: str, series: Iterable[tuple[Any, str]]) -> Iterator[str]:
    for cell, labels in series:
        if cell.value is not None:
            braces = f"{{{labels}}}" if labels else ""
            yield f"{name}{braces} {number_text(cell.value)}\n"


def _histograms(metric: Metric, series: Iterable[tuple[Any, str]], *, openmetrics: bool) -> Iterator[str]:
    labelled, bare = _histogram_template(metric, _LABELS), _histogram_template(metric, "")
    for cell, labels in series:
        below = list(accumulate(cell.counts))
        if not below[-1]:
            continue  # a histogram starts at its first value
        template = labelled.replace(_LABELS, labels.replace("%", "%%")) if labels else bare
        text = template % (*below, below[-1], cell.sum)
        yield _with_exemplars(text, cell.exemplars) if openmetrics and cell.exemplars else text


_LABELS: Final = "\0"
"""Stands for a series' labels in a template, where neither names nor bounds hold one."""


def _histogram_template(metric: Metric, labels: str) -> str:
    """Return the lines of one series, to be filled by ``%`` with its counts up to each bound, their total and sum.

    Filled in one go they take about half the time that they take line by line.
    """
    name = metric.name
    before = f"{labels}," if labels else ""
    braces = f"{{{labels}}}" if labels else ""
    buckets = [f'{name}_bucket{{{before}le="{bound}"}} %d\n' for bound in (*metric.buckets, "+Inf")]
    return "".join([*buckets, f"{name}_count{braces} %d\n{name}_sum{braces} %r\n"])


def _with_exemplars(text: str, exemplars: Mapping[int, Exemplar]) -> str:
    lines = text.split("\n")
    for bucket, exemplar in exemplars.items():
        lines[bucket] += exemplar_text(exemplar)
    return "\n".join(lines)


def exemplar_text(exemplar: Exemplar) -> str:
    """Return an exemplar as it ends an OpenMetrics bucket line."""
    span = f'trace_id="{exemplar.trace_id:032x}",span_id="{exemplar.span_id:016x}"' if exemplar.trace_id else ""
    return f" # {{{span}}} {exemplar.value!r} {exemplar.time_ns / 1e9:.3f}"


def _label_name(name: str) -> str:
    plain = _NOT_IN_A_LABEL_NAME.sub("_", name).lstrip("_")
    return plain if plain[:1].isalpha() else f"key_{plain}"


def target_info(attributes: Mapping[str, object], *, openmetrics: bool) -> str:
    """Return the resource's attributes as the ``target_info`` sample of OpenTelemetry's Prometheus mapping."""
    names = {_label_name(name): str(value) for name, value in attributes.items()}
    family, kind = ("target", "info") if openmetrics else ("target_info", "gauge")
    return (
        f"# HELP {family} Attributes of the OpenTelemetry resource.\n# TYPE {family} {kind}\n"
        f"target_info{{{label_text(sorted(names.items()))}}} 1\n"
    )
