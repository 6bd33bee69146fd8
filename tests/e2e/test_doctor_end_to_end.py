"""The doctor before the real thing: the paper bot, Prometheus and Alertmanager, whole and broken."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from paper_process import PATIENCE, running, wait_for
from prometheus_process import scraping

from gpt_trader_telemetry.doctor.examine import examine
from gpt_trader_telemetry.doctor.plan import Plan, Server
from gpt_trader_telemetry.http.app import Response
from gpt_trader_telemetry.http.health_server import start_health_server
from support.receivers import free_port
from support.stores import alertmanager_on

PROGRAMS = ("prometheus", "prometheus-alertmanager")
MISSING = [tool for tool in PROGRAMS if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"{' and '.join(MISSING)} not on this machine (Debian packages of these names)"
)
RULES = Path(__file__).parents[2] / "collector" / "rules" / "playbook.yml"
ALERTING = 'alerting: {{alertmanagers: [{{static_configs: [{{targets: ["{}"]}}]}}]}}'
CALM = {
    f"GPT_TRADER_{signal}_{level}": "1"
    for signal in ("ORDER_ERROR_RATE", "ORDER_RETRY_RATE")
    for level in ("WARN", "CRIT")
} | {"GPT_TRADER_GUARD_TRIP_COUNT_WARN": "1e6", "GPT_TRADER_GUARD_TRIP_COUNT_CRIT": "1e6"}
"""Years of candles pass in seconds: what trips in them is no reason for alarm."""
FAULTS = "late=0.1,late_seconds=0.01,reject=0.1,rate_limit=0.02,unavailable=0.01,drop=0,hang=0"


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory):
    """A real Alertmanager's address."""
    folder = tmp_path_factory.mktemp("alertmanager")
    (folder / "alertmanager.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    with alertmanager_on(folder / "alertmanager.yml", folder) as server:
        yield Server(server.url, given=True)


@pytest.fixture(scope="module")
def stack(tmp_path_factory, alertmanager):
    """The paper bot scraped by a Prometheus that alerts: a plan to look at it all."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    with contextlib.ExitStack() as running_programs:
        bot = running_programs.enter_context(running("--tick", "0.01", "--faults", FAULTS, "--port", str(port), **CALM))
        target = {"gpt-trader": f"127.0.0.1:{port}"}
        server = running_programs.enter_context(
            scraping(folder, RULES, target, ALERTING.format(alertmanager.url.netloc))
        )
        wait_for(lambda: sum(server.query("gpt_trader_order_submission_total").values()) or None, "a scraped order")
        wait_for(lambda: server.get("alertmanagers")["activeAlertmanagers"] or None, "the Alertmanager's discovery")
        yield (
            Plan(
                bot=Server(bot.url.removesuffix("/metrics"), given=True),
                exporter=Server(f"http://127.0.0.1:{free_port()}"),
                prometheus=Server(server.url, given=True),
                alertmanager=alertmanager,
                timeout=10.0,
                wait=0.5,
                runtime_root=folder,
            )
        )


def looked_at(plan: Plan, area: str) -> dict[str, tuple[str, str]]:
    """Return what is found of an area: (status, words) by name."""
    return {one.name: (str(one.status), f"{one.said} {one.do}") for one in examine(plan) if one.area == area}


def test_a_whole_stack_is_well(stack):
    """The bot trades, is scraped and watched: not one problem."""
    found = list(examine(stack))
    assert {one.name for one in found if one.area == "Bot"} >= {"endpoint", "health", "metrics", "series", "movement"}
    assert [one for one in found if one.status == "problem"] == []
    said = {(one.area, one.name): one for one in found}
    assert said["Bot", "movement"].status == "ok"
    assert "1 of 1 up" in said["Prometheus", "target"].said
    assert re.fullmatch(r"\d{3,} series of 'gpt-trader'", said["Prometheus", "query"].said)
    assert said["Prometheus", "heartbeat"].status == "ok"
    assert said["Prometheus", "rules"].said.startswith("4 alert rules")
    assert stack.alertmanager.url.netloc in said["Prometheus", "alerting"].said
    assert said["Alertmanager", "endpoint"].status == "ok"


def test_another_job_is_told_with_the_jobs_that_there_are(stack):
    """A label that does not agree is why dashboards are empty."""
    found = looked_at(replace(stack, job='my "bot"'), "Prometheus")
    assert found["target"][0] == found["query"][0] == "problem"
    assert "the jobs are: gpt-trader" in found["target"][1]


def test_servers_mixed_up_are_told(stack):
    """A bot where Prometheus should be, and Prometheus where Alertmanager should be."""
    mixed = replace(stack, prometheus=stack.bot, alertmanager=stack.prometheus)
    assert "not as Prometheus does" in looked_at(mixed, "Prometheus")["endpoint"][1]
    assert "not as Alertmanager does" in looked_at(mixed, "Alertmanager")["endpoint"][1]


def test_a_target_that_is_down_is_told_with_prometheus_own_words(tmp_path):
    """Nobody answers the scrape, an alert fires, no Alertmanager hears it: each is told by itself."""
    port, rules = free_port(), tmp_path / "own.yml"
    rules.write_text(
        "groups: [{name: own, rules: [{alert: Always, expr: 'vector(1)'}, "
        "{alert: Broken, expr: 'gpt_trader_open_orders > 5'}]}]\n"
    )
    with scraping(tmp_path, rules, {"gpt-trader": f"127.0.0.1:{port}"}) as server:
        wait_for(lambda: server.get("alerts")["alerts"] or None, "an alert")
        wait_for(lambda: server.query("up == 0") or None, "a failed scrape")
        nobody = Server(f"http://127.0.0.1:{port}")
        plan = Plan(
            bot=nobody, exporter=nobody, alertmanager=Server(nobody.address, given=True),
            prometheus=Server(server.url), timeout=10.0,
        )  # fmt: skip
        found, alerting = looked_at(plan, "Prometheus"), looked_at(plan, "Alertmanager")
    assert found["target"][0] == "problem"
    assert "connection refused" in found["target"][1]
    assert "no gpt_trader_ series" in found["query"][1]
    assert found["alerting"][0] == "warning"
    assert found["alerts"] == (
        "warning",
        "firing: Always each alert's runbook_url, or docs/runbooks.md, says what to do",
    )
    assert found["rules"][1].startswith("1 alert rules")
    assert alerting["endpoint"] == (
        "problem",
        f"{nobody.address}: nobody listens there start it, or correct host and port",
    )


HANDED_ON = '  - {{job_name: collector, honor_labels: true, static_configs: [{{targets: ["{}"]}}]}}'


def test_a_bot_whose_last_words_the_collector_hands_on_is_told_as_dead(tmp_path):
    """Its series are there, and the Collector answers; only the heartbeat's age tells, by the bot's own interval."""
    ended = time.time() - 100
    line = f'gpt_trader_telemetry_heartbeat_timestamp_seconds{{job="gpt-trader",instance="ended"}} {ended}\n'

    def answer(_request):
        return Response(200, {"content-type": "text/plain; version=0.0.4"}, line.encode())

    collector = start_health_server({"/metrics": answer}, host="127.0.0.1", port=0)
    nobody = Server(f"http://127.0.0.1:{free_port()}")
    try:
        with scraping(tmp_path, RULES, {}, HANDED_ON.format(collector.url.removeprefix("http://"))) as server:
            wait_for(lambda: server.query("gpt_trader_telemetry_heartbeat_timestamp_seconds") or None, "its series")
            plan = Plan(
                bot=nobody, exporter=nobody, alertmanager=nobody, prometheus=Server(server.url), timeout=10.0,
                runtime_root=tmp_path,
            )  # fmt: skip
            found = {
                seconds: looked_at(
                    replace(plan, variables={"OTEL_METRIC_EXPORT_INTERVAL": f"{1000 * seconds}"}), "Prometheus"
                )
                for seconds in (3, 60)
            }
    finally:
        collector.stop()
    for said in found.values():
        assert said["query"] == ("ok", "1 series of 'gpt-trader' ")
    status, said = found[3]["heartbeat"]
    assert status == "problem"
    assert re.match(r"the newest of 'gpt-trader' is \d+ s old, more than 3 export intervals of 3 s", said)
    assert "see that the bot runs" in said
    assert found[60]["heartbeat"][0] == "ok"


def test_the_command_says_so_and_ends_with_its_code(stack):
    """As an operator runs it: 0 with a stack that is well, 1 without a bot, and no trace of colour in a pipe."""
    own = {name: text for name, text in os.environ.items() if not name.startswith(("OTEL_", "GPT_TRADER_"))}

    def doctor(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "gpt_trader_telemetry.cli", "doctor", "--wait", "0.3", *options],
            capture_output=True, text=True, check=False, timeout=PATIENCE, env={**own, **variables},
        )  # fmt: skip

    url = stack.bot.address
    well = doctor("--url", url, "--prometheus", stack.prometheus.address)
    assert (well.returncode, well.stderr) == (0, "")
    assert "no problem" in well.stdout.splitlines()[-1]
    assert "\x1b" not in well.stdout
    by_variable = doctor(GPT_TRADER_HEALTH_PORT=url.rpartition(":")[2])
    assert f"{url} answers" in by_variable.stdout
