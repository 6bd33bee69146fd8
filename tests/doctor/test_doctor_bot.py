"""The doctor before a bot's own listener, in every state that an operator meets it in."""

import contextlib
import ssl

import pytest

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.doctor.bot import examine_bot
from gpt_trader_telemetry.doctor.plan import Server
from gpt_trader_telemetry.http.app import Response, json_response
from gpt_trader_telemetry.http.health_server import start_health_server
from support.certificates import make_certificate
from support.receivers import black_hole, free_port

TOKEN = "correct-horse-battery-staple"


@contextlib.contextmanager
def serving(**settings):
    chosen = {"metrics_endpoint_enabled": True, **settings}
    with Telemetry(Settings(health_server_enabled=True, health_port=0, **chosen)) as telemetry:
        yield telemetry


def at(telemetry: Telemetry) -> Server:
    return Server(telemetry.server.url)


def trade(telemetry: Telemetry) -> None:
    """Do what makes every usual series."""
    with telemetry.order_submission(side="buy"), telemetry.broker_call("submit"):
        pass
    telemetry.guard("daily_loss")(lambda: None)()
    with telemetry.cycle():
        pass
    telemetry.account.update(equity=1000)


def test_a_bot_that_trades_is_well(walk):
    """Endpoint, health, metrics, series and movement: no warning, no problem."""
    with serving() as telemetry:
        trade(telemetry)
        telemetry.health.mark_ready()
        found = walk(examine_bot, bot=at(telemetry), sleep=lambda _: trade(telemetry))
    assert found.bad() == {}
    assert found.the("health").said.startswith("healthy")
    assert "cycle_duration_seconds_count" in found.the("movement").said
    assert found.named("series")[0].said.startswith("there: the library's own, orders, broker calls, guards, cycle")


def test_the_wrong_port_says_that_nobody_listens_and_how_to_start(walk):
    """The first thing to rule out."""
    found = walk(examine_bot)
    assert found.the("endpoint").status == "problem"
    assert "nobody listens" in found.the("endpoint").said
    assert "GPT_TRADER_HEALTH_SERVER_ENABLED=1" in found.the("endpoint").do
    assert found.the("metrics").status == "skipped"


def test_metrics_that_are_switched_off_are_told_from_a_wrong_address(walk):
    """The 404 with its hint, and the variable to set."""
    with serving(metrics_endpoint_enabled=False) as telemetry:
        found = walk(examine_bot, bot=at(telemetry))
        lost = walk(examine_bot, bot=Server(telemetry.server.url + "/elsewhere"))
    assert found.the("metrics").said == "/metrics answers HTTP 404, Metrics endpoint disabled"
    assert "GPT_TRADER_METRICS_ENDPOINT_ENABLED=1" in found.the("metrics").do
    assert "prefix" in lost.the("endpoint").do
    assert "GPT_TRADER" not in lost.the("metrics").do


@pytest.mark.parametrize(("given", "said"), [(None, "wants a token"), ("something-else-entirely", "refuses the token")])
def test_a_missing_token_is_told_from_a_wrong_one(walk, tmp_path, given, said):
    """And neither is shown."""
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(0o600)
    with serving(health_token_file=str(path)) as telemetry:
        found = walk(examine_bot, bot=at(telemetry), token=given)
        right = walk(examine_bot, bot=at(telemetry), token=TOKEN)
    assert said in found.the("endpoint").said
    assert "--token-file" in found.the("endpoint").do
    assert "metrics" not in found.bad()
    assert right.the("metrics").status == "ok"
    assert not any(secret in repr([*found, *right]) for secret in (TOKEN, str(given)))


def test_plain_and_tls_mixed_up_say_which_is_which(walk, tmp_path):
    """Both ways, and a certificate that is not trusted is neither."""
    cert, key = make_certificate(tmp_path)
    with serving() as plain, serving(health_tls_certificate=str(cert), health_tls_key=str(key)) as secure:
        tls_to_plain = walk(examine_bot, bot=Server(plain.server.url.replace("http:", "https:")))
        plain_to_tls = walk(examine_bot, bot=Server(secure.server.url.replace("https:", "http:")))
        untrusted = walk(examine_bot, bot=at(secure))
        trusted = walk(examine_bot, bot=at(secure), tls=ssl.create_default_context(cafile=cert))
    assert "does not speak TLS" in tls_to_plain.the("endpoint").said
    assert "http://" in tls_to_plain.the("endpoint").do
    assert "perhaps it speaks TLS" in plain_to_tls.the("endpoint").said
    assert "https://" in plain_to_tls.the("endpoint").do
    assert "not trusted" in untrusted.the("endpoint").said
    assert "--ca-file" in untrusted.the("endpoint").do
    assert trusted.the("endpoint").status == "ok"


def test_a_server_that_never_answers_costs_one_deadline(walk):
    """No step waits longer than it was told."""
    with black_hole() as url:
        found = walk(examine_bot, bot=Server(url), timeout=0.2)
    assert "no answer within 0.2 s" in found.the("endpoint").said


def test_somebody_else_on_the_port_is_no_bot(walk):
    """A page of HTML, and an answer that is no metrics."""
    page = Response(200, {"content-type": "text/html"}, b"<h1>It {works}</h1>")
    server = start_health_server({"/health": lambda _: page, "/metrics": lambda _: page}, host="127.0.0.1", port=0)
    try:
        found = walk(examine_bot, bot=Server(server.url))
    finally:
        server.stop()
    assert set(found.bad()) == {"endpoint", "metrics"}
    assert "text format" in found.the("metrics").said


@pytest.mark.parametrize(
    ("word", "status"),
    [("healthy", "ok"), ("degraded", "warning"), ("starting", "warning"), ("unhealthy", "problem")],
)
def test_health_is_told_with_its_reason(walk, word, status):
    """As the bot words it, without what would steer a terminal."""
    answer = json_response(200, {"status": word, "reason": "critical checks failing: \x1b[2Jbroker"})
    server = start_health_server({"/health": lambda _: answer}, host="127.0.0.1", port=0)
    try:
        found = walk(examine_bot, bot=Server(server.url)).the("health")
    finally:
        server.stop()
    assert (found.status, found.said) == (status, f"{word}: critical checks failing:  [2Jbroker")


def test_signals_that_are_not_well_are_named(walk):
    """So that the report says where to look."""
    with serving() as telemetry:
        telemetry.health.mark_ready()
        for _ in range(20):
            with telemetry.order_submission(side="buy") as order:
                order.reject("insufficient_funds")
        telemetry.metrics_text("text/plain")  # folds what was recorded
        telemetry.signals.current(max_age=0.0)
        found = walk(examine_bot, bot=at(telemetry)).the("health")
    assert (found.status, found.said) == ("problem", "unhealthy: signals: CRIT (order_error_rate CRIT)")


def test_each_missing_family_says_what_would_emit_it(walk):
    """A bot that decorates nothing."""
    with serving() as telemetry:
        found = walk(examine_bot, bot=at(telemetry))
    missing = {finding.said.partition(":")[0]: finding.do for finding in found.named("series") if finding.do}
    assert set(missing) == {"orders", "broker calls", "guards", "cycle", "account"}
    assert "@order_submission" in missing["orders"]
    assert "WebSocket" in found.named("series")[-1].said


def test_a_bot_that_does_nothing_is_told_from_one_that_trades(walk):
    """The library's own series move always, and say nothing about the bot."""
    with serving() as telemetry:
        trade(telemetry)
        telemetry.health.register("pulse", lambda: True)
        found = walk(examine_bot, bot=at(telemetry), sleep=lambda _: telemetry.health.run_once())
    assert found.the("movement").status == "warning"
    assert "--wait" in found.the("movement").do


def test_a_bot_that_ends_between_the_scrapes_is_told(walk):
    """The second scrape fails by itself."""
    with serving() as telemetry:
        found = walk(examine_bot, bot=at(telemetry), sleep=lambda _: telemetry.server.stop())
    assert "second scrape failed: nobody listens there" in found.the("movement").said


def test_errors_kept_away_from_the_bot_are_told(walk):
    """By component; and exports that failed."""
    with serving(otlp_endpoint=f"http://127.0.0.1:{free_port()}", otlp_timeout=0.05) as telemetry:
        telemetry.record_counter("gpt_trader_guard_trips_total", 1, {"nonsense": "x"})
        telemetry.flush(5)
        found = walk(examine_bot, bot=at(telemetry))
    said = " ".join(finding.said for finding in found.named("own errors"))
    assert "recording 1" in said
    assert "not delivered since it started: otlp 1" in said
