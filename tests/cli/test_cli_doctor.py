"""The doctor's command: its codes, its JSON, its colours, and what it never prints."""

import json
import os
import pty
import subprocess
import sys

import pytest

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.cli.main import main
from gpt_trader_telemetry.doctor.finding import ok, problem, skipped, warning
from gpt_trader_telemetry.doctor.telling import summary, told
from support.receivers import free_port

SECRET = "s3cr3t-t0ken-that-is-long-enough"
ELSEWHERE = ("--exporter", "--prometheus", "--alertmanager")


@pytest.fixture
def doctor(capsys, monkeypatch, tmp_path):
    """Run the command in an empty folder: (code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def doctor(*arguments):
        try:
            code = main(["doctor", "--wait", "0.01", *map(str, arguments)])
        except SystemExit as error:
            code = error.code
        return code, *capsys.readouterr()

    return doctor


def test_json_holds_every_finding(doctor):
    """For programs: the same words, with counts."""
    code, out, _ = doctor("--url", f"http://127.0.0.1:{free_port()}", "--json")
    report = json.loads(out)
    assert code == 1
    assert report["counts"]["problem"] == 1
    assert {"area", "name", "status", "said", "do"} == set(report["findings"][0])
    assert [one["area"] for one in report["findings"] if one["status"] == "problem"] == ["Bot"]


def test_warnings_alone_end_with_0(doctor):
    """A bot that decorates nothing is up."""
    with Telemetry(Settings(health_server_enabled=True, metrics_endpoint_enabled=True, health_port=0)) as telemetry:
        code, out, _ = doctor("--url", telemetry.server.url)
    assert code == 0
    assert "no problem, " in out.splitlines()[-1]
    assert "warning" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ("--url", "bot:8080"),
        ("--url", "http://bot:99999"),
        ("--timeout", "0"),
        ("--wait", "nan"),
        ("--token-file", "/no/such/file"),
        ("--ca-file", "/no/such/file"),
        ("--nonsense",),
    ],
)
def test_wrong_use_ends_with_2_and_says_why(doctor, arguments):
    """On stderr, in one line after the usage."""
    code, out, err = doctor(*arguments)
    assert (code, out) == (2, "")
    assert arguments[0].lstrip("-").split("-")[0] in err or "/no/such/file" in err


def test_no_secret_is_printed(doctor, monkeypatch, tmp_path):
    """Neither the bot's token nor the Collector's, whatever goes wrong with them."""
    token = tmp_path / "token"
    token.write_text(SECRET)
    monkeypatch.setenv("GPT_TRADER_HEALTH_TOKEN_FILE", str(token))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer%20{SECRET}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://user:{SECRET}@127.0.0.1:{free_port()}")
    with Telemetry(Settings(health_server_enabled=True, health_port=0)) as telemetry:
        for more in ((), ("--json",)):
            code, out, err = doctor("--url", telemetry.server.url.replace("//", f"//user:{SECRET}@"), *more)
            assert code == 1
            assert SECRET not in out + err
            assert "127.0.0.1" in out


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colour_is_for_terminals_that_want_it(tmp_path, no_color, coloured):
    """On a real terminal; NO_COLOR, if it is not empty, is obeyed."""
    reader, writer = pty.openpty()
    environment = {**os.environ, "NO_COLOR": no_color, "COLUMNS": "80"}
    command = [sys.executable, "-m", "gpt_trader_telemetry.cli", "doctor", "--url", f"http://127.0.0.1:{free_port()}"]
    with subprocess.Popen(command, stdout=writer, cwd=tmp_path, env=environment) as process:
        os.close(writer)
        seen = b""
        while chunk := read(reader):
            seen += chunk
    os.close(reader)
    assert process.returncode == 1
    assert (b"\x1b[1;31mPROBLEM" in seen) is coloured
    assert (b"\x1b[" in seen) is coloured
    assert max(len(line) for line in seen.decode().splitlines()) < 100


def read(descriptor: int) -> bytes:
    """Read from a terminal; Linux says EIO at its end."""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


def test_the_report_is_laid_out_for_people():
    """A section an area, words in columns, what to do below, long lines wrapped under their column."""
    findings = [
        ok("endpoint", "answers"),
        problem("series", "orders: gpt_trader_order_submission_total missing", "decorate what sends an order"),
        warning("health", "degraded", "ask it why"),
        skipped("files", "not here"),
    ]
    assert list(told(findings, width=60, colour=False)) == [
        "",
        "  ok       endpoint       answers",
        "  PROBLEM  series         orders:",
        "                          gpt_trader_order_submission_total",
        "                          missing",
        "                          -> decorate what sends an order",
        "  warning  health         degraded",
        "                          -> ask it why",
        "  skipped  files          not here",
    ]
    assert summary(findings, colour=False) == "1 problem, 1 warning, 1 ok, 1 skipped"
    assert summary(findings[:1], colour=False) == "no problem, 1 ok"
