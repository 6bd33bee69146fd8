"""The benchmarks run, compare what they say they do, and write what they found. How fast anything is, is not tested."""

import importlib
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

GOALS = {
    "both-sdk": 1 / 20,
    "both-labels": 1 / 3,
    "both-bound": 0.75,
    "call-floor": 1.8,
    "submit-floor": 1.8,
    "order-sdk": 1 / 15,
    "async-call-floor": 1.7,
    "async-both-floors": 1.7,
    "ccxt": 1.02,
    "traced-measured": 1,
    "contention-rate": 0.95,
    "contention-worst": 2,
    "scrape-stock-text": 1 / 12,
    "scrape-stock-openmetrics": 1 / 12,
    "scrape-client-text": 1 / 8,
    "scrape-client-openmetrics": 1 / 8,
    "scrape-growth": 1,
    "memory": 1,
    "otlp-histograms": 1,
    "otlp-counters": 1,
    "otlp-request": 1,
    "exporter-scrape": 1 / 100,
    "exporter-growth": 1.2,
    "import": 1.2,
    "import-names": 1.2,
    "import-used": 1.2,
    "report": 1,
    "report-memory": 1.3,
}
"""Every target that the project has set itself, by its row."""


def benchmarks(*options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "benchmarks", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150, check=False)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """One quick run of everything."""
    folder = tmp_path_factory.mktemp("benchmarks")
    answer = benchmarks("--quick", "--json", str(folder / "rows.json"), "--picture", str(folder / "rows.svg"))
    assert answer.returncode == 0, answer.stderr
    return answer.stdout, json.loads((folder / "rows.json").read_text()), (folder / "rows.svg").read_text()


def test_every_target_has_a_figure(quick):
    """Each row of the targets has both sides, their ratio and its spread, and the goal as it was set."""
    _, document, _ = quick
    rows = {row["key"]: row for row in document["rows"] if row["goal"] is not None}
    assert {key: row["goal"] for key, row in rows.items()} == pytest.approx(GOALS)
    for row in rows.values():
        assert row["ours"] > 0
        assert row["peer"] > 0
        assert row["low"] <= row["ratio"] <= row["high"]
        assert row["rounds"] >= 1
        assert isinstance(row["met"], bool)


def test_rates_are_to_be_high_and_all_else_low(quick):
    """Only the number of calls a second has a goal that is a least one."""
    _, document, _ = quick
    assert [row["key"] for row in document["rows"] if row["at_least"]] == ["contention-rate"]


def test_the_json_says_what_was_measured_where(quick):
    """The machine, the versions of the peers and the load stand beside the figures."""
    _, document, _ = quick
    assert set(document) == {"machine", "load", "quick", "rows"}
    assert document["quick"] is True
    assert set(document["machine"]) == {"python", "system", "processors", "packages"}
    assert set(document["machine"]["packages"]) == {"gpt-trader-telemetry", "opentelemetry-sdk", "prometheus-client"}
    keys = [row["key"] for row in document["rows"]]
    assert len(set(keys)) == len(keys)


def test_the_table_has_every_row_and_can_be_read(quick):
    """What stands against what, within 120 columns; a quick run does not judge."""
    text, document, _ = quick
    lines = text.splitlines()
    for row in document["rows"]:
        assert row["what"] in lines
        assert any(line.startswith(f"    {row['against']}") for line in lines)
    assert max(len(line) for line in lines[: lines.index("")]) <= 120
    assert "goals met" not in text
    assert not any(line.endswith(("yes", "NO")) for line in lines)


def test_the_picture_draws_every_goal(quick):
    """One bar for each row with a goal, in a document that parses and says in words what it shows."""
    _, document, svg = quick
    names = {"svg": "http://www.w3.org/2000/svg"}
    root = ET.fromstring(svg)
    bars = root.findall("svg:rect[svg:title]", names)
    wanted = [row for row in document["rows"] if row["goal"] is not None]
    assert len(bars) == len(wanted)
    description = root.findtext("svg:desc", namespaces=names)
    assert all(row["against"] in description for row in wanted)


def test_one_subject_can_be_asked_for():
    """``--only`` runs that one; a name that is none is refused with the names there are."""
    answer = benchmarks("--quick", "--only", "imports")
    assert answer.returncode == 0, answer.stderr
    assert "import opentelemetry.sdk.metrics" in answer.stdout
    assert "OTLP" not in answer.stdout
    refused = benchmarks("--only", "nothing")
    assert refused.returncode == 2
    assert "coroutines" in refused.stderr


def test_a_subject_that_cannot_run_fails_the_run(monkeypatch, capsys):
    """The others are still shown, and the exit code tells."""
    monkeypatch.syspath_prepend(str(ROOT))
    main = importlib.import_module("benchmarks.__main__")
    lost = importlib.import_module("benchmarks.harness").BenchmarkError("series were lost")

    def measured(subject, *, quick):
        if subject == "memory":
            raise lost
        return []

    monkeypatch.setattr(main, "measured", measured)
    assert main.main(["--quick", "--only", "imports"]) == 0
    assert main.main(["--quick", "--only", "memory", "--only", "imports"]) == 1
    assert "memory could not run: BenchmarkError: series were lost" in capsys.readouterr().err
