"""Health: checks, probes, execution signals and their thresholds."""

from gpt_trader_telemetry.health.checks import (
    check_broker_ping,
    check_broker_ping_async,
    check_degradation_state,
    check_market_data_feed,
    check_ticker_freshness,
    check_ws_freshness,
)
from gpt_trader_telemetry.health.data_quality import check_data_quality
from gpt_trader_telemetry.health.performance import Performance, PerformanceLimits
from gpt_trader_telemetry.health.registry import Health
from gpt_trader_telemetry.health.result import CheckReport, HealthCheckResult, Severity, Status
from gpt_trader_telemetry.health.verdict import Overall
from gpt_trader_telemetry.health.watchdog import LoopWatchdog

__all__ = [
    "CheckReport",
    "Health",
    "HealthCheckResult",
    "LoopWatchdog",
    "Overall",
    "Performance",
    "PerformanceLimits",
    "Severity",
    "Status",
    "check_broker_ping",
    "check_broker_ping_async",
    "check_data_quality",
    "check_degradation_state",
    "check_market_data_feed",
    "check_ticker_freshness",
    "check_ws_freshness",
]
