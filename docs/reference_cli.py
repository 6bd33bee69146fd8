"""The reference of the command line, made from its parsers."""

import argparse
import re
from collections.abc import Iterator
from itertools import groupby

from gpt_trader_telemetry.cli.main import COMMANDS, parser_of, top_parser

TRIED = '<!-- skip: next "tests/cli/test_cli_examples.py runs each" -->'

READ_ON = {
    "doctor": "[When there are no metrics](doctor.md) shows a run and what it looks at.",
    "exporter": "[The exporter](exporter.md) says what it serves and how it follows the files.",
    "probe": "[Health](health.md) says what the bot answers.",
    "generate": "[Alerts](alerts.md) and [dashboards](dashboards.md) say what it writes.",
    "replay": "[Incident replay](reports.md#incident-replay) says what is replayed, and from what.",
    "report": "[The daily report](reports.md#the-daily-report) says what each figure is.",
}


def leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parsers that take arguments: the one given, or those of its subcommands."""
    nested = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not nested:
        yield parser
    for action in nested:
        for choice in action.choices.values():
            yield from leaves(choice)


def arguments_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return what a parser takes, but for --help."""
    return [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]


def spelled(action: argparse.Action) -> str:
    """Return an argument as it is written.

    >>> spelled(argparse.ArgumentParser().add_argument("--url", metavar="URL"))
    '`--url URL`'
    """
    if not action.option_strings:
        return f"`{{{','.join(action.choices)}}}`" if action.choices else f"`{action.metavar or action.dest}`"
    value = "" if action.nargs == 0 else f" {value_of(action)}"
    return ", ".join(f"`{option}{value}`" for option in action.option_strings)


def value_of(action: argparse.Action) -> str:
    """Return what stands for an option's value."""
    return "{" + ",".join(action.choices) + "}" if action.choices else action.metavar or action.dest.upper()


def told(action: argparse.Action) -> str:
    """Return the help of an argument, its default in place."""
    text = (action.help or "") % {"default": action.default, "prog": ""}
    needed = action.required and bool(action.option_strings)
    return f"{text} (must be given)" if needed else text


def in_table(text: str) -> str:
    """Return text as a table's cell takes it."""
    return text.replace("|", "\\|")


def table(parser: argparse.ArgumentParser) -> str:
    """Return a row for each argument."""
    rows = [f"| {in_table(spelled(action))} | {in_table(told(action))} |" for action in arguments_of(parser)]
    return "\n".join(["| | |", "|---|---|", *rows])


def sections(epilog: str) -> Iterator[tuple[str, list[str]]]:
    r"""Yield what stands below a parser's options: text, and titled blocks of lines.

    >>> list(sections("Text.\n\nexit codes:\n  0  done\n"))
    [('', ['Text.']), ('exit codes', ['0  done'])]
    """
    for filled, group in groupby(epilog.splitlines(), key=bool):
        lines = list(group)
        if filled and re.fullmatch(r"[a-z][^:]*:", lines[0]):
            yield lines[0].rstrip(":"), [line.removeprefix("  ") for line in lines[1:]]
        elif filled:
            yield "", lines


def block(title: str, lines: list[str]) -> str:
    """Return a section of the epilog as it stands on the page."""
    if not title:
        return " ".join(lines)
    if title.startswith("exit codes"):
        rows = [re.fullmatch(r"(\d+)\s+(.*)", line).groups() for line in lines]
        return "\n".join(["| exit code | |", "|---|---|", *(f"| {code} | {text} |" for code, text in rows)])
    if title.startswith("example"):
        shown = [f"$ {line}" if line.startswith(("gpt-trader-telemetry", "GPT_TRADER")) else line for line in lines]
        return "\n".join([TRIED, "```console", *shown, "```"])
    return "\n".join([f"{title[0].upper()}{title[1:]}:", "", "```text", *lines, "```"])


def command(name: str) -> list[str]:
    """Return the section of one command."""
    parts = []
    for parser in leaves(parser_of(name)):
        title = parser.prog.removeprefix("gpt-trader-telemetry ")
        parts += [f"## {title}", " ".join(str(parser.description).split()), table(parser)]
        parts += [block(*section) for section in sections(parser.epilog or "")]
        parts.append(READ_ON[name])
    return parts


def cli_page() -> str:
    """Return the reference of the command line."""
    parser = top_parser()
    parts = [
        "# The command line",
        (
            "`gpt-trader-telemetry COMMAND`, or `python -m gpt_trader_telemetry.cli COMMAND` where the command is not "
            "on the path. `--help` of each shows what stands here, `--version` the version. Answers go to standard "
            "output and all else to standard error. Colour is for terminals: `NO_COLOR`, `TERM=dumb` and a pipe have "
            "none."
        ),
        "\n".join(
            ["| | |", "|---|---|", *(f"| [{name}](#{anchor(name)}) | {line} |" for name, line in COMMANDS.items())]
        ),
        *(block(*section) for section in sections(str(parser.epilog))),
    ]
    for name in COMMANDS:
        parts += command(name)
    return "\n\n".join(parts) + "\n"


def anchor(name: str) -> str:
    """Return where a command's section is."""
    first = next(leaves(parser_of(name)))
    return first.prog.removeprefix("gpt-trader-telemetry ").replace(" ", "-")
