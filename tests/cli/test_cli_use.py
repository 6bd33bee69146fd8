"""The command in hands that slip and in shells of all kinds: what it says, how it ends, and what it leaves."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time

import pytest
from reference_cli import leaves

from gpt_trader_telemetry.cli.main import COMMANDS, main, parser_of, top_parser

COMMAND = [sys.executable, "-m", "gpt_trader_telemetry.cli"]


def told(words, capsys):
    """Run the command; return its code and what it said on standard error."""
    try:
        code = main(words)
    except SystemExit as error:
        code = error.code
    said = capsys.readouterr()
    assert said.out == ""
    return code, said.err


def test_without_arguments_it_shows_what_there_is(capsys):
    """Each command with its line, and that this was no use of it."""
    code, said = told([], capsys)
    assert code == 2
    for name, line in COMMANDS.items():
        assert f"{name} " in said
        assert line in said


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["docter"], "doctor"),
        (["--verison"], "--version"),
        (["probe", "redy"], "ready"),
        (["probe", "ready", "--tiemout", "3"], "--timeout"),
        (["report", "dialy"], "daily"),
        (["report", "daily", "--lookback-hour=3", "--outputdir=x"], "--output-dir"),
        (["replay", "--treshold", "x"], "--thresholds"),
        (["generate", "--chek"], "--check"),
        (["exporter", "--profile", "a", "--prot", "9000"], "--port"),
        (["doctor", "--promehteus", "http://127.0.0.1:1"], "--prometheus"),
    ],
)
def test_a_slip_is_told_with_what_was_probably_meant(words, meant, capsys):
    """Two lines: what is wrong, and where the help of that very command is."""
    code, said = told(words, capsys)
    assert code == 2
    first, second = said.splitlines()
    assert first.endswith(f"; is {meant} meant?")
    assert second == f"see: {first.partition(': error: ')[0]} --help"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["exporter", "--profile", "a", "--port", "99999"], "'99999' is no port; give a number from 0 to 65535"),
        (["exporter", "--profile", "a", "--port", "http"], "'http' is no port; give a number from 0 to 65535"),
        (["report", "daily", "--date", "yesterday"], "'yesterday' is no date; give one such as 2026-02-06"),
        (["report", "daily", "--lookback-hours", "2d"], "'2d' is no number of hours"),
        (["replay", "--from", "2026"], "'2026' is no time; give one such as 2026-02-06 or 2026-02-06T12:30:00Z"),
        (["probe", "live", "--timeout", "0"], "'0' is no number of seconds above 0"),
        (["doctor", "--url", "localhost:8080"], "'localhost:8080' is not of the form http://host:port"),
        (["doctor", "--url", "ftp://me:secret@host"], "'ftp://***@host' is not of the form http://host:port"),
    ],
)
def test_a_value_that_cannot_be_meant_is_named_with_what_can(words, said, capsys):
    """The option, what was given without its password, and what it takes."""
    code, line = told(words, capsys)
    assert code == 2
    assert said in line
    assert "secret" not in line


@contextlib.contextmanager
def held_up():
    """Yield the URL of a listener that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("words", [["probe", "ready", "--timeout", "60"], ["doctor", "--timeout", "60"]])
def test_ctrl_c_ends_it_with_130_and_a_word(words):
    """While it waits for somebody who does not answer; no traceback."""
    with held_up() as (listener, url):
        process = subprocess.Popen(
            [*COMMAND, *words, "--url", url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        listener.settimeout(60)
        asking, _ = listener.accept()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        asking.close()
    assert (process.returncode, said) == (130, "interrupted\n")


@pytest.mark.parametrize("words", ["--help", "doctor --help", "doctor --timeout 1", "generate --check --output none"])
def test_a_reader_that_has_gone_is_no_error(words, tmp_path):
    """As of ``| head -1``: nothing on standard error, and the code of a pipe that is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    # Unbuffered, argparse itself meets the closed pipe, and ends with 0.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = subprocess.Popen(
        [*COMMAND, *words.split()], stdout=writing, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environ
    )
    os.close(writing)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (141, "")


def on_a_terminal(words, columns=100, **variables):
    """Run the command on a terminal of its own; return what was drawn there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environ = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS"}}
    process = subprocess.Popen(
        [*COMMAND, *words], stdin=theirs, stdout=theirs, stderr=theirs, env=environ | {"TERM": "xterm"} | variables
    )
    os.close(theirs)
    drawn, until = b"", time.monotonic() + 60
    with contextlib.suppress(OSError):  # Linux says so where nobody is left on the other end
        while time.monotonic() < until and select.select([ours], [], [], 60)[0]:
            more = os.read(ours, 65_536)
            if not more:
                break
            drawn += more
    os.close(ours)
    process.wait(60)
    return drawn.decode()


DOCTOR = ["doctor", "--timeout", "1", "--url", "http://127.0.0.1:1"]


def test_colour_is_for_terminals_that_want_it():
    """The same words on all; NO_COLOR counts where it is not empty, and a dumb terminal knows no escapes."""
    coloured = on_a_terminal(DOCTOR)
    assert "\x1b[1;31mPROBLEM" in coloured
    assert "\x1b" in on_a_terminal(DOCTOR, NO_COLOR="")
    for plain in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        drawn = on_a_terminal(DOCTOR, **plain)
        assert "\x1b" not in drawn
        assert "PROBLEM" in drawn


@pytest.mark.parametrize("parser", [top_parser(), *(leaf for name in COMMANDS for leaf in leaves(parser_of(name)))])
def test_no_help_is_wider_than_80_columns(parser, monkeypatch):
    """Nothing is broken in the middle of a word, examples included."""
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, parser.format_help().splitlines())) <= 80


@pytest.mark.parametrize("columns", [80, 200])
def test_no_line_is_wider_than_the_terminal(columns):
    """So that the terminal breaks none, and none is longer than can be read."""
    drawn = on_a_terminal(DOCTOR, columns, NO_COLOR="1")
    assert max(map(len, drawn.splitlines())) <= min(columns, 110)
