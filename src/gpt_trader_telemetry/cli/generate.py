"""``generate``: the alert rules and dashboards, made from the thresholds that the bot runs with."""

import argparse
import difflib
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gpt_trader_telemetry import settings, variables
from gpt_trader_telemetry import thresholds as limits
from gpt_trader_telemetry.errors import ConfigurationError

if TYPE_CHECKING:
    from gpt_trader_telemetry.rules.site import Site

__all__ = ["add_arguments", "run"]

_DRIFT: Final = 1
_USAGE: Final = 2
_ENVIRONMENT: Final = "environment"
_PREFIX: Final = "GPT_TRADER_"
_KNOWN: Final = frozenset({*limits.VARIABLES, *(variable for variable, *_ in variables.VARIABLES)})
_FIELDS: Final = {name.upper(): variable for variable, name in limits.VARIABLES.items()}
_STEMS: Final = tuple(signal.upper() for signal in limits.SIGNALS)
"""How the names of limits begin, after the prefix."""
_ALIKE: Final = 0.8
"""Of ``difflib``'s likeness: from here on one name is taken for the other, misspelt."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what it takes."""
    parser.description = "Write the alert rules and dashboards that fit a bot's thresholds."
    parser.epilog = _EPILOG
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 if a file is not up to date")
    parser.add_argument(
        "--output", type=Path, default=Path("collector"), metavar="DIR", help="where to (default: %(default)s)"
    )
    parser.add_argument(
        "--thresholds",
        metavar="FILE|environment",
        help="the bot's variables: thresholds, OTEL_METRIC_EXPORT_INTERVAL, COINBASE_TRADER_METRIC_PREFIX and "
        "OTEL_SERVICE_NAME, from a file with a NAME=VALUE each line or from the environment; the playbook's and the "
        "defaults without it",
    )
    parser.add_argument(
        "--prefix", action="append", default=[], metavar="NAME",
        help="what an exporter's series begin with, beside coinbase_trader and gpt_trader; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--job", action="append", default=[], metavar="NAME",
        help="a job of bots that Prometheus scrapes, beside gpt-trader, where one that never comes up is down; may be "
        "repeated",
    )  # fmt: skip
    parser.add_argument(
        "--runbooks", metavar="URL", help="where you publish docs/runbooks.md: links of alerts and panels begin with it"
    )


_EPILOG: Final = """\
exit codes:
  0  written, or with --check: all is up to date
  1  with --check: a file is missing or differs
  2  asked wrongly: arguments, a file, a threshold; or no extra `monitoring`

examples:
  gpt-trader-telemetry generate --check
  gpt-trader-telemetry generate --thresholds bot.env --output /etc/prometheus
  gpt-trader-telemetry generate --thresholds bot.env --prefix my_desk
  GPT_TRADER_ORDER_ERROR_RATE_CRIT=0.2 \\
    gpt-trader-telemetry generate --thresholds environment
"""


def run(arguments: argparse.Namespace) -> int:
    """Write or check the files and return the code."""
    try:
        site = _site(_variables(arguments.thresholds), arguments)
        return _check(arguments.output, site) if arguments.check else _write(arguments.output, site)
    except ModuleNotFoundError as error:
        return _refuse(f"{error.name} is not installed; pip install 'gpt-trader-telemetry[monitoring]'")
    except ConfigurationError as error:
        return _refuse(str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        return _refuse(f"{str(error.filename or arguments.output)!r}: {error.strerror}")


def _site(variables: Mapping[str, str], arguments: argparse.Namespace) -> "Site":
    from gpt_trader_telemetry.rules.site import Site  # noqa: PLC0415 - with the rest of what needs the extra

    published = {"runbooks": arguments.runbooks} if arguments.runbooks else {}
    return Site.from_mapping(variables, prefixes=tuple(arguments.prefix), jobs=tuple(arguments.job), **published)


def _variables(source: str | None) -> Mapping[str, str]:
    if source is None:
        return {}
    if source == _ENVIRONMENT:
        variables = settings.environment()
        for name, meant in _misspelt(variables):
            print(f"generate: {name} is read by nothing; {meant} is probably meant", file=sys.stderr)  # noqa: T201
        return variables
    variables = _read(Path(source))
    for name, meant in _misspelt(variables):
        raise ConfigurationError(f"{source!r}: {name} is no threshold's name; {meant} is probably meant")
    return variables


def _misspelt(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield names that look like a threshold's and are none, each with the name that is closest.

    >>> list(_misspelt(["GPT_TRADER_ORDER_ERROR_RATE_CRITICAL", "GPT_TRADER_PROFILE", "HOME"]))
    [('GPT_TRADER_ORDER_ERROR_RATE_CRITICAL', 'GPT_TRADER_ORDER_ERROR_RATE_CRIT')]
    """
    stems = {variable.removeprefix(_PREFIX): variable for variable in limits.VARIABLES}
    for name in names:
        stem = name.upper().removeprefix(_PREFIX)
        if name in _KNOWN:
            continue
        exact = stems.get(stem) or _FIELDS.get(stem)
        if exact:
            yield name, exact
        elif name.upper().startswith(_PREFIX) and name.upper() not in _KNOWN:
            alike = 0.0 if stem.startswith(_STEMS) else _ALIKE
            yield from ((name, stems[meant]) for meant in difflib.get_close_matches(stem, stems, n=1, cutoff=alike))


def _read(path: Path) -> dict[str, str]:
    """Read a file as Docker and systemd take it for a service's environment."""
    variables = {}
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        raise ConfigurationError(f"{str(path)!r} is no text in UTF-8") from None
    for number, line in enumerate(lines, start=1):
        text = line.strip().removeprefix("export ").strip()
        if not text or text[0] in "#;":
            continue
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigurationError(f"{str(path)!r}: line {number} is not of the form NAME=VALUE")
        value = value.strip()
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
        variables[name.strip()] = value[1:-1] if quoted else value
    return variables


def _check(folder: Path, site: "Site") -> int:
    from gpt_trader_telemetry.rules.artifacts import stale  # noqa: PLC0415 - needs the extra

    drifted = [path for path, _ in stale(folder, site)]
    for path in drifted:
        print(f"not up to date: {path}")  # noqa: T201 - what the command is for
    if not drifted:
        print("up to date")  # noqa: T201
    return _DRIFT if drifted else 0


def _write(folder: Path, site: "Site") -> int:
    from gpt_trader_telemetry.rules.artifacts import stale  # noqa: PLC0415 - needs the extra

    for path, text in stale(folder, site):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        print(f"wrote {path}")  # noqa: T201 - what the command is for
    return 0


def _refuse(why: str) -> int:
    print(f"generate: {why}", file=sys.stderr)  # noqa: T201 - what the command is for
    return _USAGE
