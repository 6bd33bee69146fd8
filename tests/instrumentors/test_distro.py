"""``opentelemetry-instrument python bot.py``: everything from the environment, with no change to the bot."""

import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from support.receivers import http_receiver
from support.scraping import parse

BOT = """
import logging, sys
logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s")

import test_broker
from opentelemetry import metrics, trace

test_broker.submit()
metrics.get_meter("bot").create_counter("bot_own_things").add(2)
with trace.get_tracer("bot").start_as_current_span("own"):
    test_broker.submit()
print("trading", flush=True)
sys.stdin.readline()
"""

SERVING = {
    "GPT_TRADER_HEALTH_SERVER_ENABLED": "1",
    "GPT_TRADER_HEALTH_PORT": "0",
    "GPT_TRADER_METRICS_ENDPOINT_ENABLED": "1",
}
COMMAND = str(Path(sys.executable).with_name("opentelemetry-instrument"))

pytestmark = pytest.mark.skipif(not Path(COMMAND).exists(), reason="opentelemetry-instrument is not installed")


def run(directory: Path, text: str, variables: dict[str, str], command: tuple[str, ...] = (COMMAND,)):
    """Start a bot, wait until it trades, and return the process and what it has written to stderr by then."""
    (directory / "bot.py").write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(directory), **variables}
    process = subprocess.Popen(
        [*command, sys.executable, "bot.py"] if command else [sys.executable, "bot.py"],
        cwd=directory, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout.readline() == "trading\n", process.stderr.read()
    return process


def finish(process) -> str:
    """Let the bot end, and return what it wrote to stderr."""
    _, errors = process.communicate("\n", timeout=30)
    assert process.returncode == 0, errors
    return errors


def listening_port(process) -> int:
    """Return the port that the process listens on, by the system's tables."""
    links = {os.readlink(link) for link in Path(f"/proc/{process.pid}/fd").iterdir() if link.is_symlink()}
    inodes = {found[1] for link in links if (found := re.fullmatch(r"socket:\[(\d+)\]", link))}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            return int(fields[1].partition(":")[2], 16)
    raise AssertionError("it listens nowhere")


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="the port is read from /proc")
def test_a_bot_that_knows_nothing_of_it_is_served_measured_and_traced(registered) -> None:
    """Metrics to scrape, its own instruments too; spans over OTLP, its own the parents of ours."""
    with http_receiver() as received:
        process = run(registered, BOT, {
            **SERVING, "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": received.endpoint,
            "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "test_failing,test_absent,theirs",
        })  # fmt: skip
        url = f"http://127.0.0.1:{listening_port(process)}"
        with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
            scraped = parse(answer.read().decode())
        errors = finish(process)
        spans = {span.name: span for span in received.spans() if span.parent_span_id or span.name == "own"}
        assert spans["broker_call submit"].parent_span_id == spans["own"].span_id
        (calls,) = received.points("gpt_trader_broker_call_latency_seconds").values()
        assert calls.count == 2
    assert scraped.total("gpt_trader_broker_call_latency_seconds_count", operation="submit") == 2
    assert scraped.total("bot_own_things_total") == 2
    assert "Traceback" not in errors


def test_a_bot_that_configures_itself_gets_what_there_is(registered) -> None:
    """Its arguments are passed by and that is logged: nothing raises into it because of how it was started."""
    process = run(registered, BOT + """
from gpt_trader_telemetry import Settings, configure
telemetry = configure()
assert configure(settings=Settings(service_name="own")) is telemetry
""", {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"})  # fmt: skip
    assert "configure() was given arguments that are not used: opentelemetry-instrument has" in finish(process)


def test_what_cannot_be_meant_is_told_and_the_bot_runs(registered) -> None:
    """A wrong variable is no reason not to trade."""
    process = run(registered, BOT, {"GPT_TRADER_HEALTH_PORT": "many", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"})
    assert "GPT_TRADER_HEALTH_PORT: 'many' is no port" in finish(process)


OTHER = """
from opentelemetry.instrumentation.distro import BaseDistro

class Distro(BaseDistro):
    def _configure(self, **kwargs):
        print("their distro")

class Configurator:
    def configure(self, **kwargs):
        print("their configurator")
"""


@pytest.mark.parametrize(
    ("variables", "theirs"),
    [({}, True), ({"OTEL_PYTHON_DISTRO": "gpt_trader"}, False), ({"OTEL_PYTHON_DISTRO": "theirs",
     "OTEL_PYTHON_CONFIGURATOR": "theirs"}, True)],
)  # fmt: skip
def test_another_distribution_goes_first_unless_ours_is_chosen(registered, variables, theirs) -> None:
    """Who has set up OpenTelemetry by another one keeps it, whichever is found first."""
    (registered / "their_distro.py").write_text(OTHER)
    with (registered / "somebody-1.dist-info" / "entry_points.txt").open("a") as points:
        points.write("[opentelemetry_distro]\ntheirs = their_distro:Distro\n"
                     "[opentelemetry_configurator]\ntheirs = their_distro:Configurator\n")  # fmt: skip
    text = "import gpt_trader_telemetry.recording.current as current\nprint(current.DEFAULT.recorder is not None)"
    (registered / "bot.py").write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(registered), "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}
    done = subprocess.run(
        [COMMAND, sys.executable, "bot.py"], cwd=registered, env=environment | variables, text=True,
        capture_output=True, check=True, timeout=30,
    )  # fmt: skip
    told = ["their distro", "their configurator", "False"] if theirs else ["True"]
    assert done.stdout.split("\n")[:-1] == told


def test_without_the_command_nothing_changes(registered) -> None:
    """Installed alone, nothing is configured, served or instrumented."""
    text = BOT + "from gpt_trader_telemetry.recording.current import DEFAULT\nassert DEFAULT.recorder is None\n"
    process = run(registered, text, SERVING, command=())
    assert finish(process) == ""
