"""The process's own performance: ``checks.performance``, which keeps the playbook's words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.health.result import CheckReport, HealthCheckResult, Status

PERFORMANCE: Final = "performance"
"""The name of the block; no other check may have it."""


class Performing(StrEnum):
    """The playbook's words."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


class Usage(Protocol):
    """Measures the process: what ``instrument.process`` records."""

    def cpu_percent(self) -> float | None:
        """Return the processor time used lately, in percent of one core; None while it is not known."""

    def memory_mb(self) -> float | None:
        """Return the resident memory in units of 10^6 bytes; None where the system does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceLimits:
    """Above ``degraded`` the process is degraded, above ``unhealthy`` unhealthy; None judges nothing.

    Raises:
        UsageError: a limit that is not above 0, or the lesser above the greater.
    """

    cpu_percent_degraded: float | None = 90.0
    cpu_percent_unhealthy: float | None = None
    """Percent of one core: more than 100 with several threads that compute."""
    memory_mb_degraded: float | None = None
    memory_mb_unhealthy: float | None = None
    """Units of 10^6 bytes; what is much depends on the machine, so nothing is judged unless set."""
    slow_operations_degraded: float | None = 10.0
    slow_operations_unhealthy: float | None = None
    """Broker calls that took longer than the critical latency in the window, of all operations together."""

    def __post_init__(self) -> None:
        for measure in ("cpu_percent", "memory_mb", "slow_operations"):
            degraded, unhealthy = self.of(measure)
            for limit in (degraded, unhealthy):
                if limit is not None and not limit > 0:
                    raise UsageError(f"a limit of {measure} cannot be {limit!r}; it is above 0, or None")
            if degraded is not None and unhealthy is not None and degraded > unhealthy:
                raise UsageError(f"{measure} cannot be degraded above {degraded!r} and unhealthy above {unhealthy!r}")

    def of(self, measure: str) -> tuple[float | None, float | None]:
        """Return the two limits of a measure."""
        return getattr(self, f"{measure}_degraded"), getattr(self, f"{measure}_unhealthy")


class Performance:
    """A check of the process's own performance.

    Details: performance (healthy, degraded, unhealthy), issues (a sentence each), cpu_percent, memory_mb,
    slow_operations: a number by operation. What is not known is absent. It fails where it is not healthy.

    Args:
        usage: measures processor and memory.
        slow_operations: returns how many operations took too long lately, by name.
        limits: what is too much.
    """

    def __init__(
        self,
        usage: Usage,
        slow_operations: Callable[[], Mapping[str, int]] | None = None,
        *,
        limits: PerformanceLimits | None = None,
    ) -> None:
        self._usage = usage
        self._slow_operations = slow_operations
        self._limits = limits or PerformanceLimits()

    def __call__(self) -> HealthCheckResult:
        """Measure and judge."""
        slow = None if self._slow_operations is None else dict(self._slow_operations())
        measured = {
            "cpu_percent": self._usage.cpu_percent(),
            "memory_mb": self._usage.memory_mb(),
            "slow_operations": None if slow is None else sum(slow.values()),
        }
        word, issues = self._judge(measured)
        shown = {**measured, "slow_operations": slow}
        details = {name: _rounded(value) for name, value in shown.items() if value is not None}
        return HealthCheckResult(
            word is Performing.HEALTHY, {PERFORMANCE: word.value, "issues": issues, **details}, None
        )  # fmt: skip

    def _judge(self, measured: Mapping[str, float | None]) -> tuple[Performing, list[str]]:
        word, issues = Performing.HEALTHY, []
        for measure, value in measured.items():
            degraded, unhealthy = self._limits.of(measure)
            if value is not None and unhealthy is not None and value > unhealthy:
                word = Performing.UNHEALTHY
                issues.append(f"{measure} is {value:.6g}, above {unhealthy:g}")
            elif value is not None and degraded is not None and value > degraded:
                word = Performing.DEGRADED if word is Performing.HEALTHY else word
                issues.append(f"{measure} is {value:.6g}, above {degraded:g}")
        return word, issues


def _rounded(value: Any) -> Any:
    return round(value, 2) if isinstance(value, float) else value


def performance_json(report: CheckReport) -> dict[str, Any]:
    """Return the block: a report's keys, with ``status`` in the playbook's words.

    A failure without a word of its own (timed out, stale) is unhealthy; ``pending`` stays what it is.
    """
    shown = report.as_json()
    word = shown["details"].pop(PERFORMANCE, None)
    if report.status is Status.PASS:
        word = word or Performing.HEALTHY.value
    elif report.status is Status.FAIL:
        word = word or Performing.UNHEALTHY.value
    else:
        word = report.status.value
    return {**shown, "status": word}
