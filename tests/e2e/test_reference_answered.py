"""The queries and commands of the documentation, put to a real Prometheus, bot and exporter as they are printed."""

import math
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from emitting_everything import bot_of_everything
from paper_process import running, wait_for
from prometheus_process import Prometheus, scraping
from reference_metrics import example_of, exported_example_of

from gpt_trader_telemetry.catalog import CATALOG
from gpt_trader_telemetry.cli.main import COMMANDS, main
from gpt_trader_telemetry.exported import FAMILIES
from support.exporting import exporting

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus is not on this machine (Debian package: prometheus)"
)
ROOT = Path(__file__).parents[2]
DOCS = [ROOT / "docs" / name for name in ("runbooks.md", "playbook.md")]
QUERY = re.compile(
    r"(sum|max|histogram_quantile|sort_desc|last_over_time|max_over_time|time\(\)|ALERTS|\w+_trader[_:])"
)
NO_QUERY = re.compile(r"\.\w+$|[ /<]?\.\.\.|^gpt_trader_telemetry|^gpt_trader\.|_$|=gpt_trader$|^coinbase_trader_?$")

NOT_RUN = {
    "uv": "installs",
    "pip": "installs",
    "openssl": "writes a password",
    "docker": "tests/collector/test_compose.py runs the stack",
    "export": "says what the bot of this test is started with",
    "amtool": "needs an Alertmanager, which tests/soak/test_alert_scenarios.py runs",
    "grep": "reads the bot's own log",
    "journalctl": "reads a unit's log",
    "systemctl": "starts a unit",
    "py-spy": "is not ours",
    "ls": "shows files",
}
ELSEWHERE = ("api.coinbase.com", "...")
"""In commands that ask an exchange, or that leave something to fill in."""
HERE = {"8080", "9000", "9090"}
"""The ports of what this test runs; a Collector and an Alertmanager are asked by others."""


@dataclass(frozen=True)
class Desk:
    """All that a command may ask, and where it is."""

    server: Prometheus
    folder: Path
    places: dict[str, str]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A bot that emits everything, the paper bot, an exporter over files of today, and the Prometheus of all three."""
    folder = tmp_path_factory.mktemp("desk")
    today = datetime.now(UTC)
    made = [sys.executable, ROOT / "examples" / "runtime_fixtures.py", "--root", folder, "--profile", "prod"]
    subprocess.run([*made, "--events", "3000", "--end", today.isoformat()], check=True, capture_output=True)
    with closing(sqlite3.connect(folder / "runtime_data" / "prod" / "events.db")) as log, log:
        log.execute("INSERT INTO events (event_type, payload) VALUES ('trade', '[]')")
    with ExitStack() as stack:
        enter = stack.enter_context
        everything, exporter = enter(bot_of_everything()), enter(exporting(folder, profile="prod"))
        paper = enter(running("--tick", "0.02"))
        target = paper.url.removeprefix("http://").removesuffix("/metrics")
        exported = exporter.until_caught_up().url.removeprefix("http://")
        jobs = {"everything": everything, "gpt-trader": target, "gpt-trader-exporter": exported}
        rules = ROOT / "collector" / "rules" / "*.yml"
        server = enter(scraping(tmp_path_factory.mktemp("prometheus"), rules, jobs))
        wait_for(lambda: server.query("count(sum_over_time(up[1m]) >= 5) == 3") or None, "scrapes of each target")
        places = {
            r"(127\.0\.0\.1|localhost):8080": target,
            r"(127\.0\.0\.1|localhost):9000": exported,
            r"(127\.0\.0\.1|localhost):9090": server.url.removeprefix("http://"),
            "2026-02-28": (today - timedelta(days=1)).strftime("%Y-%m-%d"),
        }
        yield Desk(server, folder, places)


REFERENCE = [
    *(pytest.param(example_of(metric), id=metric.name) for metric in CATALOG.values()),
    *(pytest.param(exported_example_of(family), id=f"exporter {family.name}") for family in FAMILIES.values()),
]


@pytest.mark.parametrize("query", REFERENCE)
def test_every_example_query_of_the_reference_has_an_answer(desk, query):
    """A number, from a bot or an exporter that has what it asks for."""
    wait_for(
        lambda: any(not math.isnan(value) for value in desk.server.query(query).values()) or None,
        f"an answer to {query}",
    )


def spans(document):
    """Yield what stands in a document as code within a line, or over the end of one."""
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    for span in re.findall(r"`([^`]+)`", text):
        yield " ".join(span.split())


QUERIES = sorted(
    {span for document in DOCS for span in spans(document) if QUERY.match(span) and not NO_QUERY.search(span)}
)


def test_the_queries_are_found():
    """Else the next test would say nothing."""
    assert len(QUERIES) > 30


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_of_the_runbooks_and_the_playbook_is_one(desk, query):
    """Prometheus evaluates it, and every series that it names is one that a bot, an exporter or a rule makes."""
    desk.server.query(query)
    names = set(re.findall(r"\b(?:gpt|coinbase)_trader[\w:]*", query))
    rules = {rule["name"] for group in desk.server.get("rules")["groups"] for rule in group["rules"]}
    known = {*CATALOG, *rules, *(f"coinbase_trader_{name}" for name in FAMILIES)}
    assert {re.sub(r"_(bucket|count|sum)$", "", name) if name not in known else name for name in names} <= known


def commands(document):
    """Yield every command of a shell that a document prints: in a block behind $, or within a line."""
    for block in re.findall(r"```console\n(.*?)```", document.read_text(), flags=re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                yield re.sub(r"\s+#\s.*", "", line.removeprefix("$ "))
    for span in spans(document):
        if re.match(r"(curl|gpt-trader-telemetry|promtool|amtool) \S", span):
            yield span


def is_run(line):
    """Return whether a command can be run here; another one is of those that are known not to be."""
    program = line.split()[0]
    if program in NOT_RUN or any(part in line for part in ELSEWHERE):
        return False
    if set(re.findall(r":(\d{4,5})\b", line)) - HERE:
        return False
    if program != "gpt-trader-telemetry":
        return True
    command = line.split()[1]
    assert command in COMMANDS, line
    # The first serves until it is ended, the others write to this checkout; tests/cli runs them all.
    return command not in {"exporter", "generate"}


LINES = sorted({line for document in DOCS for line in commands(document) if is_run(line)})


def test_the_commands_are_found():
    """Else the next test would say nothing."""
    assert len(LINES) > 15


@pytest.mark.parametrize("line", LINES)
def test_every_command_of_the_runbooks_and_the_playbook_works(desk, line, monkeypatch, capsys):
    """As it is printed, but for the ports; the doctor may find problems, and what is not here is not healthy."""
    for printed, here in desk.places.items():
        line = re.sub(printed, here, line)
    monkeypatch.chdir(desk.folder)
    words = shlex.split(line)
    if words[0] != "gpt-trader-telemetry":
        done = subprocess.run(["bash", "-c", line], check=False, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert done.stdout
        return
    quick = ["--wait", "0.1", "--timeout", "1"] if words[1] == "doctor" else []
    try:
        code = main([*words[1:], *quick])
    except SystemExit as ended:
        code = ended.code
    said = capsys.readouterr()
    assert code in ({0, 1} if words[1] == "doctor" else {0}), said.err
    assert said.out or "html" in words
