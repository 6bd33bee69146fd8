"""Finds the subcommand that is asked for, and runs it."""

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from gpt_trader_telemetry._version import __version__

__all__ = ["COMMANDS", "main"]

COMMANDS: Final[Mapping[str, str]] = {
    "doctor": "find out why there are no metrics, and what to do",
    "exporter": "serve what a bot leaves on disk as metrics, from a process of its own",
    "probe": "ask a bot whether it is ready, live or healthy, for HEALTHCHECK and exec probes",
    "generate": "write the alert rules and dashboards that fit a bot's thresholds",
    "replay": "try thresholds on what a bot did: when each signal would have warned",
    "report": "what a day of trading came to: text, JSON or a page",
}
"""Each subcommand, which is a module of this folder, with the line that --help shows for it."""

USAGE: Final = 2
"""How the command ends when it was asked wrongly; argparse's own."""


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
    arguments = _parser(asked=words[0] if words else "").parse_args(words)
    return int(arguments.run(arguments))


def _parser(asked: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gpt-trader-telemetry", description="What a trading bot's telemetry offers on the command line."
    )
    parser.add_argument("--version", action="version", version=f"gpt-trader-telemetry {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, line in COMMANDS.items():
        subparser = commands.add_parser(name, help=line, formatter_class=argparse.RawDescriptionHelpFormatter)
        if name == asked:
            command: Command = importlib.import_module(f"gpt_trader_telemetry.cli.{name}")  # type: ignore[assignment]
            command.add_arguments(subparser)
            subparser.set_defaults(run=command.run)
    return parser
