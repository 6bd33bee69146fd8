"""The command ``exporter``: what it serves, what it says, and how it ends."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gpt_trader_telemetry.cli.main import main
from gpt_trader_telemetry.exported import FAMILIES
from support.exporting import exporting
from support.receivers import http_receiver, number_of
from support.runtime import BotFiles
from support.scraping import OPENMETRICS, TEXT, parse

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def bot(tmp_path):
    files = BotFiles(tmp_path)
    yield files
    files.close()


def test_it_serves_follows_and_goes_on_after_a_restart(bot, tmp_path):
    """From before anything exists to a second start by the cursor file; SIGTERM and SIGINT end it with 0."""
    cursor = ["--cursor-file", str(tmp_path / "cursor.json")]
    with exporting(tmp_path, *cursor, "--now", "2026-03-01T00:01:00Z") as exporter:
        status, body, _ = exporter.get("/health")
        assert status == 503
        assert json.loads(body)["status"] == "starting"
        assert exporter.get("/ready")[0] == 503
        assert exporter.get("/live")[0] == 200
        bot.row("trade", {})
        bot.cycle(equity="5", timestamp="2026-03-01T00:00:00")
        exporter.until_caught_up()
        exporter.wait_for(lambda: exporter.scrape().value("coinbase_trader_equity") == 5)
        for accept in (TEXT, OPENMETRICS):
            status, text, headers = exporter.get("/metrics", {"Accept": accept})
            assert headers["content-type"].split(";")[0] == accept.split(";")[0]
            scrape = parse(text)
            assert scrape.value("coinbase_trader_trades_executed_total") == 1
            assert scrape.value("coinbase_trader_source_age_seconds", source="events_db") == 60
        assert exporter.json("/metrics.json")["equity"] == "5"
        assert exporter.json("/health")["checks"]["paper"]["status"] == "pass"
        assert exporter.get("/metrics", method="HEAD")[1] == ""
        assert exporter.get("/metrics", method="POST")[0] == 405
        assert exporter.get("/nothing")[0] == 404
        assert exporter.stop() == 0
    bot.row("trade", {})
    with exporting(tmp_path, *cursor) as exporter:
        exporter.until_caught_up()
        assert exporter.scrape().value("coinbase_trader_trades_executed_total") == 2
        assert not any("not used" in line for line in exporter.said)
        assert exporter.stop(signal.SIGINT) == 0


def test_several_profiles_have_a_label_and_the_prefix_and_token_are_obeyed(tmp_path):
    """One process for all bots; the probes need no token."""
    for name, number in (("live", 1), ("paper", 2)):
        bot = BotFiles(tmp_path, name)
        for _ in range(number):
            bot.row("trade", {})
        bot.cycle(positions={"BTC-USD": {"exposure_usd": number}})
        bot.close()
    token = tmp_path / "token"
    token.write_text("correct-horse-battery-staple")
    token.chmod(0o600)
    options = ["--profile", "live", "--token-file", str(token)]
    with exporting(tmp_path, *options, env={"COINBASE_TRADER_METRIC_PREFIX": "desk"}) as exporter:
        exporter.wait_for(lambda: exporter.get("/ready")[0] == 200)
        assert exporter.get("/metrics")[0] == 401
        scrape = parse(exporter.get("/metrics", {"Authorization": "Bearer correct-horse-battery-staple"})[1])
        assert scrape.value("desk_trades_executed_total", profile="paper") == 2
        assert scrape.value("desk_symbol_exposure_usd", profile="live", symbol="BTC_USD") == 1
        assert exporter.stop() == 0


@pytest.mark.parametrize("fails", [False, True])
def test_the_same_series_leave_over_otlp(bot, tmp_path, fails):
    """By the SDK's pipeline, once more at the end; a receiver that refuses is told, and the exit code is 0."""
    bot.row("trade", {})
    bot.cycle(equity="5", timestamp="2026-03-01T00:00:00", positions={"BTC-USD": {"exposure_usd": 7}})
    with http_receiver() as received:
        received.refusing = fails
        with exporting(tmp_path, env={"OTEL_EXPORTER_OTLP_ENDPOINT": received.endpoint}) as exporter:
            exporter.until_caught_up()
            assert exporter.stop() == 0
        assert any("not delivered (failed)" in line for line in exporter.said) == fails
        assert received.value("coinbase_trader_equity") == 5
        assert received.value("coinbase_trader_trades_executed_total") == 1
        assert received.value("coinbase_trader_symbol_exposure_usd", symbol="BTC_USD") == 7
        assert received.value("coinbase_trader_source_readable", source="events_db") == 1
        assert received.resources()[0]["service.name"] == "gpt-trader-exporter"
        sums = {metric.name for metric in received.metrics() if metric.HasField("sum") and metric.sum.is_monotonic}
        assert "coinbase_trader_trades_executed_total" in sums


def test_every_series_of_every_profile_leaves_over_otlp_as_it_is_scraped(tmp_path):
    """Name, labels and value, of two profiles with all that a generated day has."""
    for profile, seed in (("live", 1), ("paper", 2)):
        made = [sys.executable, EXAMPLES / "runtime_fixtures.py", "--root", tmp_path, "--profile", profile]
        subprocess.run([*made, "--events", "2000", "--seed", str(seed)], check=True, capture_output=True)
    with http_receiver() as received:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": received.endpoint}
        with exporting(tmp_path, "--profile", "live", "--now", "2026-03-01T00:00:00Z", env=env) as exporter:
            exporter.until_caught_up()
            exporter.wait_for(lambda: all(value == 1 for value in of(exporter.scrape(), "caught_up").values()))
            scrape = exporter.scrape()
            scraped = {series: value for family in FAMILIES for series, value in of(scrape, family).items()}
            assert exporter.stop() == 0
        sent = {
            (name, labels): number_of(point)
            for name in {name for name, _ in scraped}
            for labels, point in received.points(name).items()
        }
    assert {dict(labels)["profile"] for _, labels in scraped} == {"live", "paper"}
    assert len({name for name, _ in scraped}) > 20
    assert sent == scraped


def of(scrape, family):
    """Return the series of one of the exporter's families, by name and labels."""
    name = f"coinbase_trader_{family}"
    return {series: value for series, value in scrape.values.items() if series[0] == name}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--profile", "../x"], "is no profile"),
        (["--profile", "a", "--profile", "a"], "each once; it was given"),
        (["--profile", "a", "--profile", "b", "--events-db", "x"], "for one --profile"),
        (["--profile", "a", "--cursor-file", "/no/such/folder/c.json"], "there is no folder"),
        (["--profile", "a", "--host", "no.such.host.invalid"], "--host"),
        (["--profile", "a", "--token-file", "/no/such/token"], "cannot be read"),
        (["--profile", "a", "--tls-key", "k"], "without a certificate"),
    ],
)
def test_wrong_use_ends_with_2_and_the_reason(options, said, capsys, monkeypatch, tmp_path):
    """Before anything is served."""
    monkeypatch.chdir(tmp_path)
    assert main(["exporter", "--port", "0", *options]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--profile", "a", "--port", "99999"],
        ["--profile", "a", "--now", "soon"],
        ["--profile", "a", "--now", "2026"],
    ],
)
def test_wrong_arguments_end_with_2(options, capsys):
    """And say where the help is."""
    with pytest.raises(SystemExit) as ended:
        main(["exporter", *options])
    assert ended.value.code == 2
    assert "see: gpt-trader-telemetry exporter --help" in capsys.readouterr().err


def test_a_taken_port_and_a_wrong_prefix_say_what_to_do(capsys, monkeypatch, tmp_path):
    """By the option or variable that is at fault."""
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["exporter", "--profile", "a", "--port", port]) == 2
        assert "set --port to another" in capsys.readouterr().err
    monkeypatch.setenv("COINBASE_TRADER_METRIC_PREFIX", "my prefix")
    assert main(["exporter", "--profile", "a", "--port", "0"]) == 2
    assert "COINBASE_TRADER_METRIC_PREFIX: 'my prefix'" in capsys.readouterr().err
