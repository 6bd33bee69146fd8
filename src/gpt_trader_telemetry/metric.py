"""What a metric is: a row of the catalogue, its labels, and what a row of the caller's own may be."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from functools import cache
from itertools import pairwise
from typing import Final

from gpt_trader_telemetry.errors import UsageError

LATENCY_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds of every latency histogram, unless its row says otherwise."""

PREFIX: Final = "gpt_trader_"


class Kind(StrEnum):
    """What a metric's values are."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


def text_of(value: object) -> str:
    """Spell a label value as both roads write it: enums by value, booleans in lower case.

    Raises whatever the value's own ``__str__`` raises.
    """
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    # A lone surrogate cannot be encoded as UTF-8 and would break the whole exposition.
    return str(value).encode("utf-8", "replace").decode("utf-8")


@dataclass(frozen=True, slots=True)
class Label:
    """One label of a metric.

    ``values`` empty: the label is free, any text round-trips. Otherwise it is closed: what is not in the set
    becomes ``fallback``, and with no fallback the measurement is refused, since any value would be a guess.
    """

    name: str
    values: tuple[str, ...] = ()
    fallback: str | None = None

    def spell(self, value: object) -> str:
        """Return the text to record for ``value``; raise UsageError where no text is right."""
        text = text_of(value)
        if not self.values:
            return text
        folded = text.strip().casefold()
        if folded in self.values:
            return folded
        if self.fallback is None:
            raise UsageError(f"label {self.name!r} cannot be {text[:100]!r}; it is one of {', '.join(self.values)}")
        return self.fallback


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One row of the catalogue; compared and hashed by identity, since a row exists once."""

    name: str
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()
    unit: str = ""
    buckets: tuple[float, ...] = ()
    open_labels: bool = False
    """True for a metric of the caller's own, whose label names are known only when they are used."""
    exposed: bool = True
    """False for what only the signals' windows take, and no road shows."""
    former_names: tuple[str, ...] = ()
    """Names that it had before; the same values are served under them, too, until a major version."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """The label names in the order in which values are kept."""
        return tuple(label.name for label in self.labels)

    def label_set(self, labels: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
        """Return ``labels`` as (name, text) pairs in the catalogue's order.

        A missing closed label takes its fallback, a missing free one is an error.

        Raises:
            UsageError: an unknown or missing label, or a value that a closed label cannot take.

        >>> from gpt_trader_telemetry.catalog import CATALOG
        >>> CATALOG["gpt_trader_guard_checks_total"].label_set({"result": "SUCCESS", "guard": "daily_loss"})
        (('guard', 'daily_loss'), ('result', 'success'))
        """
        if self.open_labels:
            return tuple(sorted((check_label_name(name), text_of(value)) for name, value in labels.items()))
        pairs = []
        for label in self.labels:
            if label.name in labels:
                pairs.append((label.name, label.spell(labels[label.name])))
            elif label.fallback is not None:
                pairs.append((label.name, label.fallback))
            else:
                raise UsageError(f"{self.name} needs the label {label.name!r}; it was given {sorted(labels)}")
        if len(pairs) != len(labels) and not set(labels) <= set(self.label_names):
            unknown = sorted(set(labels) - set(self.label_names))
            raise UsageError(f"{self.name} has no label {unknown[0]!r}; it has {list(self.label_names)}")
        return tuple(pairs)


def served_as(metric: Metric) -> tuple[Metric, ...]:
    """Return the rows under which a metric is served: its own, and one for each name that it had before."""
    return _with_former(metric) if metric.former_names else (metric,)


@cache
def _with_former(metric: Metric) -> tuple[Metric, ...]:
    told = f"Deprecated: now {metric.name}. {metric.help}"
    return metric, *(replace(metric, name=name, help=told, former_names=()) for name in metric.former_names)


_METRIC_NAME = re.compile(r"gpt_trader_[a-zA-Z0-9_]{1,200}")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,100}")
_RESERVED_LABELS = frozenset({"le", "quantile", "job", "instance", "otel_metric_overflow"})
_RESERVED_SUFFIXES = ("_bucket", "_count", "_sum", "_created", "_info", "_total")
_COUNTER_SUFFIX = "_total"


def check_label_name(name: object) -> str:
    """Return ``name`` if it may name a label, else raise UsageError."""
    if not isinstance(name, str) or not _LABEL_NAME.fullmatch(name) or name.startswith("__"):
        raise UsageError(f"{name!r} is no label name; use letters, digits and underscores, no leading digit")
    if name in _RESERVED_LABELS:
        raise UsageError(f"the label name {name!r} belongs to Prometheus")
    return name


def check_buckets(buckets: Iterable[float]) -> tuple[float, ...]:
    """Return bucket bounds as a tuple of finite, strictly rising floats, else raise UsageError."""
    bounds = tuple(float(bound) for bound in buckets)
    rising = all(low < high for low, high in pairwise(bounds))
    finite = all(map(math.isfinite, bounds))
    if not bounds or not rising or not finite:
        raise UsageError(f"buckets must be finite and strictly rising, not {bounds}")
    return bounds


def own_metric(name: object, kind: Kind, buckets: Iterable[float] | None = None) -> Metric:
    """Make the row for a metric of the caller's own.

    The name starts with ``gpt_trader_``. A counter's name is given its ``_total`` if it has none, so that it
    reads the same on both roads.

    Raises:
        UsageError: a name that is none, or that would collide with the series of a histogram or counter.

    >>> own_metric("gpt_trader_signals", Kind.COUNTER).name
    'gpt_trader_signals_total'
    """
    if not isinstance(name, str) or not _METRIC_NAME.fullmatch(name):
        raise UsageError(
            f"{str(name)[:250]!r} is no metric name here; use {PREFIX} and then letters, digits and underscores"
        )
    if kind is Kind.COUNTER:
        name = name if name.endswith(_COUNTER_SUFFIX) else name + _COUNTER_SUFFIX
    if (name.removesuffix(_COUNTER_SUFFIX) if kind is Kind.COUNTER else name).endswith(_RESERVED_SUFFIXES):
        raise UsageError(f"a {kind} cannot be named {name!r}: that suffix means another kind of series")
    bounds = check_buckets(LATENCY_BUCKETS if buckets is None else buckets) if kind is Kind.HISTOGRAM else ()
    unit = "s" if kind is Kind.HISTOGRAM and name.endswith("_seconds") else ""
    return Metric(name, kind, "A metric of the bot's own.", unit=unit, buckets=bounds, open_labels=True)
