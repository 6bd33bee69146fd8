"""The units of examples/systemd: systemd takes them, they may do little, and what they start runs."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gpt_trader_telemetry.variables import VARIABLES
from support.exporting import exporting
from support.runtime import load_fixtures

UNITS = Path(__file__).parents[2] / "examples" / "systemd"
NAMES = sorted(unit.name for pattern in ("*.service", "*.timer") for unit in UNITS.glob(pattern))
MOST_EXPOSED = 20
"""Of systemd's 100; a service that restricts nothing has 96."""

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The units as they would be installed for the profile prod, with programs that are there."""
    folder = tmp_path_factory.mktemp("units")
    (folder / "python").symlink_to(sys.executable)
    command = folder / "gpt-trader-telemetry"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m gpt_trader_telemetry.cli "$@"\n')
    command.chmod(0o755)
    for name in NAMES:
        text = (UNITS / name).read_text().replace("/opt/gpt-trader/venv/bin", str(folder))
        (folder / name.replace("@", "@prod")).write_text(text)
    return folder


def started_by(unit: Path, **specifiers: str) -> str:
    """Return a unit's ExecStart with its continued lines joined and its specifiers filled in."""
    lines = unit.read_text().replace("\\\n", " ").splitlines()
    [command] = [line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart=")]
    for specifier, value in {"%i": "prod", "%%": "%", **specifiers}.items():
        command = command.replace(specifier, value)
    return command


@needs_systemd
@pytest.mark.parametrize("name", NAMES)
def test_systemd_has_nothing_to_say_about_a_unit(installed, name) -> None:
    """No option that it does not know, no program that is not there."""
    command = ["systemd-analyze", "verify", installed / name.replace("@", "@prod")]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".service")])
def test_a_service_may_do_little(installed, name) -> None:
    """What a taken-over process could reach is bounded, by systemd's own measure."""
    unit = installed / name.replace("@", "@prod")
    command = ["systemd-analyze", "security", "--offline=yes", f"--threshold={MOST_EXPOSED}", unit]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.fixture(scope="module")
def bots(tmp_path_factory):
    """What a bot left that traded yesterday."""
    root = tmp_path_factory.mktemp("bots")
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    told = ["--root", root, "--profile", "prod", "--events", "2000", "--end", midnight.isoformat()]
    subprocess.run([sys.executable, load_fixtures().__file__, *told], check=True, capture_output=True)
    return root


def test_the_exporter_unit_starts_an_exporter(installed, bots, tmp_path) -> None:
    """With a token from a credential, a cursor in its own folder, and the bot's metrics."""
    (tmp_path / "exporter-token").write_text("a-token-of-some-length\n")
    command = started_by(
        installed / "gpt-trader-exporter.service",
        **{
            "${CREDENTIALS_DIRECTORY}": str(tmp_path), "/var/lib/gpt-trader-exporter": str(tmp_path),
            "/var/lib/gpt-trader": str(bots), "--port 9000": "--port 0",
        },
    )  # fmt: skip
    with exporting(bots, command=shlex.split(command)) as exporter:
        assert exporter.get("/metrics")[0] == 401
        token = {"Authorization": "Bearer a-token-of-some-length"}
        exporter.wait_for(lambda: exporter.get("/health", token)[0] == 200)
        assert "\ncoinbase_trader_equity" in exporter.get("/metrics", token)[1]
        assert exporter.stop() == 0
    assert (tmp_path / "cursor.json").exists()


def test_the_report_unit_writes_yesterdays_report(installed, bots, tmp_path) -> None:
    """As text, JSON and a page, in the service's own folder."""
    unit = installed / "gpt-trader-daily-report@prod.service"
    command = shlex.split(started_by(unit, **{"/var/lib/gpt-trader": str(bots)}))
    environment = os.environ | {"STATE_DIRECTORY": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    kinds = {path.suffix for path in tmp_path.glob(f"daily_report_{yesterday}.*")}
    assert kinds == {".txt", ".json", ".html"}


def test_the_bots_unit_sets_variables_that_there_are() -> None:
    """A misspelt one would be ignored without a word."""
    text = (UNITS / "gpt-trader-bot@.service").read_text()
    named = set(re.findall(r"^Environment=(\w+)=", text, re.MULTILINE))
    assert named
    assert named <= {variable for variable, *_ in VARIABLES}
