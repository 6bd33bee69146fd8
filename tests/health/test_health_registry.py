"""Registering checks, and what a bot says of itself."""

import math
import threading
from collections.abc import Callable
from typing import Any

import pytest
from health_bench import Bench, our_threads

from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.health import Health, HealthCheckResult, Overall, Severity, Status
from support.timing import eventually


def fine() -> None:
    """Pass."""


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"severity": "fatal"}, "'fatal'"),
    ({"severity": None}, "None"),
    ({"severity": "Critical"}, "'Critical'"),
    ({"check": 3}, "int"),
    ({"check": None}, "NoneType"),
    ({"interval": 0}, "interval cannot be 0"),
    ({"interval": -1.0}, "-1.0"),
    ({"interval": math.nan}, "nan"),
    ({"interval": math.inf}, "inf"),
    ({"interval": "30"}, "'30'"),
    ({"interval": True}, "True"),
    ({"interval": 10**400}, "interval"),
    ({"timeout": 0.0}, "timeout cannot be 0.0"),
    ({"timeout": None}, "None"),
    ({"name": ""}, "''"),
    ({"name": "  "}, "'  '"),
    ({"name": 3}, "3"),
    ({"name": "a\nb"}, "printable|named"),
    ({"name": "x" * 101}, "100 characters"),
    ({"name": "performance"}, "'performance' belongs"),
    ({"depends_on": ["nobody"]}, "'nobody'; registered checks: 'broker'"),
    ({"depends_on": "nobody"}, "'nobody'"),
    ({"depends_on": ["new"]}, "new -> new"),
    ({"depends_on": [3]}, "depends_on cannot hold 3"),
    ({"depends_on": 3}, "3"),
    ({"tags": [""]}, "''"),
    ({"tags": None}, "None"),
]


@pytest.mark.parametrize(("given", "named"), WRONG, ids=lambda value: repr(value)[:40])
def test_wrong_use_is_an_error_at_registration_that_names_what_was_given(given: dict[str, Any], named: str) -> None:
    """And nothing is registered."""
    health = Health(autostart=False)
    health.register("broker", fine)
    arguments = {"name": "new", "check": fine} | given
    with pytest.raises(UsageError, match=named):
        health.register(arguments.pop("name"), arguments.pop("check"), **arguments)
    assert list(health.reports()) == ["broker"]


def test_the_decorator_checks_its_arguments_too() -> None:
    """Also where the name was forgotten and the function stands in its place."""
    health = Health(autostart=False)
    with pytest.raises(UsageError, match="cannot be named"):
        health.check(fine)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="'fatal'"):
        health.check("broker", severity="fatal")(fine)


def test_a_circle_of_dependencies_is_an_error_that_shows_it() -> None:
    """Only a replacement can close one; the check that was there stays."""
    health = Health(autostart=False)
    health.register("a", fine)
    health.register("b", fine, depends_on=["a"])
    health.register("c", fine, depends_on=("b", "a"))
    with pytest.raises(UsageError, match=r"'a' cannot depend on itself: .*a.* -> ") as caught:
        health.register("a", fine, depends_on=["c"])
    assert all(name in str(caught.value) for name in "abc")
    assert health.run_once()["c"].status is Status.PASS
    health.stop()


def test_the_decorator_returns_the_function_itself() -> None:
    """What is decorated can be called, as before."""
    health = Health(autostart=False)

    def check() -> bool:
        return False

    assert health.check("broker", severity="critical", interval=1, timeout=1, tags=["x"])(check) is check
    report = health.run_once()["broker"]
    assert (report.status, report.severity) == (Status.FAIL, Severity.CRITICAL)
    health.stop()


def test_registering_starts_one_thread_and_runs_the_check(health: Health) -> None:
    """Nobody has to remember to start it; nothing runs before."""
    assert our_threads() == []
    health.register("broker", lambda: (True, {"n": 1}))
    eventually(lambda: health.reports()["broker"].status is Status.PASS)
    health.register("feed", fine)
    eventually(lambda: health.reports()["feed"].ok)
    assert [thread.name for thread in our_threads()].count("gpt-trader-health") == 1


def test_a_check_is_pending_until_it_has_a_result(bench: Bench) -> None:
    """It is neither a pass nor a failure."""
    bench.health.register("broker", fine, severity="critical")
    report = bench.health.reports()["broker"]
    assert (report.status, report.severity, report.checked_at) == (Status.PENDING, Severity.CRITICAL, None)
    bench.health.mark_ready()
    assert bench.health.overall() == (Overall.HEALTHY, "application_ready")
    assert bench.health.is_ready() == (False, "critical checks not passing: broker")


def test_a_check_that_never_runs_does_not_stay_pending_for_ever(bench: Bench) -> None:
    """The background thread was never started, or has died: that is a failure, at the check's severity."""
    bench.health.register("broker", fine, severity="critical", interval=10, timeout=5)
    bench.clock.now += 35.0
    assert bench.status("broker") == "pending"
    bench.clock.now += 0.001
    report = bench.health.reports()["broker"]
    assert (report.status, report.severity) == (Status.FAIL, Severity.CRITICAL)
    assert dict(report.details) == {
        "stale": True, "age_seconds": 35.001, "runner_alive": False, "never_ran": True,
    }  # fmt: skip


def test_a_result_goes_stale_after_three_intervals_and_the_timeout(bench: Bench) -> None:
    """An old result is not a healthy one; it keeps telling when it was had."""
    bench.health.register("broker", fine, interval=10, timeout=5)
    bench.settle()
    fresh = bench.health.reports()["broker"]
    bench.clock.now += 35.0
    assert bench.status("broker") == "pass"
    bench.clock.now += 0.001
    stale = bench.health.reports()["broker"]
    assert (stale.status, stale.severity) == (Status.FAIL, Severity.WARNING)
    assert stale.details["stale"] is True
    assert stale.details["age_seconds"] == 35.001
    assert stale.details["last_status"] == "pass"
    assert (stale.checked_at, stale.duration_ms) == (fresh.checked_at, fresh.duration_ms)


def test_a_stale_critical_failure_stays_critical(bench: Bench) -> None:
    """A check registered as a warning that found something critical is no lesser matter once it is old."""
    bench.health.register("feed", lambda: HealthCheckResult(False, {}, "critical"))
    bench.settle()
    assert bench.health.reports()["feed"].severity is Severity.CRITICAL
    bench.clock.now += 1000
    assert bench.health.reports()["feed"].severity is Severity.CRITICAL


def test_a_result_may_say_what_its_failure_means(bench: Bench) -> None:
    """It stands for the severity that was registered, both ways."""
    bench.health.register("feed", lambda: HealthCheckResult(False, {}, "critical"), severity="warning")
    bench.health.register("disk", lambda: HealthCheckResult(False, {}, "warning"), severity="critical")
    bench.health.mark_ready()
    bench.settle()
    assert {name: report.severity.value for name, report in bench.health.reports().items()} == {
        "feed": "critical", "disk": "warning",
    }  # fmt: skip
    assert bench.health.overall()[1] == "critical checks failing: feed"


def test_re_registering_replaces(bench: Bench) -> None:
    """The new check is pending, runs at once, and the old one's result is gone."""
    bench.health.register("broker", lambda: False)
    bench.settle()
    bench.health.register("broker", fine, severity="critical")
    assert bench.status("broker") == "pending"
    bench.settle()
    assert bench.status("broker") == "pass"
    assert list(bench.health.reports()) == ["broker"]


def test_unregistering_forgets(bench: Bench) -> None:
    """False for what is not there, which is no error: shutting down may come twice."""
    bench.health.register("broker", fine)
    assert bench.health.unregister("broker") is True
    assert bench.health.unregister("broker") is False
    assert dict(bench.health.reports()) == {}


def test_reports_can_be_chosen_by_tag(bench: Bench) -> None:
    """Any of the tags given; one text is one tag."""
    bench.health.register("broker", fine, tags=["remote", "money"])
    bench.health.register("feed", fine, tags="remote")
    bench.health.register("disk", fine)
    assert list(bench.health.reports("remote")) == ["broker", "feed"]
    assert list(bench.health.reports("money", "nothing")) == ["broker"]
    assert list(bench.health.reports("nothing")) == []
    assert list(bench.health.run_once(None, "money")) == ["broker"]


def test_run_once_runs_everything_without_a_thread_of_its_own() -> None:
    """In order of dependency, with fresh results each time."""
    health = Health(autostart=False)
    ran: list[str] = []

    def says(name: str) -> Callable[[], None]:
        return lambda: ran.append(name)

    health.register("a", says("a"))
    health.register("b", says("b"), depends_on=["a"])
    health.register("c", says("c"), depends_on=["b"])
    for _ in range(3):
        assert {report.status for report in health.run_once().values()} == {Status.PASS}
    assert ran == ["a", "b", "c"] * 3
    assert not health.runner.is_alive
    health.stop()


def test_run_once_does_not_wait_longer_than_it_is_told() -> None:
    """What has not ended by then is pending."""
    health = Health(autostart=False)
    hold = threading.Event()
    health.register("slow", lambda: hold.wait(30) and None, timeout=30)
    health.register("quick", fine)
    reports = health.run_once(timeout=0.2)
    assert {name: report.status.value for name, report in reports.items()} == {"slow": "pending", "quick": "pass"}
    hold.set()
    health.stop()


def test_run_once_of_nothing_is_nothing() -> None:
    """And returns at once."""
    assert dict(Health(autostart=False).run_once()) == {}


def test_a_bot_is_starting_until_it_says_that_it_is_ready() -> None:
    """Then it is ready, and withdrawn it is unhealthy, not starting."""
    health = Health(autostart=False)
    assert (health.live, health.ready, health.ever_ready, health.reason) == (True, False, False, "starting")
    assert health.overall() == (Overall.STARTING, "starting")
    health.mark_not_ready("loading candles")
    assert health.overall() == (Overall.STARTING, "loading candles")
    health.mark_ready()
    assert (health.ready, health.ever_ready, health.reason) == (True, True, "application_ready")
    assert health.overall() == (Overall.HEALTHY, "application_ready")
    assert health.is_ready() == (True, "application_ready")
    health.mark_not_ready("closing positions")
    assert (health.ready, health.ever_ready) == (False, True)
    assert health.overall() == (Overall.UNHEALTHY, "closing positions")
    assert health.is_ready() == (False, "closing positions")
    health.mark_ready("resumed")
    assert health.overall() == (Overall.HEALTHY, "resumed")


def test_a_bot_that_is_not_live_is_unhealthy_and_may_come_back() -> None:
    """What it said of being ready is kept meanwhile."""
    health = Health(autostart=False)
    health.mark_ready()
    health.mark_not_live("event store lost")
    assert (health.live, health.reason) == (False, "event store lost")
    assert health.overall() == (Overall.UNHEALTHY, "event store lost")
    health.mark_live()
    assert health.overall() == (Overall.HEALTHY, "application_ready")
    health.mark_not_live()
    assert health.overall() == (Overall.UNHEALTHY, "not_live")


@pytest.mark.parametrize("reason", ["", None, 3, "x" * 10_000, "api_key=hunter2", object()])
def test_any_reason_is_taken_and_none_leaks(reason: Any) -> None:
    """Saying so happens while the bot trades: it never raises; what it says is shown to anybody."""
    health = Health(autostart=False)
    for say in (health.mark_ready, health.mark_not_ready, health.mark_not_live):
        say(reason)
        assert 0 < len(health.reason) <= 200
        assert "hunter2" not in health.reason


def test_the_checks_part_of_health_has_five_keys_each(bench: Bench) -> None:
    """The contract of the page and of ``/health``."""
    bench.health.register("broker", lambda: (False, {"n": 1}), severity="critical")
    bench.settle()
    (shown,) = bench.health.checks_json().values()
    assert list(shown) == ["status", "severity", "details", "checked_at", "duration_ms"]


def test_results_are_told_to_who_asked_for_them() -> None:
    """Each result with the seconds it took; one that was not run has none. What the listener raises is kept in."""
    told: list[tuple[str, str, bool]] = []

    def listen(report: Any, seconds: float | None) -> None:
        told.append((report.name, report.status.value, seconds is not None))
        raise RuntimeError("a broken listener")

    bench = Bench(on_result=listen)
    bench.health.register("a", lambda: False)
    bench.health.register("b", fine, depends_on=["a"])
    bench.settle()
    assert told == [("a", "fail", True), ("b", "skipped", False)]
    bench.health.stop()


def test_nothing_is_started_after_stop() -> None:
    """A registration that comes late is kept, pending, and in the end stale."""
    health = Health()
    health.register("a", fine)
    health.stop()
    health.register("b", fine)
    health.start()
    assert not health.runner.is_alive
    assert health.reports()["b"].status is Status.PENDING
