"""Writes docs/interface.txt: what versions promise to keep (docs/versioning.md), a line for each promise.

uv run docs/interface.py            # accept the interface as it is now; the diff belongs into the review
uv run docs/interface.py --check    # only show what has changed
"""

import argparse
import difflib
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution
from pathlib import Path

import griffe

from gpt_trader_telemetry import Settings, Telemetry, thresholds
from gpt_trader_telemetry.catalog import CATALOG, Metric
from gpt_trader_telemetry.cli.main import COMMANDS, parser_of
from gpt_trader_telemetry.cli.report import UNFILLED_AFTER
from gpt_trader_telemetry.exported import FAMILIES
from gpt_trader_telemetry.rules.alerts import alerts
from gpt_trader_telemetry.rules.dashboards import DASHBOARDS
from gpt_trader_telemetry.rules.site import Site
from gpt_trader_telemetry.variables import VARIABLES

LISTED = Path(__file__).parent / "interface.txt"
PACKAGE = "gpt_trader_telemetry"

MODULES = {
    "": (),
    "catalog": ("CATALOG", "Kind", "Label", "Metric"),
    "distro": ("Configurator", "Distro"),
    "health": (),
    "integrations": (),
    "integrations.ccxt": (),
    "integrations.coinbase": (),
    "pytest_plugin": ("telemetry", "telemetry_settings"),
    "reasons": (),
    "testing": (),
    "thresholds": ("Limits", "Thresholds"),
}
"""What users import from, below the package, and the names of it that are meant for them, unless ``__all__`` says so.

One that is not there yet is listed from the day on which it is."""

HELD = {
    "health.signals.Signals": ("current", "evaluate", "set_source", "thresholds"),
    "http.health_server.HealthServer": ("host", "port", "probe_url", "running", "stop", "url"),
    "instrument.account.Account": ("update",),
    "instrument.broker.BrokerCall": ("fail",),
    "instrument.guards.GuardRun": ("trip",),
    "instrument.market_data.MarketData": ("forget", "get_last_ticker_timestamp", "is_stale", "symbols", "ticker"),
    "instrument.order.OrderSubmission": ("block", "fail", "reject"),
    "instrument.websocket.WebSocket": (
        "connected", "disconnected", "gap", "get_ws_health", "heartbeat", "message",
    ),
}  # fmt: skip
"""Classes that users hold and never name (attributes of a Telemetry, what a ``with`` gives), and what they call."""

INSIDE = frozenset({"instance", "reset_after_fork", "runner", "scheduler"})
"""Attributes of public classes that other parts of the package use, and no user."""

OURS = frozenset({"self", "cls", "slot"})
"""Parameters that callers do not give; ``slot`` is how a Telemetry's methods find their own recorder."""


def listing() -> str:
    """Return the whole interface as it is now."""
    package = griffe.load(PACKAGE)
    parts = {
        "Python: what users import": imported(package),
        "Python: what a Telemetry holds, and a `with` gives": held(package),
        "Environment variables, and the fields that they set": variables(),
        "Metrics of a bot, with their labels' values and their buckets": metrics(),
        "Series of the exporter, after its prefix": exported(),
        "Alerts, dashboards": rules(),
        "Paths of a bot's server": paths(),
        "Commands": commands(),
        "Entry points": (
            f"{entry.group}: {entry.name} = {entry.value}" for entry in distribution(PACKAGE).entry_points
        ),
    }
    return "\n\n".join("\n".join((f"# {title}", *lines)) for title, lines in parts.items()) + "\n"


def imported(package: griffe.Module) -> Iterator[str]:
    """List what the public modules offer."""
    for path, chosen in MODULES.items():
        module = below(package, path)
        for name in sorted(map(str, chosen or module.exports or ())) if module else ():
            if name != "__version__":
                yield from described(f"{module.path}.{name}", resolved(module.members[name]))


def below(package: griffe.Module, path: str) -> griffe.Module | None:
    """Return a module below the package, where there is one."""
    module: griffe.Module | None = package
    for part in filter(None, path.split(".")):
        module = module.modules.get(part) if module else None
    return module


def held(package: griffe.Module) -> Iterator[str]:
    """List what users hold without having imported it."""
    for path, chosen in HELD.items():
        name = path.rpartition(".")[2]
        yield from members(name, resolved(package[path]), chosen)


def resolved(member: griffe.Object | griffe.Alias) -> griffe.Object:
    """Return what a name stands for, wherever it was imported from."""
    return member.final_target if isinstance(member, griffe.Alias) else member


def described(name: str, thing: griffe.Object) -> Iterator[str]:
    """List one name, and a class's parameters, each on a line, and members below it."""
    if isinstance(thing, griffe.Class):
        bases = ", ".join(str(base) for base in thing.bases)
        yield f"class {name}" + (f", a {bases}" if bases else "")
        if "__init__" in thing.all_members:
            given = [parameter for parameter in thing.parameters if parameter.name not in OURS]
            yield from (f"{name}({spelled(parameter)})" for parameter in given)
        yield from members(name, thing)
    elif isinstance(thing, griffe.Function):
        yield called(name, thing)
    else:
        yield name


def spelled(parameter: griffe.Parameter) -> str:
    """Return one parameter as it is written, after a star if it goes by name alone."""
    star = "*, " if parameter.kind is griffe.ParameterKind.keyword_only else ""
    default = "" if parameter.default is None else f" = {parameter.default}"
    return f"{star}{parameter.name}: {parameter.annotation}{default}"


def called(name: str, function: griffe.Function) -> str:
    """Return a function with its parameters and what it returns."""
    function.parameters = griffe.Parameters(*(given for given in function.parameters if given.name not in OURS))
    text = (function.signature() or "").removeprefix(function.name)
    return f"{'async ' if 'async' in function.labels else ''}{name}{text}"


def members(name: str, cls: griffe.Class, chosen: Iterable[str] = ()) -> Iterator[str]:
    """List the public methods, properties and attributes of a class, inherited ones included."""
    fields = {parameter.name for parameter in cls.parameters} if "dataclass" in cls.labels else set()
    public = {one for one in cls.all_members if not one.startswith("_")} - INSIDE - fields
    for one in sorted(chosen or public):
        member = resolved(cls.all_members[one])
        if isinstance(member, griffe.Function):
            yield called(f"{name}.{one}", member)
        else:
            yield f"{name}.{one}" + (f": {member.annotation}" if member.annotation else "")


def variables() -> Iterator[str]:
    """List what is read from the environment."""
    for variable, field, _ in VARIABLES:
        yield f"{variable} -> Settings.{field}"
    for variable, field in thresholds.VARIABLES.items():
        yield f"{variable} -> Thresholds.{field}"
    yield from ("NO_COLOR: doctor", "OTEL_METRICS_EXPORTER: whether OTLP is sent", f"{UNFILLED_AFTER}: report daily")


def metrics() -> Iterator[str]:
    """List the catalogue."""
    for metric in CATALOG.values():
        yield f"{metric.kind} {metric.name}" + (f" in {metric.unit}" if metric.unit else "")
        yield from label_lines(metric)
        yield from (f"    formerly: {name}" for name in metric.former_names)
        if metric.buckets:
            yield f"    le: {' '.join(f'{bound:g}' for bound in metric.buckets)}"


def label_lines(metric: Metric) -> Iterator[str]:
    """List a metric's labels and their values."""
    for label in metric.labels:
        yield f"    {label.name}: {' '.join(label.values) or 'any text'}"


def exported() -> Iterator[str]:
    """List what the exporter serves."""
    for family in FAMILIES.values():
        yield f"{family.kind} {family.name}" + (f" by {', '.join(family.labels)}" if family.labels else "")


def rules() -> Iterator[str]:
    """List the names that routing and links refer to."""
    yield from dict.fromkeys(f"alert {alert.name}" for alert in alerts(Site()))
    yield from (f"dashboard {kind.uid}" for kind in DASHBOARDS)


def paths() -> Iterator[str]:
    """List what a bot's server answers at."""
    with Telemetry(Settings()) as telemetry:
        yield from sorted(path for path in telemetry._endpoints._routes if not path.endswith((".js", ".css")))


def commands() -> Iterator[str]:
    """List each command with its options and exit codes."""
    for name in COMMANDS:
        yield from command_lines(parser_of(name))


def command_lines(parser: argparse.ArgumentParser) -> Iterator[str]:
    """List one command, or the commands below it."""
    below = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for choices in below:
        for subparser in choices.values():
            yield from command_lines(subparser)
    if below:
        return
    yield parser.prog
    for action in parser._actions:
        yield f"    {option(action)}"
    codes = re.search(r"^exit codes:\n((?:  .*\n)*)", parser.epilog or "", re.MULTILINE)
    if codes:
        numbers = re.findall(r"^  (\d+)", codes[1], re.MULTILINE)
        yield f"    exit codes: {' '.join(numbers)}"


def option(action: argparse.Action) -> str:
    """Return an option, or an argument, with what it takes."""
    names = ", ".join(action.option_strings) or str(action.metavar or action.dest)
    taken = "" if action.nargs == 0 else " ".join(map(str, action.choices or ())) or "a value"
    also = ["required"] if action.required else []
    also += [f"else {action.default}"] if action.default not in (None, False, argparse.SUPPRESS, []) else []
    return ": ".join(filter(None, (names, ", ".join(filter(None, (taken, *also))))))


def entry_points() -> Iterator[str]:
    """List what other programs find the package by."""
    for entry in distribution(PACKAGE).entry_points:
        yield f"{entry.group}: {entry.name} = {entry.value}"


def changes() -> str:
    """Return how the interface differs from the one that was accepted, as a diff; empty if it does not."""
    was = LISTED.read_text().splitlines() if LISTED.exists() else []
    return "\n".join(difflib.unified_diff(was, listing().splitlines(), "accepted", "now", lineterm="", n=1))


def main() -> int:
    """Accept the interface, or show what has changed."""
    changed = changes()
    print(changed or "docs/interface.txt is up to date")
    if "--check" in sys.argv:
        return 1 if changed else 0
    LISTED.write_text(listing())
    return 0


if __name__ == "__main__":
    sys.exit(main())
