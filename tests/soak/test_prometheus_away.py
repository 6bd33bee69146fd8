"""Prometheus itself ends and comes back on the same files, before real bots at a faster clock."""

import shutil
import time
from contextlib import ExitStack

import pytest
from operators_programs import operators
from stages import Scenario, Stage, expected, set_up
from trading_days import FACTOR, THRESHOLDS

MISSING = [tool for tool in ("prometheus", "prometheus-alertmanager") if shutil.which(tool) is None]
pytestmark = [
    pytest.mark.soak,
    pytest.mark.waits,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(MISSING), reason=f"{' and '.join(MISSING)} not on this machine"),
]
CALM, AWAY, AFTER = 40.0, 30.0, 30.0
"""Seconds of the test: a quarter of an hour, ten minutes and ten minutes of the bots'."""


def no_trouble(stage: Stage) -> None:
    """Go on as before: what goes wrong is Prometheus."""


DAYS = {
    "stays-scraped": Scenario("A bot that is scraped is there all the while", no_trouble, expected()),
    "stays-sending": Scenario("So are two that send", no_trouble, expected(), bots=2, over_otlp=True),
    "ended-scraped": Scenario("A bot that is scraped ends meanwhile", no_trouble, expected("BotDown")),
    "ended-sending": Scenario(
        "One of two that send ends meanwhile", no_trouble, expected("BotNotReporting"), bots=2, over_otlp=True
    ),
}


def test_nobody_hears_of_the_outage_and_somebody_of_who_ended_in_it(tmp_path) -> None:
    """Of bots that are there, no alert fires, before or after; of the others exactly the one that tells of an end."""
    with ExitStack() as stack:
        stages = {job: set_up(job, day, tmp_path, stack) for job, day in DAYS.items()}
        scraped = {job: stage.targets for job, stage in stages.items() if stage.scraped}
        handed_on = {job: stage.handed_on for job, stage in stages.items() if stage.handed_on}

        def everyone(seconds: float) -> dict[str, set[str]]:
            with operators(tmp_path, THRESHOLDS, FACTOR, scraped, handed_on) as programs:
                time.sleep(seconds)
                return {job: set(programs.heard.firing(job)["page"]) for job in DAYS}

        assert everyone(CALM) == {job: set() for job in DAYS}
        for job in ("ended-scraped", "ended-sending"):
            stages[job].bot.end()
        time.sleep(AWAY)
        assert everyone(AFTER) == {job: day.heard["page"] for job, day in DAYS.items()}
