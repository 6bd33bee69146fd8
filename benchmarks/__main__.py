"""``uv run python -m benchmarks``: measure, print the table, and write it as JSON or draw it if asked to."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from benchmarks.harness import Row
from benchmarks.picture import picture
from benchmarks.subjects import SUBJECTS, measured
from benchmarks.table import table

_PACKAGES: Final = ("gpt-trader-telemetry", "opentelemetry-sdk", "prometheus-client")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the subjects asked for; return 1 if one of them could not run, whatever the others measured."""
    options = _options(arguments)
    for name in [name for name in os.environ if name.startswith(("OTEL_", "GPT_TRADER_", "PROMETHEUS_"))]:
        del os.environ[name]
    machine = _machine()
    load_before = _load()
    rows, failed = _measure(options.only or SUBJECTS, quick=options.quick)
    loads = [load_before, _load()]
    print(table(rows, judged=not options.quick))
    print(_closing(rows, machine, loads, quick=options.quick))
    if options.json:
        document = {"machine": machine, "load": loads, "quick": options.quick, "rows": [_as_json(row) for row in rows]}
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    if options.picture:
        options.picture.write_text(picture(rows, f"Python {machine['python']}, {machine['system']}"))
    return 1 if failed else 0


def _options(arguments: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure what recording, scraping and exporting cost, beside the peers.",
    )
    parser.add_argument("--quick", action="store_true", help="only see that everything runs; the figures mean nothing")
    parser.add_argument(
        "--only", action="append", choices=SUBJECTS, metavar="NAME", help=f"one of {', '.join(SUBJECTS)}"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw the rows that have a goal here")
    return parser.parse_args(arguments)


def _measure(subjects: Sequence[str], *, quick: bool) -> tuple[list[Row], bool]:
    rows: list[Row] = []
    failed = False
    for subject in subjects:
        print(f"{subject} ...", file=sys.stderr, flush=True)
        try:
            rows += measured(subject, quick=quick)
        except Exception as error:
            failed = True
            print(f"{subject} could not run: {type(error).__name__}: {error}", file=sys.stderr)
    return rows, failed


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def _load() -> float | None:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _as_json(row: Row) -> dict[str, Any]:
    return {**asdict(row), "met": row.met}


def _closing(rows: Sequence[Row], machine: dict[str, Any], loads: Sequence[float | None], *, quick: bool) -> str:
    goals = [row for row in rows if row.goal is not None]
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    met = sum(row.met is True for row in goals)
    first = f"{met} of {len(goals)} goals met. Medians of rounds in which the sides took turns."
    lines = [
        "",
        "--quick: that everything ran is all it says; the rounds are far too few and short." if quick else first,
        f"Python {machine['python']}, {machine['system']}, {machine['processors']} processors; {packages}.",
        f"Load average {loads[0]} before and {loads[1]} after; this run itself is about 1.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
