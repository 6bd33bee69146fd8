"""Bots as the page sees them: what ``/status.json`` answers in each state, with fifteen minutes of history."""

import math
import random
import time
from datetime import UTC, datetime

from gpt_trader_telemetry import __version__

POINTS = 180
SIGNALS = {
    "order_error_rate": ("ratio", 0.05, 0.15),
    "order_retry_rate": ("ratio", 0.10, 0.25),
    "broker_latency_p95_ms": ("ms", 1000.0, 3000.0),
    "ws_staleness_seconds": ("s", 30.0, 60.0),
    "guard_trip_count": ("count", 3.0, 10.0),
    "market_data_staleness_seconds": ("s", 60.0, 120.0),
    "missing_decision_ids": ("count", 0.0, 10.0),
}
OPERATIONS = {"submit": 240.0, "cancel": 95.0, "quote": 60.0}


def status_of(state: str, now: float | None = None) -> dict:
    """Return the document of a bot that is healthy, degraded, unhealthy, starting or empty."""
    now = time.time() if now is None else now
    dice = random.Random(7)
    history = _history(state, dice)
    signals = [] if state == "empty" else [_signal(name, history, state) for name in SIGNALS]
    checks = _checks(state, now, dice)
    word = "starting" if state == "empty" else state
    reason = {
        "healthy": "application_ready",
        "degraded": "warning checks failing: ws_freshness; signals: WARN",
        "unhealthy": "critical checks failing: broker; signals: CRIT",
        "starting": "warming_up_candles",
        "empty": "starting",
    }[state]
    worst = max(
        (signal["status"] for signal in signals), key=["UNKNOWN", "OK", "WARN", "CRIT"].index, default="UNKNOWN"
    )
    return {
        "generated_at": now,
        "service": "gpt-trader",
        "instance": "paper-eu-1",
        "version": __version__,
        "health": {
            "status": word,
            "live": True,
            "ready": state in {"healthy", "degraded"},
            "reason": reason,
            "checks": checks,
            "signals": {"status": worst, "message": "", "signals": signals},
        },
        "history": {"step_seconds": 5, "end": now, **history},
    }


def explain_of(state: str) -> dict:
    """Return what ``/health/explain`` answers beside it."""
    signals = status_of(state)["health"]["signals"]["signals"]
    return {
        "signals": [
            {
                "name": signal["name"],
                "explanation": f"The sentence about {signal['name']}.",
                "runbook": f"docs/runbooks.md#{signal['name'].replace('_', '-')}",
                "worst_series": {"labels": {"operation": "submit"}, "value": 3},
            }
            for signal in signals
        ]
    }


def _walk(dice: random.Random, base: float, swing: float, spike: float = 0.0) -> list[float]:
    """Return a calm series; ``spike`` is what it climbs to over its last third."""
    values, at = [], base
    for index in range(POINTS):
        at += 0.15 * (base - at) + dice.uniform(-swing, swing)
        climb = max(0.0, (index - 0.66 * POINTS) / (0.34 * POINTS))
        values.append(max(0.0, at + (spike - base) * (1 - math.exp(-3 * climb)) / (1 - math.exp(-3)) if spike else at))
    return values


def _history(state: str, dice: random.Random) -> dict:
    if state == "empty":
        return {"signals": {}, "orders": {}, "latency_p95_ms": {}}
    bad, worst = state in {"degraded", "unhealthy"}, state == "unhealthy"
    ages = [abs(3.0 + dice.uniform(-3, 4)) for _ in range(POINTS)]
    silent = [max(0.0, 5.0 * (index - POINTS + 9)) + 1.5 if bad else age for index, age in enumerate(ages)]
    rate = _walk(dice, 0.012, 0.004, 0.31 if worst else 0.082 if bad else 0.0)
    signals = {
        "order_error_rate": rate,
        "order_retry_rate": _walk(dice, 0.03, 0.006, 0.14 if worst else 0.0),
        "broker_latency_p95_ms": _walk(dice, 260, 30, 4180 if worst else 640 if bad else 0.0),
        "ws_staleness_seconds": silent,
        "guard_trip_count": [float(min(index // 70, 2)) if bad else 0.0 for index in range(POINTS)],
        "market_data_staleness_seconds": [min(age * 2, 14) for age in ages],
        "missing_decision_ids": [0.0] * POINTS,
    }
    if state == "starting":
        few = {"order_error_rate", "order_retry_rate", "broker_latency_p95_ms", "missing_decision_ids"}
        signals = {
            name: [None] * (POINTS - 6) + (values[-6:] if name not in few else [None] * 6)
            for name, values in signals.items()
        }
        return {"signals": signals, "orders": {}, "latency_p95_ms": {}}
    orders: dict[str, list] = {"success": [], "rejected": [], "failed": [], "blocked": []}
    for index in range(POINTS):
        count = dice.choice((0, 0, 1, 1, 2, 3)) + (dice.random() < 0.05) * 3
        errors = sum(dice.random() < rate[index] for _ in range(count))
        timeouts = errors if worst and dice.random() < 0.7 else 0
        orders["success"].append(count - errors)
        orders["rejected"].append(errors - timeouts)
        orders["failed"].append(timeouts)
        orders["blocked"].append(int(dice.random() < (0.05 if bad else 0.012)))
    latency = {
        name: _walk(dice, base, base / 9, (4180 if worst else 640) if bad and name == "submit" else base * 1.2)
        for name, base in OPERATIONS.items()
    }
    latency["cancel"][40:52] = [None] * 12
    return {"signals": signals, "orders": orders, "latency_p95_ms": latency}


def _signal(name: str, history: dict, state: str) -> dict:
    unit, warn, crit = SIGNALS[name]
    value = history["signals"][name][-1]
    status = "UNKNOWN" if value is None else "CRIT" if value > crit else "WARN" if value > warn else "OK"
    details = {
        "order_error_rate": {"orders": 243, "success": 223, "rejected": 18, "failed": 2},
        "order_retry_rate": {"orders": 243, "retries": 7},
        "broker_latency_p95_ms": {
            "operation": "submit",
            "operations": {op: {"p95_ms": base, "samples": 90} for op, base in OPERATIONS.items()},
        },
        "guard_trip_count": {"worst_guard": "position_limit", "guards": {"position_limit": 2}},
    }.get(name, {})
    if value is None:
        details = {"unknown": "too_few_samples" if "order" in name or "broker" in name else "nothing_decorated"}
    return {
        "name": name, "status": status, "value": value, "threshold_warn": warn, "threshold_crit": crit,
        "unit": unit, "details": details,
    }  # fmt: skip


def _checks(state: str, now: float, dice: random.Random) -> dict:
    def check(status: str, severity: str, age: float, took: float, **details: object) -> dict:
        at = datetime.fromtimestamp(now - age, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        known = status in {"pass", "fail"}
        return {
            "status": status, "severity": severity, "details": details,
            "checked_at": at if known else None, "duration_ms": took if known else None,
        }  # fmt: skip

    if state == "empty":
        return {}
    if state == "starting":
        return {
            name: check("pending", severity, 0, 0)
            for name, severity in (("broker", "critical"), ("candles", "warning"), ("ws_freshness", "warning"))
        }
    bad, worst = state in {"degraded", "unhealthy"}, state == "unhealthy"
    broker = check("pass", "critical", 12, 184.2, latency_ms=183.9, method="get_time")
    if worst:
        broker = check("fail", "critical", 9, 5000.0, timed_out=True, timeout_seconds=5.0, running_for_seconds=5.0)
    stale = check(
        "pass", "warning", 4, 0.31, connected=True, last_message_age_seconds=1.4, gap_count=0, reconnect_count=1
    )
    if bad:
        stale = check(
            "fail",
            "warning",
            4,
            0.29,
            connected=True,
            last_message_age_seconds=41.5,
            last_heartbeat_age_seconds=12.1,
            gap_count=3,
            reconnect_count=2,
            stale=True,
            stale_reason="message",
        )
    return {
        "broker": broker,
        "account": check("skipped", "warning", 0, 0, skipped_because="broker", dependency_status="fail")
        if worst
        else check("pass", "warning", 21, 92.7, equity=10432.55),
        "ws_freshness": stale,
        "ticker_freshness": check("pass", "critical", 8, 0.12, symbols=3, stale_symbols=[]),
        "degradation": check("pass", "critical", 3, 0.05, global_paused=False, reduce_only=False, paused_symbols={}),
        "data_quality": check("pass", "warning", 27, 14.8, score=0.998, issues=0),
        "event_loop": check("pass", "warning", 1, 0.02, state="ok", lag_seconds=0.0004),
    }
