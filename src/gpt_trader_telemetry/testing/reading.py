"""What was recorded, as numbers that say where they come from."""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from gpt_trader_telemetry.catalog import CATALOG, PREFIX, Kind, Label, Metric, row_named, text_of
from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.pipeline.exposition import label_text
from gpt_trader_telemetry.recording.bound import Cell
from gpt_trader_telemetry.recording.cells import CounterCell, GaugeCell, HistogramCell
from gpt_trader_telemetry.recording.recorder import LabelSet

Cells = Mapping[LabelSet, Cell]


def number_text(value: float) -> str:
    """Return a number without the ``.0`` of a whole one.

    >>> number_text(3.0), number_text(0.25)
    ('3', '0.25')
    """
    return f"{float(value):.15g}" if math.isfinite(value) else repr(float(value))


def series_text(name: str, labels: Iterable[tuple[str, str]]) -> str:
    """Return a series as Prometheus writes it."""
    inside = label_text(labels)
    return f"{name}{{{inside}}}" if inside else name


class Value(float):
    """A number that was read back. It compares as any float and shows, where it surprises, what was recorded."""

    asked: str
    """What it was asked for by: the metric and the labels."""
    recorded: tuple[str, ...]
    """Every series of the metric with its value."""

    def __new__(cls, value: float = 0.0, asked: str = "", recorded: tuple[str, ...] = ()) -> Self:
        """Make the number."""
        made = super().__new__(cls, value)
        made.asked, made.recorded = asked, recorded
        return made

    def __str__(self) -> str:
        return number_text(self)

    def __repr__(self) -> str:
        return f"{self} ({self.asked}; recorded: {', '.join(self.recorded) or 'nothing'})"

    def explanation(self) -> list[str]:
        """Return the same in lines."""
        return [f"{self.asked} is {self}", "recorded:", *(f"  {line}" for line in self.recorded or ("nothing",))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """The values that a histogram took, of all series that match.

    ``buckets`` has the number of values in each bucket by its upper bound, the last of which is infinite: those
    above the bound before and not above this one. They are not cumulative. ``min`` and ``max`` are None without
    values.
    """

    count: Value
    sum: Value
    min: Value | None
    max: Value | None
    buckets: Mapping[float, int]


def find_metric(name: object, own: Mapping[str, Metric]) -> Metric:
    """Return the metric of that name; raise UsageError, with the names that are close, where there is none."""
    known = {**CATALOG, **own}
    found = (row_named(name) or own.get(name)) if isinstance(name, str) else None
    if found is not None:
        return found
    text = str(name)
    close = difflib.get_close_matches(text if text.startswith(PREFIX) else PREFIX + text, known, n=3, cutoff=0.75)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    raise UsageError(f"there is no metric {text!r}; {hint}One of the bot's own is known once it has been recorded")


def matching(metric: Metric, cells: Cells, wanted: Mapping[str, object]) -> dict[LabelSet, Cell]:
    """Return the series that have all these labels; raise UsageError for labels that none can have."""
    labels = {label.name: label for label in metric.labels}
    if metric.open_labels:
        labels = {name: Label(name) for series in cells for name, _ in series}
    for name in wanted:
        if name not in labels:
            close = difflib.get_close_matches(name, labels, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise UsageError(f"{metric.name} has no label {name!r}; {hint}It has {list(labels)}")
    pairs = {(name, _spelled(metric, labels[name], value)) for name, value in wanted.items()}
    return {series: cell for series, cell in cells.items() if pairs <= set(series)}


def _spelled(metric: Metric, label: Label, value: object) -> str:
    text = text_of(value)
    if not label.values:
        return text
    folded = text.strip().casefold()
    if folded in label.values:
        return folded
    close = difflib.get_close_matches(folded, label.values, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise UsageError(
        f"the label {label.name!r} of {metric.name} is never {text!r}; {hint}It is one of {', '.join(label.values)}"
    )


def shown(metric: Metric, cells: Cells) -> tuple[str, ...]:
    """Return a line for each series that has something to show: a counter that never counted has not."""
    lines = ((series_text(metric.name, series), _cell_text(cell)) for series, cell in cells.items())
    return tuple(f"{series} {text}" for series, text in lines if text)


def _cell_text(cell: Cell) -> str:
    if isinstance(cell, HistogramCell):
        return f"count {cell.count}, sum {number_text(cell.sum)}" if cell.count else ""
    if isinstance(cell, CounterCell) and not cell.value:
        return ""
    return "" if cell.value is None else number_text(cell.value)


def read_value(metric: Metric, cells: Cells, wanted: Mapping[str, object]) -> Value | None:
    """Return a counter's sum or a gauge's value; see ``Recording.value``."""
    if metric.kind is Kind.HISTOGRAM:
        raise UsageError(f"{metric.name} is a histogram; use telemetry.histogram({metric.name!r}, ...)")
    found = matching(metric, cells, wanted)
    asked, lines = _asked(metric, wanted), shown(metric, cells)
    if metric.kind is Kind.COUNTER:
        amounts = [cell.value for cell in found.values() if isinstance(cell, CounterCell)]
        return Value(sum(amounts), asked, lines)
    set_ones = {
        series: cell.value
        for series, cell in found.items()
        if isinstance(cell, GaugeCell) and cell.value is not None
    }  # fmt: skip
    if len(set_ones) > 1:
        several = ", ".join(f"{series_text(metric.name, series)} {number_text(it)}" for series, it in set_ones.items())
        raise UsageError(
            f"{asked} matches several series of a gauge, which have no sum; give it more labels: {several}"
        )
    return next((Value(value, asked, lines) for value in set_ones.values()), None)


def read_histogram(metric: Metric, cells: Cells, wanted: Mapping[str, object]) -> Histogram:
    """Return all matching series of a histogram as one; see ``Recording.histogram``."""
    if metric.kind is not Kind.HISTOGRAM:
        raise UsageError(f"{metric.name} is a {metric.kind}; use telemetry.value({metric.name!r}, ...)")
    found = [cell for cell in matching(metric, cells, wanted).values() if isinstance(cell, HistogramCell)]
    asked, lines = _asked(metric, wanted), shown(metric, cells)

    def value(what: str, number: float) -> Value:
        return Value(number, f"the {what} of {asked}", lines)

    counts = [sum(column) for column in zip(*(cell.counts for cell in found), strict=True)]
    bounds = (*metric.buckets, math.inf)
    total = sum(counts)
    return Histogram(
        count=value("count", total),
        sum=value("sum", math.fsum(cell.sum for cell in found)),
        min=value("least value", min(cell.least for cell in found)) if total else None,
        max=value("greatest value", max(cell.greatest for cell in found)) if total else None,
        buckets=dict(zip(bounds, counts or [0] * len(bounds), strict=True)),
    )


def _asked(metric: Metric, wanted: Mapping[str, object]) -> str:
    return series_text(metric.name, ((name, text_of(value)) for name, value in wanted.items()))
