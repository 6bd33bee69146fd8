"""A bot's own endpoints: by its server, mounted in another service, and under which names they may be asked."""

import asyncio
import http.client
import json
import os
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from typing import Any

import fastapi
import pytest

from gpt_trader_telemetry import ConfigurationError, Settings, Telemetry
from gpt_trader_telemetry.http.access import is_loopback

TOKEN = "correct-horse-battery-staple"


@pytest.fixture
def bot() -> Iterator[Telemetry]:
    """A bot that serves on a free port."""
    with Telemetry(Settings(health_server_enabled=True, health_port=0, metrics_endpoint_enabled=True)) as made:
        made.health.mark_ready()
        yield made


def ask(telemetry: Telemetry, path: str, host: str | None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", telemetry.server.port, timeout=5)
    connection.putrequest("GET", path, skip_host=True)
    if host is not None:
        connection.putheader("Host", host)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def get(url: str, token: str | None = None) -> tuple[int, Any]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5) as response:
            body = response.read().decode()
            return response.status, json.loads(body) if body.startswith("{") else body
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200), ("localhost", 200), ("LocalHost:1", 200), ("bot.localhost:8080", 200),
        ("[::1]:8080", 200), ("10.1.2.3", 200), ("localhost.", 200),
        ("evil.example", 421), ("evil.example:8080", 421), ("127.0.0.1.evil.example", 421), ("localhost.evil.example", 421),
        ("127.0.0.1@evil.example", 421), ("notlocalhost", 421),
    ],
)  # fmt: skip
def test_a_loopback_listener_is_not_read_under_another_hosts_name(bot: Telemetry, host: str, status: int) -> None:
    """DNS rebinding: a web page whose name suddenly means 127.0.0.1 gets nothing but the probes."""
    for path in ("/health", "/metrics", "/status.json", "/health/explain", "/"):
        assert ask(bot, path, host) == status, path
    assert ask(bot, "/live", host) == 200
    assert ask(bot, "/ready", host) == 200


def test_a_proxys_name_can_be_allowed() -> None:
    """It passes on the name that it was asked by."""
    settings = Settings.from_env(
        {
            "GPT_TRADER_HEALTH_SERVER_ENABLED": "1",
            "GPT_TRADER_HEALTH_PORT": "0",
            "GPT_TRADER_HEALTH_HOSTS": "bots.example, ops-1.example",
        }
    )
    with Telemetry(settings) as telemetry:
        assert ask(telemetry, "/health/explain", "Bots.Example:443") == 200
        assert ask(telemetry, "/health/explain", "ops-1.example") == 200
        assert ask(telemetry, "/health/explain", "other.example") == 421


def test_a_token_or_an_open_listener_makes_the_name_immaterial(tmp_path: Any) -> None:
    """No page has the token, and who listens on every address is asked by names that nobody knows beforehand."""
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    with Telemetry(Settings(health_server_enabled=True, health_port=0, health_token_file=str(token))) as telemetry:
        assert ask(telemetry, "/health", "bot.example") == 401
    with Telemetry(Settings(health_server_enabled=True, health_port=0, health_host="0.0.0.0")) as telemetry:
        assert ask(telemetry, "/health/explain", "bot.example") == 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("bot", False)],
)
def test_loopback_is_told_by_the_address(host: str, expected: bool) -> None:
    """Which is what the check of names depends on."""
    assert is_loopback(host) is expected


@pytest.mark.parametrize("hosts", ["bot.example", ("",), ("bot:80",), ("a b",), None])
def test_names_that_cannot_be_meant_are_refused(hosts: Any) -> None:
    """A string would be taken for its letters."""
    with pytest.raises(ConfigurationError, match="health_hosts"):
        Settings(health_hosts=hosts)


def test_a_bot_is_mounted_in_fastapi_with_everything_it_serves(tmp_path: Any, uvicorn_runs: Any) -> None:
    """By one line; the bot's own server need not run, and the token is asked for all the same."""
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    with Telemetry(Settings(metrics_endpoint_enabled=True, health_token_file=str(token))) as telemetry:
        service = fastapi.FastAPI()
        service.mount("/bot", telemetry.asgi_app())
        telemetry.health.register("broker", lambda: True, severity="critical")
        telemetry.health.mark_ready("trading")
        telemetry.health.run_once()
        telemetry.record_gauge("gpt_trader_open_orders", 3)
        base = uvicorn_runs(service) + "/bot"
        assert get(f"{base}/live") == (200, {"status": "pass", "live": True})
        assert get(f"{base}/ready")[1]["reason"] == "trading"
        assert get(f"{base}/health")[0] == get(f"{base}/metrics")[0] == 401
        told = get(f"{base}/health", TOKEN)[1]
        assert (told["status"], told["checks"]["broker"]["status"]) == ("healthy", "pass")
        assert told["checks"]["performance"]["status"] == "healthy"
        assert "gpt_trader_open_orders 3" in get(f"{base}/metrics", TOKEN)[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_mounted_bot_answers_in_a_forked_worker_too() -> None:
    """As under a server that loads the application once and then forks; slow routes had threads before."""
    with Telemetry(Settings(metrics_endpoint_enabled=True)) as telemetry:
        mounted = telemetry.asgi_app()
        assert statuses(mounted, ["/health", "/metrics", "/live"]) == [503, 200, 200]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
            pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = 0 if statuses(mounted, ["/health", "/metrics", "/live"]) == [503, 200, 200] else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert statuses(mounted, ["/metrics", "/live"]) == [503, 200]  # it has been shut down


def statuses(mounted: Any, paths: list[str]) -> list[int]:
    told: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            told.append(message["status"])

    async def ask() -> None:
        for path in paths:
            scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
            await mounted(scope, None, send)

    asyncio.run(ask())
    return told


def test_a_bot_is_mounted_as_wsgi(telemetry: Telemetry) -> None:
    """The same answers, in a server of the older kind."""
    told: list[str] = []
    body = telemetry.wsgi_app()(
        {"REQUEST_METHOD": "GET", "PATH_INFO": "/health"}, lambda status, _headers: told.append(status)
    )
    assert told == ["503 Service Unavailable"]
    assert json.loads(b"".join(body))["status"] == "starting"


def test_slow_broker_calls_degrade_the_performance_block(bot: Telemetry) -> None:
    """More than ten beyond the critical latency within the window, by operation; just fast enough is not slow."""
    for seconds in (3.0, 2.9, *[3.5] * 11):
        bot.record_histogram(
            "gpt_trader_broker_call_latency_seconds",
            seconds,
            {"operation": "submit", "outcome": "success", "reason": "none"},
        )
    bot.metrics_text()
    assert bot.signals.slow_calls() == {"submit": 11}
    details = bot.health.run_once()["performance"].details
    assert details["performance"] == "degraded"
    assert details["slow_operations"] == {"submit": 11}
    assert details["issues"] == ["slow_operations is 11, above 10"]
