"""The words that probes answer, from what is known: pure functions."""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Final

from gpt_trader_telemetry.health.result import CheckReport, Severity, Status

NEVER_READY: Final = "starting"
"""The reason while nobody has said that the bot is ready."""

_NAMED: Final = 5


class Overall(StrEnum):
    """The status word of ``/health``."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    STARTING = "starting"
    UNHEALTHY = "unhealthy"

    @property
    def http_status(self) -> int:
        """The HTTP status of ``/health``: a degraded bot goes on trading, so its probe succeeds."""
        return 200 if self in {Overall.HEALTHY, Overall.DEGRADED} else 503


def overall(
    live: bool,  # noqa: FBT001
    ever_ready: bool,  # noqa: FBT001
    ready: bool,  # noqa: FBT001
    reports: Mapping[str, CheckReport],
    signals_status: str | None = None,
    *,
    signals_missed: bool = False,
    reason: str = "",
) -> tuple[Overall, str]:
    """Return the status word of ``/health`` and why, the first that applies.

    Not live: unhealthy. Never ready: starting. Ready withdrawn, a critical check failing or a signal CRIT:
    unhealthy. A warning check failing, a signal WARN, or one unknown that was known before or is required:
    degraded. Else healthy. Pending and skipped checks and an UNKNOWN signal say nothing either way.

    Args:
        live: whether the process calls itself alive.
        ever_ready: whether it was ready at any time.
        ready: whether it calls itself ready now.
        reports: the checks by name, staleness already applied.
        signals_status: the signals in one word: OK, WARN, CRIT or UNKNOWN; None where there are none.
        signals_missed: whether a signal is unknown that was known before or is required.
        reason: what was said when the bot was last called ready, live, or not.

    >>> overall(True, True, True, {}, "WARN")
    (<Overall.DEGRADED: 'degraded'>, 'signals: WARN')
    """
    if not live:
        return Overall.UNHEALTHY, reason or "not_live"
    if not ever_ready:
        return Overall.STARTING, reason or NEVER_READY
    if not ready:
        return Overall.UNHEALTHY, reason or "not_ready"
    signal = "" if signals_status is None else str(signals_status)
    critical, warning = _failing(reports, Severity.CRITICAL), _failing(reports, Severity.WARNING)
    if critical or signal == "CRIT":
        return Overall.UNHEALTHY, _why("critical", critical, signal if signal == "CRIT" else "")
    worry = "WARN" if signal == "WARN" else "UNKNOWN" if signals_missed else ""
    if warning or worry:
        return Overall.DEGRADED, _why("warning", warning, worry)
    return Overall.HEALTHY, reason


def is_ready(ready: bool, reports: Mapping[str, CheckReport], *, reason: str = "") -> tuple[bool, str]:  # noqa: FBT001
    """Tell whether ``/ready`` passes, and why or why not: called ready, and every critical check passing.

    Pending and skipped are not passing. Signals, liveness and warning checks have no say.

    >>> is_ready(True, {}, reason="application_ready")
    (True, 'application_ready')
    """
    if not ready:
        return False, reason or "not_ready"
    waiting = _named(reports, lambda report: report.severity is Severity.CRITICAL and not report.ok)
    if waiting:
        return False, f"critical checks not passing: {_list(waiting)}"
    return True, reason


def _failing(reports: Mapping[str, CheckReport], severity: Severity) -> list[str]:
    return _named(reports, lambda report: report.status is Status.FAIL and report.severity is severity)


def _named(reports: Mapping[str, CheckReport], applies: Callable[[CheckReport], bool]) -> list[str]:
    return [name for name, report in reports.items() if applies(report)]


def _why(severity: str, checks: list[str], signal: str) -> str:
    parts = [f"{severity} checks failing: {_list(checks)}"] if checks else []
    parts += [f"signals: {signal}"] if signal else []
    return "; ".join(parts)


def _list(names: Iterable[str]) -> str:
    names = list(names)
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
