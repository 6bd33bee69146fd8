"""Every combination of live, ready, check result, severity and signal, against an expectation written apart."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import NamedTuple

import pytest

from gpt_trader_telemetry.health.result import CheckReport, Severity, Status
from gpt_trader_telemetry.health.verdict import Overall, is_ready, overall

READINESS = {"never": (False, False), "ready": (True, True), "withdrawn": (True, False)}
"""Ever ready, and ready now."""

RESULTS: dict[str, tuple[Status, Mapping[str, object]] | None] = {
    "none": None,
    "pass": (Status.PASS, {}),
    "fail": (Status.FAIL, {}),
    "pending": (Status.PENDING, {}),
    "skipped": (Status.SKIPPED, {"skipped_because": "other"}),
    "stale": (Status.FAIL, {"stale": True}),
    "timed out": (Status.FAIL, {"timed_out": True}),
}

SIGNALS = {
    "absent": (None, False),
    "OK": ("OK", False),
    "WARN": ("WARN", False),
    "CRIT": ("CRIT", False),
    "UNKNOWN": ("UNKNOWN", False),
    "UNKNOWN, known before or required": ("UNKNOWN", True),
    "OK, another one missed": ("OK", True),
    "WARN, another one missed": ("WARN", True),
    "CRIT, another one missed": ("CRIT", True),
}
"""The summary word, and whether a signal is unknown that was known before or is required."""


class Case(NamedTuple):
    live: bool
    readiness: str
    critical: str
    warning: str
    signal: str

    @property
    def reports(self) -> dict[str, CheckReport]:
        """A critical check, a warning one, and one of each that passes."""
        made = {}
        for severity, result in ((Severity.CRITICAL, self.critical), (Severity.WARNING, self.warning)):
            given = RESULTS[result]
            if given is not None:
                made[severity.value] = CheckReport(severity.value, given[0], severity, given[1])
                made[f"other {severity.value}"] = CheckReport("other", Status.PASS, severity)
        return made


def cases() -> Iterator[Case]:
    return (Case(*values) for values in product((True, False), READINESS, RESULTS, RESULTS, SIGNALS))


# The expectation: each row a status word and the conditions that bring it about, all of which must hold; the first row
# of which they do decides. Written from the playbook and its decisions, not from the code.
FAILING = {"fail", "stale", "timed out"}
TABLE = [
    ("unhealthy", lambda case: case.live is False),
    ("starting", lambda case: case.readiness == "never"),
    ("unhealthy", lambda case: case.readiness == "withdrawn"),
    ("unhealthy", lambda case: case.critical in FAILING),
    ("unhealthy", lambda case: case.signal.startswith("CRIT")),
    ("degraded", lambda case: case.warning in FAILING),
    ("degraded", lambda case: case.signal.startswith("WARN")),
    ("degraded", lambda case: case.signal in {"UNKNOWN, known before or required", "OK, another one missed"}),
    ("healthy", lambda case: True),
]
HTTP = {"healthy": 200, "degraded": 200, "starting": 503, "unhealthy": 503}
READY_CHECKS = {"none", "pass"}


def test_health_answers_the_word_and_code_that_the_table_has_for_every_combination() -> None:
    """2 x 3 x 7 x 7 x 9 combinations, each against the first row that applies."""
    seen = set()
    for case in cases():
        expected = next(word for word, applies in TABLE if applies(case))
        ever_ready, ready = READINESS[case.readiness]
        signal, missed = SIGNALS[case.signal]
        word, reason = overall(
            case.live, ever_ready, ready, case.reports, signal, signals_missed=missed, reason="said so"
        )
        assert (word.value, word.http_status) == (expected, HTTP[expected]), case
        assert reason, case
        seen.add(word)
    assert seen == set(Overall)


def test_ready_answers_what_the_table_has_for_every_combination() -> None:
    """Called ready, and each critical check there is passing; neither liveness nor warnings nor signals count."""
    for case in cases():
        _, ready = READINESS[case.readiness]
        expected = case.readiness == "ready" and case.critical in READY_CHECKS
        assert is_ready(ready, case.reports)[0] is expected, case


def report(name: str, status: Status, severity: Severity) -> CheckReport:
    return CheckReport(name, status, severity)


REASONS = [
    ((False, True, True, "disk full"), "disk full"),
    ((False, True, True, ""), "not_live"),
    ((True, False, False, "loading"), "loading"),
    ((True, False, False, ""), "starting"),
    ((True, True, False, "closing"), "closing"),
    ((True, True, True, "application_ready"), "application_ready"),
]


@pytest.mark.parametrize(("given", "expected"), REASONS)
def test_the_reason_is_what_the_bot_said(given: tuple[bool, bool, bool, str], expected: str) -> None:
    """While it is for the bot to say, it is the bot's words."""
    live, ever_ready, ready, reason = given
    assert overall(live, ever_ready, ready, {}, reason=reason)[1] == expected


def test_the_reason_names_the_checks_and_the_signals() -> None:
    """What an operator looks for first."""
    reports = {
        "broker": report("broker", Status.FAIL, Severity.CRITICAL),
        "disk": report("disk", Status.FAIL, Severity.WARNING),
        "feed": report("feed", Status.PENDING, Severity.CRITICAL),
    }
    assert overall(True, True, True, reports, "CRIT")[1] == "critical checks failing: broker; signals: CRIT"
    del reports["broker"]
    assert overall(True, True, True, reports, "WARN")[1] == "warning checks failing: disk; signals: WARN"
    assert overall(True, True, True, reports, "OK", signals_missed=True)[1] == (
        "warning checks failing: disk; signals: UNKNOWN"
    )
    assert is_ready(True, reports) == (False, "critical checks not passing: feed")
    assert is_ready(False, reports, reason="closing") == (False, "closing")


def test_a_long_list_of_failing_checks_is_cut_short() -> None:
    """Forty checks behind one broker fail together."""
    reports = {f"c{number}": report("c", Status.FAIL, Severity.CRITICAL) for number in range(40)}
    assert overall(True, True, True, reports)[1] == "critical checks failing: c0, c1, c2, c3, c4 and 35 more"
