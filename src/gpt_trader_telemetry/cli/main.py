"""Finds the subcommand that is asked for, and runs it."""

import argparse
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from gpt_trader_telemetry._version import __version__
from gpt_trader_telemetry.cli.output import say
from gpt_trader_telemetry.cli.parser import USAGE, Parser

__all__ = ["COMMANDS", "main", "parser_of", "top_parser"]

COMMANDS: Final[Mapping[str, str]] = {
    "doctor": "find out why there are no metrics, and what to do",
    "exporter": "serve as metrics what a bot leaves on disk",
    "probe": "ask a bot whether it is ready, live or healthy",
    "generate": "write alert rules and dashboards that fit a bot",
    "replay": "try thresholds on what a bot did",
    "report": "say what a day of trading came to",
}
"""Each subcommand, which is a module of this folder, with the line that --help shows for it."""

INTERRUPTED: Final = 130
"""How the command ends at Ctrl-C: 128 and the signal's number, as a shell has it."""
READER_GONE: Final = 141
"""How it ends where what reads its output has ended, such as ``head``: 128 and SIGPIPE's number."""

_NAME: Final = "gpt-trader-telemetry"
_EPILOG: Final = """\
exit codes, where a command's own --help says nothing else:
  0    done
  2    asked wrongly
  130  interrupted by Ctrl-C
  141  what reads the output has ended

examples:
  gpt-trader-telemetry doctor
  gpt-trader-telemetry probe --help
"""


class Command(Protocol):
    """What the module of a subcommand offers."""

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        """Declare what it takes; also the parser's description and epilog."""

    @staticmethod
    def run(arguments: argparse.Namespace) -> int:
        """Do it and return the exit code."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        try:
            return _run(words)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Else the interpreter tries once more to write what is left, and complains.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE


def parser_of(name: str) -> Parser:
    """Return the parser of a subcommand."""
    return _told(name, Parser(prog=f"{_NAME} {name}"))


def _run(words: Sequence[str]) -> int:
    if words and words[0] in COMMANDS:
        arguments = parser_of(words[0]).parse_args(words[1:])
        return int(arguments.run(arguments))
    parser = top_parser()
    parser.parse_args(words)
    parser.print_help(sys.stderr)
    return USAGE


def top_parser() -> Parser:
    """Return the parser of what comes before a subcommand: it knows their names, and loads none of them."""
    parser = Parser(
        prog=_NAME, description="What a trading bot's telemetry offers on the command line.", epilog=_EPILOG
    )
    parser.add_argument("--version", action="version", version=f"{_NAME} {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, line in COMMANDS.items():
        commands.add_parser(name, help=line)
    return parser


def _told(name: str, parser: Parser) -> Parser:
    command: Command = importlib.import_module(f"gpt_trader_telemetry.cli.{name}")  # type: ignore[assignment]
    command.add_arguments(parser)
    parser.set_defaults(run=command.run)
    return parser
