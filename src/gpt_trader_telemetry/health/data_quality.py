"""A check of the candles that were loaded: their issues and their score."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from gpt_trader_telemetry.health.result import HealthCheckResult, Severity
from gpt_trader_telemetry.health.scrub import scrub_text

MINIMUM_SCORE: Final = 0.95
"""A score below this is degraded."""

_SHOWN: Final = 20

Quality: TypeAlias = Mapping[tuple[str, str], tuple[Any, Any]]
"""By (symbol, interval): the score of the most recent load, 0 to 1 or None, and its issues or their number."""


def check_data_quality(
    source: Quality | Callable[[], Quality | None], minimum_score: float = MINIMUM_SCORE
) -> HealthCheckResult:
    """Judge the most recent load of each symbol's candles: any open issue, or too low a score, is a warning.

    A score that is not known has no say, and one that is no number is too low. Nothing loaded passes.

    Details: minimum_score, load_count, degraded_count, issue_count, degraded: the worst loads, each with its
    symbol, interval, score and issues.

    >>> check_data_quality({("BTC-USD", "1h"): (0.99, [])}).ok
    True
    >>> dict(check_data_quality({("BTC-USD", "1h"): (0.9, 2)}).details)["degraded"]
    [{'symbol': 'BTC-USD', 'interval': '1h', 'score': 0.9, 'issues': 2}]
    """
    try:
        loads = (source() if callable(source) else source) or {}
        rows = [_row(*key, *quality) for key, quality in list(loads.items())]
    except Exception as error:
        name = type(error).__name__
        failure = {"error": scrub_text(error) or name, "error_type": name}
        return HealthCheckResult(ok=False, details=failure, severity=Severity.WARNING)
    degraded = [row for row in rows if row["issues"] or _is_low(row["score"], minimum_score)]
    degraded.sort(key=lambda row: (-row["issues"], _sortable(row["score"])))
    details = {
        "minimum_score": minimum_score,
        "load_count": len(rows),
        "degraded_count": len(degraded),
        "issue_count": sum(row["issues"] for row in rows),
        "degraded": degraded[:_SHOWN],
    }
    return HealthCheckResult(not degraded, details, Severity.WARNING)


def _row(symbol: str, interval: str, score: Any, issues: Any) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "interval": interval,
        "score": None if score is None else float(score),
        "issues": len(list(issues)) if isinstance(issues, Iterable) else int(issues or 0),
    }


def _is_low(score: float | None, minimum: float) -> bool:
    # Written so that a score that is not a number is low.
    return score is not None and not score >= minimum


def _sortable(score: float | None) -> float:
    return math.inf if score is None else -math.inf if math.isnan(score) else score
