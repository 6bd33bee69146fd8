"""The doctor before the exporter, and before a bot that need not serve anything itself."""

import contextlib

import pytest

from gpt_trader_telemetry.doctor.examine import examine
from gpt_trader_telemetry.doctor.exporter import examine_exporter
from gpt_trader_telemetry.doctor.plan import Server
from gpt_trader_telemetry.doctor.series import EXPORTED, EXPORTED_SOMETIMES
from gpt_trader_telemetry.exported import FAMILIES
from gpt_trader_telemetry.http.app import Response
from gpt_trader_telemetry.http.health_server import start_health_server
from support.receivers import http_receiver

NOW = 1_795_000_000.0


@contextlib.contextmanager
def exporting(prefix: str = "coinbase_trader", age: float = 4.0, lacking: tuple[str, ...] = ()):
    """Serve what an exporter does."""
    values = {name: 1.0 for name in EXPORTED if name not in lacking} | {"metrics_timestamp_seconds": NOW - age}
    text = "".join(f"{prefix}_{name} {value}\n" for name, value in values.items())
    answer = Response(200, {"content-type": "text/plain"}, text.encode())
    server = start_health_server({"/metrics": lambda _: answer}, host="127.0.0.1", port=0)
    try:
        yield Server(server.url)
    finally:
        server.stop()


@pytest.fixture
def look(walk):
    return lambda server, **changes: walk(examine_exporter, exporter=server, now=lambda: NOW, **changes)


def test_an_exporter_of_a_living_bot_is_well(look):
    """Under the usual prefix, and under one of one's own."""
    with exporting() as usual, exporting("my_desk") as own:
        assert look(usual).bad() == {}
        found = look(own, variables={"COINBASE_TRADER_METRIC_PREFIX": "my_desk"})
    assert found.bad() == {}
    assert found.the("age").said == "what it serves was written 4 s ago"


def test_an_exporter_of_a_bot_that_stopped_is_a_problem(look):
    """It answers, with what is old."""
    with exporting(age=4000) as server:
        assert "67 min ago" in look(server).the("age").said


def test_a_prefix_that_does_not_agree_is_told_with_the_one_that_is_there(look):
    """Why dashboards and rules see nothing."""
    with exporting("my_desk") as server:
        found = look(server).the("series")
    assert "none of them coinbase_trader_" in found.said
    assert "my_desk: set COINBASE_TRADER_METRIC_PREFIX" in found.do


def test_series_that_the_bot_has_not_written_yet_are_named(look):
    """A warning: it may be young."""
    with exporting(lacking=("equity", "cycle_latency_ms")) as server:
        found = look(server).the("series")
    assert (found.status, found.said) == ("warning", "missing: equity, cycle_latency_ms")


def test_an_empty_exporter_points_at_the_bots_files(look):
    """As the playbook has it: let it run a cycle, look at permissions."""
    server = start_health_server({"/metrics": lambda _: Response(200, {}, b"up 1\n")}, host="127.0.0.1", port=0)
    try:
        found = look(Server(server.url)).the("series")
    finally:
        server.stop()
    assert found.status == "problem"
    assert "at least one cycle" in found.do


def test_one_that_was_named_is_missed(look, plan):
    """One that nobody named is not."""
    assert look(plan.exporter).the("endpoint").status == "skipped"
    assert look(Server(plan.exporter.address, given=True)).the("endpoint").status == "problem"


@pytest.mark.parametrize("road", ["exporter", "otlp"])
def test_a_bot_that_is_followed_or_ships_need_not_listen(walk, plan, road):
    """The other road is told; but a bot that was named, or is set to listen, is missed."""
    with exporting() as exporter, http_receiver() as received:
        chosen = {"exporter": exporter, "variables": {}}
        if road == "otlp":
            chosen = {"variables": {"OTEL_EXPORTER_OTLP_ENDPOINT": received.endpoint}}

        def bot(**more):
            (found, *_) = [one for one in walk(examine, **{**chosen, **more}) if one.area == "Bot"]
            return found

        assert bot().status == "skipped"
        assert {"exporter": "the exporter serves", "otlp": "ships over OTLP"}[road] in bot().said
        assert bot(bot=Server(plan.bot.address, given=True)).status == "problem"
        listening = {**chosen["variables"], "GPT_TRADER_HEALTH_SERVER_ENABLED": "1"}
        assert bot(variables=listening).status == "problem"


def test_what_is_looked_for_is_what_the_exporter_serves() -> None:
    """All that tells of the bot, and nothing else; the exporter's words about its own reading are not looked for."""
    own = {
        "caught_up", "log_restarts_total", "skipped_records_total", "source_age_seconds", "source_readable",
        "symbol_collisions",
    }  # fmt: skip
    assert {*EXPORTED, *EXPORTED_SOMETIMES} == set(FAMILIES) - own
