"""Every --help ends with examples, and each of them works as it is printed."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from reference_cli import leaves, sections

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.cli.main import COMMANDS, main, parser_of, top_parser
from support.exporting import exporting

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "examples" / "runtime_fixtures.py"
PARSERS = [top_parser(), *(leaf for name in COMMANDS for leaf in leaves(parser_of(name)))]
END = "2026-03-01T00:00:00Z"
"""When the recorded bot of these examples ended: the time it is, where a command asks the clock."""


def examples(parser):
    """Return the lines of its examples that are commands of a shell."""
    blocks = dict(sections(parser.epilog))
    return "\n".join(blocks["examples"]).replace("\\\n ", "").splitlines()


LINES = [line for parser in PARSERS for line in examples(parser)]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with all that the examples name: a bot's files, thresholds, a token, a running bot's URL."""
    folder = tmp_path_factory.mktemp("desk")
    subprocess.run(
        [sys.executable, RECORDED, "--root", folder, "--profile", "prod", "--events", "3000"],
        check=True,
        capture_output=True,
    )
    (folder / "tighter.toml").write_text("guard_trip_count_crit = 8\n")
    (folder / "bot.env").write_text("GPT_TRADER_ORDER_ERROR_RATE_CRIT=0.2\n")
    (folder / "token").write_text("0123456789abcdef0123456789abcdef")
    with Telemetry(Settings(health_server_enabled=True, health_port=0)) as telemetry:
        telemetry.health.mark_ready()
        yield folder, telemetry.server.url


def here(word, folder, url):
    """Return a word with the places of this test for those that an example makes up."""
    for made_up, ours in {
        "/run/secrets/health": str(folder / "token"),
        "/etc/prometheus": str(folder / "rules"),
        "/var/lib/exporter": str(folder),
        "/srv/bot": str(folder),
        "http://127.0.0.1:9100": url,
        "https://bot:8443": url,
    }.items():
        word = word.replace(made_up, ours)
    return word


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.prog)
def test_every_help_has_examples_and_exit_codes(parser):
    """Each is of its own command."""
    own = [line for line in examples(parser) if parser.prog in line]
    assert own
    assert any(title.startswith("exit codes") for title, _ in sections(parser.epilog))


@pytest.mark.parametrize("line", LINES)
def test_every_example_works(line, desk, monkeypatch, capsys):
    """Word for word, but for the places; the doctor may find problems, since most of what it looks at is not here."""
    folder, url = desk
    words = [here(word, folder, url) for word in shlex.split(line.partition(" | ")[0])]
    while words[0] != "gpt-trader-telemetry":
        monkeypatch.setenv(*words.pop(0).split("=", 1))
    monkeypatch.chdir(ROOT if "--check" in words else folder)
    command, options = words[1], words[2:]
    if command == "exporter":
        with exporting(folder, *options[2:], profile="prod") as exporter:
            exporter.until_caught_up()
            assert exporter.stop() == 0
        return
    if command in {"report", "replay"}:
        options += ["--now", END]
    elif command == "doctor":
        options += ["--wait", "0.1", "--timeout", "1"]
    elif command == "probe" and "--url" not in options and "--help" not in options:
        options += ["--url", url]
    try:
        code = main([command, *options])
    except SystemExit as error:
        code = error.code
    said = capsys.readouterr()
    assert code in ({0, 1} if command == "doctor" else {0}), said.err
    assert said.out or "html" in options
