"""Days that go wrong, played twenty times as fast before a real Prometheus and a real Alertmanager.

All at once, each under a job of its own. With WRITE_ALERT_SCENARIOS=1 the run writes docs/alert-scenarios.json, which
docs/alerts.md shows.
"""

import json
import os
import shutil
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from operators_programs import Operators, operators
from promtool import alerting, committed
from stages import here, set_up
from trading_days import FACTOR, THRESHOLDS
from troubles import SCENARIOS

DOCS = Path(__file__).parents[2] / "docs"
MISSING = [tool for tool in ("prometheus", "prometheus-alertmanager") if shutil.which(tool) is None]
pytestmark = [
    pytest.mark.soak,
    pytest.mark.waits,
    pytest.mark.skipif(bool(MISSING), reason=f"{' and '.join(MISSING)} not on this machine"),
]

CALM = 95.0
"""Seconds of peace: half an hour of a bot's, before which nobody knows what is usual for it."""
TROUBLE = 45.0
"""Seconds of trouble: a quarter of an hour for the bots, time for the slowest of the alerts."""
PLAYED = [job for job, scenario in SCENARIOS.items() if here(scenario)]
"""All of them, where there is a Collector."""
ALL_PLAYED = pytest.mark.skipif(list(SCENARIOS) != PLAYED, reason="no OpenTelemetry Collector: run collector/build.sh")


@dataclass(frozen=True)
class Outcome:
    """Who heard of what in a scenario: seconds of the bots' clock from the beginning of the trouble."""

    page: Mapping[str, float]
    ticket: Mapping[str, float]
    fired: Mapping[str, float]
    instances: Mapping[str, int]
    """By how many instances each alert was told of."""
    incidents: int
    """How many groups a pager or a ticket system was told of."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> Mapping[str, Outcome]:
    """Play all days at once, those before operators of their own as well."""
    folder = tmp_path_factory.mktemp("operators")
    with ExitStack() as stack:
        stages = {job: set_up(job, SCENARIOS[job], folder, stack) for job in PLAYED}
        before: dict[str, Operators] = {}
        for jobs in (
            [job for job in PLAYED if not SCENARIOS[job].alone],
            *([job] for job in PLAYED if SCENARIOS[job].alone),
        ):
            room = folder / jobs[0] / "operators"
            room.mkdir(parents=True)
            scraped = {job: stages[job].targets for job in jobs if stages[job].scraped}
            handed_on = {job: stages[job].handed_on for job in jobs if stages[job].handed_on}
            programs = stack.enter_context(operators(room, THRESHOLDS, FACTOR, scraped, handed_on))
            before |= dict.fromkeys(jobs, programs)
        time.sleep(CALM)
        begun = time.time()
        troubles = [threading.Thread(target=SCENARIOS[job].begin, args=(stages[job],)) for job in PLAYED]
        for trouble in troubles:
            trouble.start()
        time.sleep(TROUBLE)
        for trouble in troubles:
            trouble.join(10)
        for programs in set(before.values()):
            assert {rule["name"]: rule["lastError"] for rule in programs.rules() if rule["health"] != "ok"} == {}
        told = {job: _outcome(job, before[job], begun) for job in PLAYED}
    if os.environ.get("WRITE_ALERT_SCENARIOS"):
        assert list(SCENARIOS) == PLAYED
        _write(told)
    return told


def _outcome(job: str, programs: Operators, begun: float) -> Outcome:
    def after(times: Mapping[str, float]) -> dict[str, float]:
        return {name: (at - begun) * FACTOR for name, at in sorted(times.items(), key=lambda item: item[1])}

    told = programs.heard.firing(job)
    return Outcome(
        after(told["page"]),
        after(told["ticket"]),
        after(programs.fired(job)),
        programs.heard.instances(job),
        len(programs.heard.incidents.get(job, ())),
    )


def _write(outcomes: Mapping[str, Outcome]) -> None:
    rows = [
        {
            "scenario": scenario.what,
            "page": {name.split()[0]: round(seconds) for name, seconds in outcomes[job].page.items()},
            # Whether a warning is told before its critical alert inhibits it is a matter of luck.
            "ticket": {
                name.split()[0]: round(seconds)
                for name, seconds in outcomes[job].ticket.items()
                if name in scenario.heard["ticket"]
            },
        }
        for job, scenario in SCENARIOS.items()
    ]
    (DOCS / "alert-scenarios.json").write_text(json.dumps(rows, indent=2) + "\n")


@pytest.mark.parametrize("job", PLAYED)
def test_the_right_people_hear_the_right_thing(job: str, outcomes) -> None:
    """Pages exactly as expected; tickets, too, but for warnings that are inhibited sooner or later."""
    heard, outcome = SCENARIOS[job].heard, outcomes[job]
    assert set(outcome.page) == heard["page"], outcome
    assert heard["ticket"] <= set(outcome.ticket) <= heard["ticket"] | heard["perhaps"], outcome


def test_nothing_was_told_before_there_was_trouble(outcomes) -> None:
    """Half a minute, or ten minutes for the bots, in which nobody is to be woken."""
    assert {job: outcome for job, outcome in outcomes.items() if any(at < 0 for at in outcome.fired.values())} == {}


@ALL_PLAYED
def test_every_generated_alert_fired_somewhere(outcomes) -> None:
    """And no scenario's alert is missing from the table."""
    fired = {name for outcome in outcomes.values() for name in outcome.fired}
    generated = {
        f"{name} {severity}" for (name, severity), rule in alerting(committed()).items() if "annotations" in rule
    }
    assert generated <= fired


def test_nobody_hears_of_a_warning_that_is_critical(outcomes) -> None:
    """Where both fire at once, Alertmanager keeps the warning to itself."""
    outcome = outcomes["guard-spike"]
    assert "GuardTripBurst warning" in outcome.fired
    assert "GuardTripBurst warning" not in outcome.ticket


def test_a_bot_on_both_roads_is_one_incident(outcomes) -> None:
    """Scraped and sent, its alert fires for two instances and pages once: they are one group of Alertmanager's."""
    outcome = outcomes["order-errors-on-both-roads"]
    assert outcome.instances["OrdersFailing critical"] == 2
    assert outcome.incidents - len(outcome.ticket) == 1


def test_the_table_in_the_docs_is_of_these_days() -> None:
    """Every scenario has its row, with the alerts that it is expected to raise; the times are those last measured."""
    rows = json.loads((DOCS / "alert-scenarios.json").read_text())
    found = [(row["scenario"], set(row["page"]), set(row["ticket"])) for row in rows]
    assert found == [
        (scenario.what, *({name.split()[0] for name in scenario.heard[channel]} for channel in ("page", "ticket")))
        for scenario in SCENARIOS.values()
    ]
    assert all(0 < seconds < 60 * 15 for row in rows for seconds in (*row["page"].values(), *row["ticket"].values()))
