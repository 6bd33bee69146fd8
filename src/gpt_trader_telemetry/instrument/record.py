"""Recording a value by a metric's name, and the quality of loaded candles.

Misuse here happens while the bot trades: it is counted and logged once, never raised.
"""

import difflib
import logging
import math
import numbers
from collections.abc import Iterable, Mapping
from typing import Any, Final

from gpt_trader_telemetry.catalog import (
    CATALOG,
    DATA_QUALITY_ISSUES,
    DATA_QUALITY_ISSUES_TOTAL,
    DATA_QUALITY_SCORE,
    Kind,
    Metric,
    own_metric,
    row_named,
)
from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.recording.current import DEFAULT, Slot
from gpt_trader_telemetry.recording.recorder import Recorder, Shield

Labels = Mapping[str, object] | None

_MAX_OWN_METRICS: Final = 1000
_MOST_LOADS: Final = 2000
_ALMOST_THE_SAME: Final = 0.92
_logger = logging.getLogger("gpt_trader_telemetry")
_HISTOGRAM_SUFFIXES: Final = ("_bucket", "_count", "_sum")


def record_counter(name: str, increment: Any = 1, labels: Labels = None, *, slot: Slot = DEFAULT) -> None:
    """Add to a counter of the catalogue, or to one of your own whose name starts with ``gpt_trader_``.

    A name of your own without ``_total`` is given it. Never raises: misuse is counted and logged once.

    >>> record_counter("gpt_trader_trades_executed_total")
    >>> record_counter("gpt_trader_signals_total", 2, {"strategy": "momentum"})
    """
    recorder = slot.recorder
    if recorder is None:
        return
    with _shield(recorder):
        metric = _metric(recorder, name, Kind.COUNTER)
        amount = as_number(metric.name, increment)
        if amount < 0:
            raise UsageError(
                f"{metric.name} can only grow, and was given {_short(increment)}. What also falls is a gauge"
            )
        recorder.adder(metric, metric.label_set(labels or {}))(amount)


def record_gauge(name: str, value: Any, labels: Labels = None, *, slot: Slot = DEFAULT) -> None:
    """Set a gauge of the catalogue, or one of your own whose name starts with ``gpt_trader_``.

    Never raises: misuse is counted and logged once.

    >>> record_gauge("gpt_trader_rate_limit_usage_ratio", 0.4)
    """
    recorder = slot.recorder
    if recorder is None:
        return
    with _shield(recorder):
        metric = _metric(recorder, name, Kind.GAUGE)
        recorder.setter(metric, metric.label_set(labels or {}))(as_number(metric.name, value))


def record_histogram(
    name: str, value: Any, labels: Labels = None, buckets: Iterable[float] | None = None, *, slot: Slot = DEFAULT
) -> None:
    """Record a value in a histogram of the catalogue, or in one of your own.

    ``buckets`` are the upper bounds of a histogram of your own, set by its first value; without them it has the
    latency buckets. Never raises: misuse is counted and logged once.

    >>> record_histogram("gpt_trader_slippage_bps", 1.5, {"symbol": "BTC-USD"}, buckets=[1, 2, 5, 10])
    """
    recorder = slot.recorder
    if recorder is None:
        return
    with _shield(recorder):
        metric = _metric(recorder, name, Kind.HISTOGRAM, buckets)
        number = as_number(metric.name, value)
        if number < 0:
            raise UsageError(f"{metric.name} takes values from 0 on; it was given {_short(value)}")
        recorder.events((metric, metric.label_set(labels or {})))(float(number))


def record_data_quality(
    symbol: str,
    interval: str,
    score: Any,
    issues: Iterable[tuple[object, object]] = (),
    *,
    slot: Slot = DEFAULT,
) -> None:
    """Record what one load of candles was like.

    Args:
        symbol: what was loaded, such as ``BTC-USD``.
        interval: the candles' length, such as ``1h``.
        score: from 0 to 1; None where it is not known.
        issues: an (issue type, severity) for each issue found; types are gap, spike, volume_anomaly and stale,
            severities warning and error.
        slot: where the recorder is found; the process default unless given.

    Never raises: misuse is counted and logged once.

    >>> record_data_quality("BTC-USD", "1h", 0.98, [("gap", "warning")])
    """
    recorder = slot.recorder
    if recorder is None:
        return
    where = {"symbol": symbol, "interval": interval}
    found: list[tuple[object, object]] = []
    with _shield(recorder):
        found = list(issues)
        _keep_load(recorder, (str(symbol), str(interval)), (None, len(found)))
        recorder.setter(DATA_QUALITY_ISSUES, DATA_QUALITY_ISSUES.label_set(where))(len(found))
    for issue in found:
        with _shield(recorder):
            issue_type, severity = issue
            labels = DATA_QUALITY_ISSUES_TOTAL.label_set({**where, "issue_type": issue_type, "severity": severity})
            recorder.events((DATA_QUALITY_ISSUES_TOTAL, labels))(1)
    if score is None:
        return
    with _shield(recorder):
        number = as_number(DATA_QUALITY_SCORE.name, score)
        if not 0 <= number <= 1:
            raise UsageError(f"{DATA_QUALITY_SCORE.name} is from 0 to 1; it was given {_short(score)}")
        _keep_load(recorder, (str(symbol), str(interval)), (number, len(found)))
        recorder.setter(DATA_QUALITY_SCORE, DATA_QUALITY_SCORE.label_set(where))(number)


def _keep_load(recorder: Recorder, key: tuple[str, str], load: tuple[float | None, int]) -> None:
    if key in recorder.loads or len(recorder.loads) < _MOST_LOADS:
        recorder.loads[key] = load


def _shield(recorder: Recorder) -> Shield:
    return recorder.faults.shield("recording", "a value could not be recorded")


def as_number(what: str, value: Any) -> int | float:
    """Return ``value`` as an int or a float: Decimals, fractions, NumPy scalars and booleans are coerced.

    Raises:
        UsageError: None, NaN, infinity, text, complex numbers and whatever else is no finite number.
    """
    number = value if type(value) in {int, float} else _coerced(value)
    if number is None or not _is_finite(number):
        raise UsageError(f"{what} needs a finite number; it was given {_short(value)}")
    return number


def _coerced(value: Any) -> int | float | None:
    if value is None or isinstance(value, str | bytes | bytearray | memoryview):
        return None
    if isinstance(value, numbers.Complex) and not isinstance(value, numbers.Real):
        return None  # NumPy's would lose their imaginary part
    try:
        return int(value) if isinstance(value, numbers.Integral) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number beyond every float
        return False


def _short(value: object) -> str:
    return f"{type(value).__name__} {value!r:.100}" if value is not None else "None"


def _metric(recorder: Recorder, name: object, kind: Kind, buckets: Iterable[float] | None = None) -> Metric:
    metric = _known(recorder, name)
    if metric is None and kind is Kind.COUNTER:
        metric = _known(recorder, f"{name}_total")
    if metric is None:
        metric = _new_metric(recorder, name, kind, buckets)
    elif metric.kind is not kind:
        raise UsageError(f"{metric.name} is a {metric.kind}, not a {kind}; use record_{metric.kind}()")
    elif buckets is not None and tuple(map(float, buckets)) != metric.buckets:
        recorder.faults.note("recording", f"the buckets of {metric.name} are set already and stay as they are")
    return metric


def _known(recorder: Recorder, name: object) -> Metric | None:
    return (row_named(name) or recorder.metrics.get(name)) if isinstance(name, str) else None


def _new_metric(recorder: Recorder, name: object, kind: Kind, buckets: Iterable[float] | None) -> Metric:
    if len(recorder.metrics) >= _MAX_OWN_METRICS:
        raise UsageError(
            f"{str(name)[:100]!r} is not recorded: there are {_MAX_OWN_METRICS} metrics of the bot's own already. What "
            "differs from one value to the next belongs into a label"
        )
    metric = own_metric(name, kind, buckets)
    meant = difflib.get_close_matches(metric.name, CATALOG, n=1, cutoff=_ALMOST_THE_SAME)
    if meant:
        _logger.warning("%s is a metric of your own; did you mean %s?", metric.name, meant[0])
    if kind is Kind.HISTOGRAM:
        for suffix in _HISTOGRAM_SUFFIXES:
            if metric.name + suffix in CATALOG or metric.name + suffix in recorder.metrics:
                raise UsageError(
                    f"the histogram {metric.name} would collide with {metric.name + suffix}; give it another name"
                )
    return recorder.metrics.setdefault(metric.name, metric)
