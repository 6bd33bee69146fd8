"""The house: each floor imports only from floors below it."""

import ast
from pathlib import Path

import gpt_trader_telemetry

ROOT = Path(gpt_trader_telemetry.__file__).parent
PACKAGE = "gpt_trader_telemetry"
FLOORS = [
    {"_version", "errors", "interrupts", "process_end"},
    {"thresholds", "runtime_data", "variables", "metric"},
    {"catalog", "settings"},
    {"reasons", "recording", "exported"},
    {"instrument", "pipeline", "health"},
    {"http", "rules", "integrations", "replay", "report", "doctor", "instrumentors", "logs"},
    {"telemetry", "exporter"},
    {"configuring"},
    {"cli", "testing", "distro"},
    {"__init__", "pytest_plugin"},
]


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """Return the rooms of this package that a module imports, also inside functions."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE:
            parts = node.module.split(".")[1:]
            rooms |= {parts[0]} if parts else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            rooms |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith(PACKAGE + ".")}
    return rooms


def test_the_house_is_a_staircase() -> None:
    """No import goes up, and none goes sideways into another room."""
    floor_of = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    for path in ROOT.rglob("*.py"):
        room = room_of(path)
        for other in imported_rooms(path) - {room}:
            assert floor_of[other] < floor_of[room], f"{path.relative_to(ROOT)} imports {other}"


def test_only_settings_reads_the_environment() -> None:
    """One reader of os.environ, so that two Telemetry objects can differ."""
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if "environ" in {getattr(node, "attr", "") for node in ast.walk(ast.parse(path.read_text()))}
    }
    assert readers == {"settings.py"}


def test_files_can_be_read_in_one_sitting() -> None:
    """A room that grows beyond this is two rooms."""
    sizes = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in ROOT.rglob("*.py")}
    assert {name: size for name, size in sizes.items() if size > 420} == {}
