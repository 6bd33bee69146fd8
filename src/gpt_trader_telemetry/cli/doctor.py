"""``doctor``: says why there are no metrics, and what to do."""

import argparse
import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from gpt_trader_telemetry._version import __version__
from gpt_trader_telemetry.cli.moments import seconds
from gpt_trader_telemetry.cli.output import takes_colour
from gpt_trader_telemetry.doctor.asking import parse_address, read_token, trust
from gpt_trader_telemetry.doctor.examine import examine
from gpt_trader_telemetry.doctor.finding import Finding, Status
from gpt_trader_telemetry.doctor.plan import Plan, Server
from gpt_trader_telemetry.doctor.telling import summary, told
from gpt_trader_telemetry.doctor.variables import BEGINNINGS
from gpt_trader_telemetry.settings import environment, without_secrets

__all__ = ["add_arguments", "run"]

_WIDEST: Final = 110
_EPILOG: Final = """\
It walks the way of the data: the variables of this shell, the bot's endpoint and its series, the files that the bot
leaves on disk, the exporter, the Collector, Prometheus, Alertmanager. It writes nothing, and shows no token.

exit codes:
  0  no problem (there may be warnings)
  1  problems
  2  asked wrongly: arguments, files

examples:
  gpt-trader-telemetry doctor
  gpt-trader-telemetry doctor --profile prod --runtime-root /srv/bot
  gpt-trader-telemetry doctor --url http://127.0.0.1:9100 --token-file token
  gpt-trader-telemetry doctor --prometheus http://127.0.0.1:9090 --wait 9 --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the doctor takes."""
    parser.description = "Find out why there are no metrics: says what is wrong, and what to do."
    parser.epilog = _EPILOG
    add = parser.add_argument
    add("--url", type=_address, help="where the bot serves (default: as GPT_TRADER_HEALTH_HOST and _PORT say)")
    add("--token-file", type=Path, metavar="FILE", help="holds the bot's token (GPT_TRADER_HEALTH_TOKEN_FILE)")
    add("--ca-file", type=Path, metavar="FILE", help="holds the certificates to trust, in PEM")
    add("--exporter", type=_address, metavar="URL", help="where the exporter serves (http://127.0.0.1:9000)")
    add("--prometheus", type=_address, metavar="URL", help="where Prometheus serves (http://127.0.0.1:9090)")
    add("--alertmanager", type=_address, metavar="URL", help="where Alertmanager serves (http://127.0.0.1:9093)")
    add("--job", default="gpt-trader", help="Prometheus' name for the bots (default: %(default)s)")
    add("--runtime-root", type=Path, default=Path(), metavar="FOLDER", help="where runtime_data is (default: here)")
    add("--profile", help="the folder of runtime_data to look at (default: all)")
    add("--timeout", type=seconds, default=3.0, metavar="SECONDS", help="for each question (default: %(default)g)")
    add("--wait", type=seconds, default=2.0, metavar="SECONDS", help="between two scrapes (default: %(default)g)")
    add("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Look at everything, print the report, and return the code."""
    try:
        plan = _plan(arguments)
    except ValueError as error:
        print(f"cannot ask: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return _print_json(plan) if arguments.json else _print_report(plan)


def _print_json(plan: Plan) -> int:
    findings = list(examine(plan))
    counts = {str(status): sum(finding.status is status for finding in findings) for status in Status}
    report = {"version": __version__, "counts": counts, "findings": [finding.as_dict() for finding in findings]}
    print(json.dumps(report, indent=2))  # noqa: T201
    return _code(findings)


def _print_report(plan: Plan) -> int:
    colour = takes_colour(sys.stdout)
    width = min(shutil.get_terminal_size((100, 24)).columns, _WIDEST)
    findings: list[Finding] = []
    for line in told(_kept(examine(plan), findings), width=width, colour=colour):
        print(line, flush=True)  # noqa: T201
    print(f"\n{summary(findings, colour=colour)}")  # noqa: T201
    return _code(findings)


def _kept(findings: Iterable[Finding], store: list[Finding]) -> Iterator[Finding]:
    """Hand findings on as they come, and keep them for the summary."""
    for finding in findings:
        store.append(finding)
        yield finding


def _code(findings: list[Finding]) -> int:
    return int(any(finding.status is Status.PROBLEM for finding in findings))


def _plan(arguments: argparse.Namespace) -> Plan:
    environ = environment(*BEGINNINGS)
    token_file = arguments.token_file or _readable(environ.get("GPT_TRADER_HEALTH_TOKEN_FILE", "").strip())
    try:
        token = read_token(token_file) if token_file else None
    except ValueError as error:
        raise ValueError(f"--token-file: {error}") from None
    return Plan(
        variables=environ,
        bot=_server(arguments.url, _own_address(environ)),
        exporter=_server(arguments.exporter, "http://127.0.0.1:9000"),
        prometheus=_server(arguments.prometheus, "http://127.0.0.1:9090"),
        alertmanager=_server(arguments.alertmanager, "http://127.0.0.1:9093"),
        job=arguments.job,
        token=token,
        tls=trust(arguments.ca_file) if arguments.ca_file else None,
        timeout=arguments.timeout,
        wait=arguments.wait,
        runtime_root=arguments.runtime_root,
        profile=arguments.profile,
    )


def _server(given: str | None, usual: str) -> Server:
    return Server(given or usual, given=given is not None)


def _own_address(environ: dict[str, str]) -> str:
    """Return where a bot of this environment serves; one that listens everywhere is asked on loopback."""
    host = environ.get("GPT_TRADER_HEALTH_HOST", "").strip()
    host = "127.0.0.1" if host in {"", "0.0.0.0", "::"} else host  # noqa: S104
    port = environ.get("GPT_TRADER_HEALTH_PORT", "").strip()
    port = port if port.isdecimal() and 0 < int(port) < 1 << 16 else "8080"
    scheme = "https" if environ.get("GPT_TRADER_HEALTH_TLS_CERTIFICATE", "").strip() else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _readable(path: str) -> Path | None:
    """Return the file that the environment names; if it cannot be used, that is a finding and no wrong use."""
    try:
        read_token(Path(path))
    except ValueError:
        return None
    return Path(path) if path else None


def _address(text: str) -> str:
    try:
        parse_address(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{without_secrets(text)!r} is not of the form http://host:port") from None
    return text
