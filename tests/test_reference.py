"""Nothing that a user meets lacks documentation: metrics, settings, options, alerts, endpoints, names, exit codes."""

import ast
import importlib
import re
from pathlib import Path

import pytest
import yaml
from reference_cli import arguments_of, leaves, sections
from reference_metrics import emitter_of, recorded_in

import gpt_trader_telemetry
from gpt_trader_telemetry import Settings, Telemetry, thresholds
from gpt_trader_telemetry.catalog import CATALOG, Kind
from gpt_trader_telemetry.cli.main import COMMANDS, parser_of, top_parser
from gpt_trader_telemetry.exported import FAMILIES
from gpt_trader_telemetry.exporter.service import Exporter
from gpt_trader_telemetry.http.bot_routes import bot_routes
from gpt_trader_telemetry.http.page_routes import PAGE_PATHS
from gpt_trader_telemetry.runtime_data.paths import ProfilePaths
from gpt_trader_telemetry.variables import VARIABLES

ROOT = Path(__file__).parent.parent
PACKAGE = Path(gpt_trader_telemetry.__file__).parent
PAGES = {path.name: path.read_text() for path in (ROOT / "docs").glob("*.md")}


def of_page(page: str, heading: str) -> str:
    """Return a section of a page."""
    _, _, rest = PAGES[page].partition(f"\n## {heading}\n")
    assert rest, f"{page} has no section {heading!r}"
    return rest.partition("\n## ")[0]


@pytest.mark.parametrize("metric", CATALOG.values(), ids=CATALOG)
def test_every_metric_has_its_entry(metric) -> None:
    """Kind, unit, labels, buckets, who records it, where, and a query."""
    entry = of_page("metrics.md", metric.name)
    assert metric.help in entry
    assert f"- {metric.kind}, " in entry
    assert all(f"`{label.name}`" in entry for label in metric.labels)
    assert ("buckets: " in entry) == (metric.kind is Kind.HISTOGRAM)
    assert "- recorded by " in entry
    assert re.search(rf"^- `.*{metric.name}.*`$", entry, flags=re.MULTILINE)


def test_who_records_a_metric_is_what_the_code_says() -> None:
    """The modules that are named exist, and what none records is the bot's to record by name."""
    for metric in CATALOG.values():
        modules = recorded_in()[metric.name]
        assert all((PACKAGE / module).exists() for module in modules)
        assert modules or f'record_{metric.kind}("{metric.name}"' in emitter_of(metric)
    assert recorded_in()["gpt_trader_order_submission_total"] == ["instrument/orders.py"]
    assert recorded_in()["gpt_trader_trades_executed_total"] == []


def test_every_series_of_the_exporter_has_its_row() -> None:
    """On the page of metrics."""
    table = of_page("metrics.md", "The exporter's series")
    for family in FAMILIES.values():
        assert f"| `{family.name}` | {family.kind} | " in table


def test_every_variable_that_the_code_knows_is_on_the_settings_page() -> None:
    """Those of the tables, and any other that stands in the code."""
    known = {*(variable for variable, *_ in VARIABLES), *thresholds.VARIABLES}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                known |= set(re.findall(r"^(?:GPT_TRADER|OTEL|COINBASE|RISK)_[A-Z_]*[A-Z]$", node.value))
    known.remove("GPT_TRADER_METRICS")  # how a hint of the server begins
    assert {name for name in known if f"`{name}`" not in PAGES["settings.md"]} == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_exit_code_of_a_command_is_on_its_page(name: str) -> None:
    """Each option with a line of help, and each code that the command can end with."""
    for parser in leaves(parser_of(name)):
        section = of_page("cli.md", parser.prog.removeprefix("gpt-trader-telemetry "))
        for action in arguments_of(parser):
            assert action.help, f"{parser.prog}: {action.dest} has no help"
            assert all(f"`{option}" in section for option in action.option_strings)
        told = {int(line.split()[0]) for line in dict(sections(parser.epilog))["exit codes"]}
        assert told == codes_of(name)
        assert all(f"\n| {code} | " in section for code in told)


def codes_of(name: str) -> set[int]:
    """Return the codes that a command's own module ends with, where it names them."""
    module = importlib.import_module(f"gpt_trader_telemetry.cli.{name}")
    named = getattr(module, "Exit", None)
    if named is not None:
        return {int(code) for code in named}
    text = (PACKAGE / "cli" / f"{name}.py").read_text()
    constants = {int(number) for number in re.findall(r"^_[A-Z]+: Final = (\d)$", text, flags=re.MULTILINE)}
    returned = {int(number) for number in re.findall(r"^\s+return (\d)$", text, flags=re.MULTILINE)}
    # The doctor's is a boolean: 1 where there is a problem.
    return constants | returned | {0} | ({1} if "return int(any(" in text else set())


def test_the_codes_of_all_commands_are_on_the_page() -> None:
    """Those that the command itself adds: interrupted, and a reader that has gone."""
    [codes] = [lines for title, lines in sections(top_parser().epilog) if title.startswith("exit codes")]
    assert [int(line.split()[0]) for line in codes] == [0, 2, 130, 141]


def test_every_alert_is_on_the_alerts_page_or_the_playbooks() -> None:
    """With a link to its runbook."""
    for file, page in (("generated.yml", "alerts.md"), ("playbook.yml", "playbook.md")):
        groups = yaml.safe_load((ROOT / "collector" / "rules" / file).read_text())["groups"]
        alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
        linked = {line for line in PAGES[page].splitlines() if line.startswith("| ") and "runbooks.md#" in line}
        assert alerts
        for alert in alerts:
            assert any(re.match(rf"\| [`\[]{alert}[`\]]", line) for line in linked), alert


def test_every_endpoint_of_a_bot_is_on_the_playbooks_table() -> None:
    """The page's own files are one."""
    with Telemetry(Settings()) as telemetry:
        routes = set(bot_routes(telemetry._bot, lambda _request: None, {})) - (set(PAGE_PATHS) - {"/"})
    assert {"/health", "/metrics", "/"} < routes
    table = of_page("playbook.md", "Endpoints")
    assert {path for path in routes if f"`{path}`" not in table} == set()


def test_every_endpoint_of_the_exporter_is_on_its_page(tmp_path) -> None:
    """On the table of its paths."""
    exporter = Exporter([ProfilePaths.of(tmp_path, "prod")], settings=Settings(), tell=lambda _line: None)
    try:
        routes = set(exporter.routes())
    finally:
        exporter.close()
    assert {path for path in routes if f"`{path}`" not in of_page("exporter.md", "Paths")} == set()


@pytest.mark.skipif("api.md" not in PAGES, reason="the page of the API is not here yet")
@pytest.mark.parametrize("module", ["", ".health", ".testing"])
def test_every_public_name_is_on_the_page_of_the_api(module: str) -> None:
    """What users import; what it is stands in its docstring."""
    owner = importlib.import_module(f"gpt_trader_telemetry{module}")
    named = set(re.findall(r"auto\w+:: (?:[\w.]*\.)?(\w+)", PAGES["api.md"]))
    assert {name for name in owner.__all__ if name not in named and not name.startswith("__")} == set()
