"""A plan that looks at nothing of the machine, and the findings as a table."""

from dataclasses import replace

import pytest

from gpt_trader_telemetry.doctor.plan import Plan, Server
from support.receivers import free_port


class Findings(list):
    """Findings that can be asked by name."""

    def named(self, name: str) -> list:
        return [finding for finding in self if finding.name == name]

    def the(self, name: str):
        """Return the only finding of a name."""
        (finding,) = self.named(name)
        return finding

    def bad(self) -> dict[str, str]:
        """Return what is neither ok nor skipped: its words by its name."""
        return {finding.name: finding.said for finding in self if finding.status in {"warning", "problem"}}


@pytest.fixture
def plan() -> Plan:
    """Nobody listens anywhere, and no time passes between two scrapes."""
    nobody = Server(f"http://127.0.0.1:{free_port()}")
    return Plan(
        bot=nobody, exporter=nobody, prometheus=nobody, alertmanager=nobody, timeout=5.0, sleep=lambda _seconds: None
    )


@pytest.fixture
def walk(plan):
    """Walk a part with some of the plan changed: its findings."""

    def walk(examine, *more, **changes) -> Findings:
        return Findings(examine(replace(plan, **changes), *more))

    return walk
