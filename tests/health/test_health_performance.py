"""The process's own performance, in the playbook's words."""

from typing import Any

import pytest
from health_bench import Bench

from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.health import CheckReport, Performance, PerformanceLimits, Severity, Status
from gpt_trader_telemetry.health.performance import performance_json


class Usage:
    def __init__(self, cpu: float | None = 12.345, memory: float | None = 100.0) -> None:
        self.cpu, self.memory = cpu, memory

    def cpu_percent(self) -> float | None:
        return self.cpu

    def memory_mb(self) -> float | None:
        return self.memory


LIMITS = PerformanceLimits(
    cpu_percent_degraded=80, cpu_percent_unhealthy=150, memory_mb_degraded=500, memory_mb_unhealthy=900,
    slow_operations_degraded=2, slow_operations_unhealthy=5,
)  # fmt: skip


@pytest.mark.parametrize(
    ("cpu", "memory", "slow", "word"),
    [
        (0.0, 1.0, {}, "healthy"),
        (80.0, 500.0, {"submit": 2}, "healthy"),
        (80.1, 1.0, {}, "degraded"),
        (0.0, 500.1, {}, "degraded"),
        (0.0, 1.0, {"submit": 2, "cancel": 1}, "degraded"),
        (150.1, 1.0, {}, "unhealthy"),
        (0.0, 900.1, {}, "unhealthy"),
        (0.0, 1.0, {"submit": 6}, "unhealthy"),
        (150.1, 500.1, {"submit": 3}, "unhealthy"),
        (80.1, 900.1, {}, "unhealthy"),
        (None, None, {}, "healthy"),
    ],
)
def test_the_worst_measure_decides(cpu: float | None, memory: float | None, slow: dict[str, int], word: str) -> None:
    """Strictly above a limit is beyond it; what is not known has no say."""
    result = Performance(Usage(cpu, memory), lambda: slow, limits=LIMITS)()
    assert result.details["performance"] == word
    assert result.ok is (word == "healthy")
    assert bool(result.details["issues"]) is (word != "healthy")


def test_every_issue_is_told() -> None:
    """A sentence each, with the limit."""
    result = Performance(Usage(100.0, 1000.0), lambda: {"submit": 3}, limits=LIMITS)()
    assert result.details["issues"] == [
        "cpu_percent is 100, above 80",
        "memory_mb is 1000, above 900",
        "slow_operations is 3, above 2",
    ]


def test_what_is_not_known_is_absent() -> None:
    """Missing is not zero."""
    assert dict(Performance(Usage(None, None))().details) == {"performance": "healthy", "issues": []}


def test_memory_is_not_judged_unless_a_limit_is_set() -> None:
    """What is much depends on the machine."""
    assert Performance(Usage(0.0, 1e9))().ok


@pytest.mark.parametrize(
    "limits",
    [
        {"cpu_percent_degraded": 0},
        {"memory_mb_unhealthy": -1},
        {"cpu_percent_unhealthy": 50},
        {"slow_operations_degraded": float("nan")},
    ],
)
def test_limits_that_cannot_be_meant_are_an_error(limits: dict[str, Any]) -> None:
    """Named."""
    with pytest.raises(UsageError, match=next(iter(limits)).rsplit("_", 1)[0]):
        PerformanceLimits(**limits)


def test_the_block_keeps_the_playbooks_words(bench: Bench) -> None:
    """Among checks that pass or fail, this one is healthy, degraded or unhealthy; for the rest it is a warning."""
    usage = Usage(cpu=10.0)
    bench.health.watch_performance(Performance(usage, lambda: {}, limits=LIMITS))
    bench.health.mark_ready()
    assert bench.health.checks_json()["performance"]["status"] == "pending"
    bench.settle()
    shown = bench.health.checks_json()["performance"]
    assert list(shown) == ["status", "severity", "details", "checked_at", "duration_ms"]
    assert (shown["status"], shown["details"]) == (
        "healthy", {"issues": [], "cpu_percent": 10.0, "memory_mb": 100.0, "slow_operations": {}},
    )  # fmt: skip
    usage.cpu = 100.0
    bench.pass_time(10)
    assert bench.health.checks_json()["performance"]["status"] == "degraded"
    assert bench.health.overall()[0] == "degraded"
    usage.cpu = 200.0
    bench.pass_time(10)
    assert bench.health.checks_json()["performance"]["status"] == "unhealthy"
    assert bench.health.overall()[0] == "degraded"
    bench.clock.now += 1000
    assert bench.health.checks_json()["performance"]["status"] == "unhealthy"


def test_a_measurement_that_raises_is_unhealthy() -> None:
    """It has no word of its own."""
    report = CheckReport("performance", Status.FAIL, Severity.WARNING, {"error": "no"})
    assert performance_json(report)["status"] == "unhealthy"
