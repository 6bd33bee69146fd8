"""Every route of a bot: health and signals, the page, and the metrics."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gpt_trader_telemetry._version import __version__
from gpt_trader_telemetry.health.registry import Health
from gpt_trader_telemetry.health.signals import Signals
from gpt_trader_telemetry.health.trading_history import TradingHistory
from gpt_trader_telemetry.http.app import Handler, metrics_route
from gpt_trader_telemetry.http.health_routes import HealthView, health_routes, status_document
from gpt_trader_telemetry.http.page_routes import page_routes
from gpt_trader_telemetry.settings import Settings

if TYPE_CHECKING:
    from gpt_trader_telemetry.pipeline.prometheus import PrometheusRoad

SAMPLED_AT_LEAST_EVERY = 2.0
"""Seconds for which a sampled report of the signals answers requests, which never call a bot's source themselves."""


class BotHealth:
    """What the bot's routes show, put together from health, signals and history."""

    def __init__(self, health: Health, signals: Signals, trading: TradingHistory) -> None:
        self.health = health
        self.signals = signals
        self.trading = trading

    def sample(self) -> None:
        """Keep a point of history: once a second, from a background thread."""
        self.trading.sample(self.signals.sample())

    def health_json(self) -> dict[str, Any]:
        """Return what ``/health`` answers."""
        report = self.signals.current(SAMPLED_AT_LEAST_EVERY)
        health = self.health
        reports = health.reports()
        status, reason = health.overall(
            report.status.value, signals_missed=any(signal.is_missed for signal in report.signals), reports=reports
        )
        ready, _ = health.is_ready(reports)
        return {
            "status": status.value,
            "live": health.live,
            "ready": ready,
            "reason": reason,
            "checks": health.checks_json(reports),
            "signals": report.as_json(),
        }

    def status_json(self, identity: Mapping[str, str]) -> dict[str, Any]:
        """Return what the page polls."""
        signals = self.signals.history()
        return status_document(
            generated_at=time.time(),
            service=identity["service"],
            instance=identity["instance"],
            version=__version__,
            health=self.health_json(),
            history={
                "step_seconds": signals["step_seconds"],
                "end": time.time(),
                "signals": {name: line["values"] for name, line in signals["signals"].items()},
                **self.trading.as_json(),
            },
        )


def view_of(bot: BotHealth, identity: Mapping[str, str]) -> HealthView:
    """Return what the routes of health ask; ``identity`` has the service's name and the instance's id."""
    return HealthView(
        live=lambda: bot.health.live,
        ready=bot.health.is_ready,
        health=bot.health_json,
        explain=bot.signals.explain,
        status=lambda: bot.status_json(identity),
    )


def scrape_route(settings: Settings, prometheus: "PrometheusRoad | None") -> Handler:
    """Return the handler of ``/metrics``, or one that says why there is nothing to scrape."""
    if not settings.metrics_endpoint_enabled:
        return metrics_route(None)
    if settings.telemetry_disabled:
        return metrics_route(None, error="Telemetry disabled", hint="Unset OTEL_SDK_DISABLED")
    if prometheus is None:
        hint = "The MeterProvider given takes no further readers; scrape it by a reader of its own"
        return metrics_route(None, error="Metrics endpoint unavailable", hint=hint)
    return metrics_route(prometheus.render)


def bot_routes(bot: BotHealth, metrics: Handler, identity: Mapping[str, str]) -> dict[str, Handler]:
    """Return every route of a bot."""
    return {**health_routes(view_of(bot, identity)), **page_routes(), "/metrics": metrics}
