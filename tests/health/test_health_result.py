"""What checks may return, and the report that becomes of it."""

import json
from collections import OrderedDict, deque
from decimal import Decimal
from types import MappingProxyType

import numpy as np
import pytest

from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.health.result import (
    CheckReport,
    HealthCheckResult,
    Severity,
    Status,
    iso_time,
    result_of,
    result_of_error,
    severity_of,
)


def test_a_result_unpacks_into_ok_and_details() -> None:
    """The playbook writes ``ok, details = check(...)``."""
    ok, details = HealthCheckResult(True, {"latency_ms": 3})
    assert ok is True
    assert details == {"latency_ms": 3}


def test_a_result_cannot_be_changed() -> None:
    """Frozen, slotted, and apart from the dict it was made of."""
    source = {"n": 1}
    result = HealthCheckResult(True, source)
    source["n"] = 2
    assert result.details["n"] == 1
    assert not hasattr(result, "__dict__")
    with pytest.raises(AttributeError):
        result.ok = False  # type: ignore[misc]
    with pytest.raises(TypeError):
        result.details["n"] = 3  # type: ignore[index]


@pytest.mark.parametrize("severity", ["warning", "critical", Severity.WARNING, Severity.CRITICAL])
def test_a_severity_is_given_as_word_or_member(severity: str) -> None:
    """Either way it is a Severity afterwards."""
    assert isinstance(HealthCheckResult(False, {}, severity).severity, Severity)


@pytest.mark.parametrize("severity", ["", "error", "CRITICAL", "info", 1, object()])
def test_an_unknown_severity_is_an_error_that_names_it(severity: object) -> None:
    """Anything but warning or critical would silently weigh nothing."""
    with pytest.raises(UsageError, match="warning or critical"):
        severity_of(severity)


@pytest.mark.parametrize(("ok", "details"), [("yes", {}), (1, {}), (None, {}), (True, [("a", 1)]), (True, "x")])
def test_a_result_of_the_wrong_types_is_an_error(ok: object, details: object) -> None:
    """A result whose ok is a text would be true, whatever the text says."""
    with pytest.raises(UsageError):
        HealthCheckResult(ok, details)  # type: ignore[arg-type]


NOTHING: dict[str, object] = {}

MEANT = [
    (None, True, NOTHING),
    (True, True, NOTHING),
    (False, False, NOTHING),
    (np.True_, True, NOTHING),
    (np.bool_(False), False, NOTHING),
    ((True, {}), True, NOTHING),
    ((False, None), False, NOTHING),
    ((np.False_, {"a": 1}), False, {"a": 1}),
    ((False, OrderedDict(a=1)), False, {"a": 1}),
    ((True, MappingProxyType({"a": 1})), True, {"a": 1}),
    (HealthCheckResult(False, {"a": 1}), False, {"a": 1}),
]


@pytest.mark.parametrize(("returned", "ok", "details"), MEANT, ids=repr)
def test_what_a_check_returns_is_understood(returned: object, ok: bool, details: object) -> None:
    """Every form that the documentation allows."""
    result = result_of(returned)
    assert (result.ok, dict(result.details)) == (ok, details)


@pytest.mark.parametrize(
    "returned",
    [
        0, 1, 1.5, Decimal(1), "ok", "", b"", [], [True, {}], {}, {"ok": True}, object(), deque(), (), (True,),
        (True, {}, "critical"), ("yes", {}), (1, {}), (True, "fine"), (None, {}), ({}, True), np.int64(1),
        np.array([True]), Status.PASS, lambda: True,
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_anything_else_that_is_returned_fails_and_says_why(returned: object) -> None:
    """A check that returns a text is a bug in the check, and no pass."""
    result = result_of(returned)
    assert not result.ok
    assert "HealthCheckResult, (ok, details), True, False or None" in result.details["error"]
    assert result.details["error_type"] == "UsageError"


def test_a_raised_error_is_told_by_text_and_type() -> None:
    """Without its secrets; an exception with no text is told by its type."""
    details = result_of_error(ConnectionError("no answer from https://bob:pw@broker")).details
    assert details == {"error": "no answer from https://[redacted]@broker", "error_type": "ConnectionError"}
    assert result_of_error(TimeoutError()).details == {"error": "TimeoutError", "error_type": "TimeoutError"}


def test_a_report_is_shown_with_exactly_five_keys() -> None:
    """The contract of ``checks.<name>``."""
    report = CheckReport("feed", Status.FAIL, Severity.CRITICAL, {"lag": 3}, 1770336000.25, 12.34567)
    assert report.as_json() == {
        "status": "fail",
        "severity": "critical",
        "details": {"lag": 3},
        "checked_at": "2026-02-06T00:00:00.250Z",
        "duration_ms": 12.346,
    }


def test_a_pending_report_knows_neither_when_nor_how_long() -> None:
    """Missing is not zero."""
    shown = CheckReport("feed", Status.PENDING, Severity.WARNING).as_json()
    assert shown["checked_at"] is None
    assert shown["duration_ms"] is None


def test_a_report_holds_only_json_without_secrets() -> None:
    """Whoever makes it: the scrubbing is the report's own."""
    report = CheckReport("feed", Status.PASS, Severity.WARNING, {"api_key": "k", "when": object(), "n": float("inf")})
    shown = report.as_json()
    assert shown["details"]["api_key"] == "[redacted]"
    json.dumps(shown, allow_nan=False)


def test_what_is_shown_of_a_report_is_the_readers_own() -> None:
    """Changing it does not change the report."""
    report = CheckReport("feed", Status.PASS, Severity.WARNING, {"list": [1]})
    report.as_json()["details"]["list"].append(2)
    assert report.details["list"] == [1]
    with pytest.raises(TypeError):
        report.details["list"] = []  # type: ignore[index]


def test_times_that_no_calendar_has_are_not_shown() -> None:
    """A broken wall clock breaks no answer."""
    assert [iso_time(moment) for moment in (float("nan"), float("inf"), 1e300, -1e300)] == [None] * 4
