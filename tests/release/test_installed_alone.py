"""The wheel by itself: what a user has who installs it as a tool, without what its tests need."""

import json
import os
import shutil
import signal
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.distributions import ROOT, Built
from support.exporting import exporting
from support.runtime import load_fixtures

uv = shutil.which("uv")


@pytest.fixture(scope="module")
def tool(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel with what it requires, from uv's cache, and return its command."""
    if uv is None:
        pytest.skip("there is no uv")
    folder = tmp_path_factory.mktemp("tool")
    environment = os.environ | {"UV_PROJECT_ENVIRONMENT": str(folder)}
    offline = [uv, "--quiet", "--offline"]
    only_required = [*offline, "sync", "--frozen", "--no-dev", "--no-install-project"]
    synced = subprocess.run(only_required, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if synced.returncode:
        pytest.skip(f"uv's cache has not what is required: {synced.stderr.strip().splitlines()[-1]}")
    wheel = [*offline, "pip", "install", "--no-deps", "--python", folder / "bin" / "python", built.wheel]
    subprocess.run(wheel, check=True, capture_output=True)
    return folder / "bin" / "gpt-trader-telemetry"


def run(*words: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=60, check=False)


def test_it_brings_no_test_tools(tool: Path) -> None:
    """pytest, Hypothesis and YAML are for who tests and generates."""
    absent = "pytest", "hypothesis", "yaml", "grafana_foundation_sdk", "xdist", "hatchling"
    code = f"from importlib.util import find_spec; print([name for name in {absent} if find_spec(name)])"
    assert run(tool.parent / "python", "-c", code).stdout == "[]\n"


@pytest.mark.parametrize("command", ["doctor", "exporter", "probe", "generate", "replay", "report"])
def test_every_command_explains_itself(tool: Path, command: str) -> None:
    """Also the one whose extra is not installed."""
    done = run(tool, command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: gpt-trader-telemetry {command}" in done.stdout


def test_generate_says_which_extra_it_needs(tool: Path, tmp_path: Path) -> None:
    """And ends as a command that was asked wrongly."""
    done = run(tool, "generate", "--output", tmp_path)
    assert done.returncode == 2
    assert "[monitoring]" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_exporter_and_the_report_work(tool: Path, tmp_path: Path) -> None:
    """What a bot left is served and reported."""
    end = datetime(2026, 3, 1, tzinfo=UTC)
    told = ["--root", tmp_path, "--profile", "prod", "--events", "2000", "--end", end.isoformat()]
    assert run(tool.parent / "python", load_fixtures().__file__, *told).returncode == 0
    where = ["--profile", "prod", "--runtime-root", str(tmp_path)]
    report = run(tool, "report", "daily", *where, "--date", "2026-02-28", "--report-format", "json", "--no-save")
    assert report.returncode == 0, report.stderr
    assert json.loads(report.stdout)["date"] == "2026-02-28"
    with exporting(tmp_path, command=[str(tool), "exporter", *where, "--port", "0"]) as exporter:
        exporter.until_caught_up()
        assert "\ncoinbase_trader_equity" in exporter.get("/metrics")[1]
        assert exporter.stop(signal.SIGTERM) == 0


def test_a_bot_records_and_serves_with_it(tool: Path) -> None:
    """The README's lines, and the page that a person opens."""
    code = (
        "from gpt_trader_telemetry import Settings, configure, guard\n"
        "from urllib.request import urlopen\n"
        "with configure(settings=Settings(health_server_enabled=True, health_port=0)) as telemetry:\n"
        "    guard('daily_loss')(lambda: None)()\n"
        "    page = urlopen(telemetry.server.url + '/').read()\n"
        "    print('guard=\"daily_loss\",result=\"success\"} 1' in telemetry.metrics_text(), b'<html' in page)\n"
    )
    done = run(tool.parent / "python", "-W", "error", "-c", code)
    assert (done.stdout, done.stderr) == ("True True\n", "")
