"""The routes of health, as pure handlers made from plain callables.

========================  =====================================================  =======================
path                      JSON                                                   200, else 503, where
========================  =====================================================  =======================
``/health``               status, live, ready, reason, checks, signals           healthy or degraded
``/live``                 status (pass, fail), live                              live
``/ready``                status (pass, fail), ready, reason                     ready
``/health/explain``       what each signal was computed from                     always
``/status.json``          all of it with the last minutes, for the page          always
========================  =====================================================  =======================
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gpt_trader_telemetry.health.scrub import scrub_text
from gpt_trader_telemetry.health.verdict import Overall
from gpt_trader_telemetry.http.app import Handler, Request, Response, compressed, json_response

__all__ = ["PROBE_PATHS", "HealthView", "health_routes", "probe_routes", "status_document"]

PROBE_PATHS: Final = ("/live", "/ready")
"""What an orchestrator asks: open to everybody, and answered without waiting for anything."""

_HEALTH_KEYS: Final = ("status", "live", "ready", "reason", "checks", "signals")


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthView:
    """What the routes show. Each callable is asked at every request and runs no check.

    ``live`` and ``ready`` are called in the listener's event loop: they must not wait for anything. The others
    run in worker threads.
    """

    live: Callable[[], bool]
    ready: Callable[[], tuple[bool, str]]
    """Whether it is ready, and the reason."""
    health: Callable[[], Mapping[str, Any]]
    """What ``/health`` answers: status, live, ready, reason, checks and signals."""
    explain: Callable[[], Mapping[str, Any]]
    status: Callable[[], Mapping[str, Any]]
    """What ``/status.json`` answers; ``status_document`` puts it together."""


def probe_routes(view: HealthView) -> dict[str, Handler]:
    """Return ``/live`` and ``/ready`` alone."""

    def live(_request: Request) -> Response:
        alive = bool(view.live())
        return json_response(200 if alive else 503, {"status": _word(alive), "live": alive})

    def ready(_request: Request) -> Response:
        is_ready, reason = view.ready()
        body = {"status": _word(is_ready), "ready": bool(is_ready), "reason": scrub_text(reason)}
        return json_response(200 if is_ready else 503, body)

    return {"/live": live, "/ready": ready}


def health_routes(view: HealthView) -> dict[str, Handler]:
    """Return all routes of health but the page's own files."""

    def health(request: Request) -> Response:
        answer = _health(view.health())
        return compressed(request, json_response(Overall(answer["status"]).http_status, answer))

    def explain(request: Request) -> Response:
        return compressed(request, json_response(200, view.explain()))

    def status(request: Request) -> Response:
        document = {**view.status()}
        document["health"] = _health(document["health"])
        return compressed(request, json_response(200, document))

    return {
        **probe_routes(view),
        "/health": health,
        "/health/explain": explain,
        "/status.json": status,
    }


def status_document(
    *,
    generated_at: float,
    service: str,
    instance: str,
    version: str,
    health: Mapping[str, Any],
    history: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what ``/status.json`` answers.

    Args:
        generated_at: seconds since the epoch.
        service: ``service.name``.
        instance: ``service.instance.id``, or whatever tells this bot from others.
        version: of the bot, or of this library.
        health: what ``/health`` answers.
        history: ``step_seconds``, ``end`` (seconds since the epoch), ``signals`` (a list of values for each
            signal), ``orders`` (a list of counts for each of success, rejected, failed and blocked) and
            ``latency_p95_ms`` (a list for each operation): at most 180 points each, the oldest first, None where
            nothing is known.
    """
    return {
        "generated_at": generated_at,
        "service": service,
        "instance": instance,
        "version": version,
        "health": dict(health),
        "history": dict(history),
    }


def _health(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``/health`` answers, in the playbook's order; a reason is free text, which anybody may have set."""
    answer = {key: report[key] for key in _HEALTH_KEYS}
    answer["reason"] = scrub_text(answer["reason"])
    return answer


def _word(passing: object) -> str:
    return "pass" if passing else "fail"
