"""The public interface is the one that was accepted, and a change of it reads as what it means for users."""

import importlib.util
from pathlib import Path

import pytest

import gpt_trader_telemetry
from gpt_trader_telemetry.catalog import CATALOG
from gpt_trader_telemetry.cli.main import COMMANDS
from gpt_trader_telemetry.variables import VARIABLES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def interface():
    """Return the module that lists it."""
    spec = importlib.util.spec_from_file_location("interface", DOCS / "interface.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_public_interface_is_the_one_that_was_accepted(interface) -> None:
    """A line less or another one breaks users, a line more is a promise: docs/versioning.md says what each asks for."""
    changed = interface.changes()
    assert not changed, f"the public interface has changed; accept it with `uv run docs/interface.py`\n{changed}"


def test_every_public_thing_is_listed(interface) -> None:
    """Names, methods, fields, metrics, variables and commands that the code has are in the list."""
    lines = set(interface.LISTED.read_text().splitlines())
    text = "\n".join(lines)
    for name in set(gpt_trader_telemetry.__all__) - {"__version__"}:
        assert f"gpt_trader_telemetry.{name}" in text
    assert "gpt_trader_telemetry.Telemetry.flush(timeout: float = 2.0) -> Delivery" in lines
    assert "gpt_trader_telemetry.Settings(*, health_port: int = 8080)" in lines
    assert "async gpt_trader_telemetry.health.check_broker_ping_async(broker: object" in text
    assert "    side: buy sell unknown" in lines
    assert "    exit codes: 0 1 2 3" in lines
    assert {name for name in CATALOG if not any(name in line.split() for line in lines)} == set()
    assert {f"gpt-trader-telemetry {name}" for name in COMMANDS if name != "report"} <= lines
    assert {f"{variable} -> Settings.{field}" for variable, field, _ in VARIABLES} <= lines


def test_a_change_is_shown_as_a_diff(interface, tmp_path, monkeypatch) -> None:
    """Whoever renames a parameter sees the line that was and the line that is."""
    was = interface.LISTED.read_text().replace("shutdown(timeout: float = 2.0)", "shutdown(seconds: float = 2.0)")
    monkeypatch.setattr(interface, "LISTED", tmp_path / "interface.txt")
    interface.LISTED.write_text(was)
    assert [line for line in interface.changes().splitlines() if line[0] in "+-"][2:] == [
        "-gpt_trader_telemetry.Telemetry.shutdown(seconds: float = 2.0) -> Delivery",
        "+gpt_trader_telemetry.Telemetry.shutdown(timeout: float = 2.0) -> Delivery",
    ]


def test_accepting_writes_the_list_and_checking_does_not(interface, tmp_path, monkeypatch, capsys) -> None:
    """One command accepts a change; with --check it only fails."""
    accepted = interface.LISTED.read_text()
    monkeypatch.setattr(interface, "LISTED", tmp_path / "interface.txt")
    interface.LISTED.write_text(accepted + "gone\n")
    monkeypatch.setattr("sys.argv", ["interface.py", "--check"])
    assert interface.main() == 1
    assert "-gone" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["interface.py"])
    assert interface.main() == 0
    assert interface.LISTED.read_text() == accepted
