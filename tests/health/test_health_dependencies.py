"""A check is skipped when what it depends on failed or was skipped, and says so."""

from collections.abc import Callable, Mapping
from typing import Any

from health_bench import Bench, Hanging, released
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_trader_telemetry.health import Status
from support.timing import eventually

Graph = dict[str, tuple[str, ...]]


def fine() -> None:
    """Pass."""


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Random acyclic graphs: each check may depend on those before it."""
    size = draw(st.integers(1, 9))
    names = draw(st.permutations([f"c{number}" for number in range(size)]))
    return {
        name: tuple(draw(st.lists(st.sampled_from(names[:index]), unique=True, max_size=3))) if index else ()
        for index, name in enumerate(names)
    }


def oracle(graph: Graph, fails: frozenset[str]) -> dict[str, str]:
    """Say what becomes of each check, by looking up again and again until nothing changes."""
    status = {name: "fail" if name in fails else "pass" for name in graph}
    for _ in graph:
        for name, depends_on in graph.items():
            if any(status[other] in {"fail", "skipped"} for other in depends_on):
                status[name] = "skipped"
    return status


@settings(max_examples=60)
@given(
    graphs(), st.lists(st.frozensets(st.sampled_from([f"c{number}" for number in range(9)])), min_size=1, max_size=4)
)
def test_skips_spread_as_a_brute_force_oracle_has_it(graph: Graph, rounds: list[frozenset[str]]) -> None:
    """Over several rounds in which other checks fail: each round is judged by itself, in one go."""
    bench = Bench()
    failing: set[str] = set()
    ran: list[str] = []

    def check(name: str) -> Callable[[], bool]:
        def run() -> bool:
            ran.append(name)
            return name not in failing

        return run

    for name, depends_on in graph.items():
        bench.health.register(name, check(name), depends_on=depends_on)
    try:
        for fails in rounds:
            failing.clear()
            failing.update(fails)
            ran.clear()
            reports = bench.health.run_once()
            expected = oracle(graph, fails)
            assert {name: report.status.value for name, report in reports.items()} == expected
            check_reasons(graph, expected, reports)
            assert set(ran) == {name for name, status in expected.items() if status != "skipped"}
            assert all(ran.index(other) < ran.index(name) for name in set(ran) for other in graph[name])
    finally:
        bench.health.stop()


def check_reasons(graph: Graph, expected: Mapping[str, str], reports: Mapping[str, Any]) -> None:
    for name, status in expected.items():
        if status == "skipped":
            blame = next(other for other in graph[name] if expected[other] != "pass")
            assert reports[name].details == {"skipped_because": blame, "dependency_status": expected[blame]}
            assert reports[name].duration_ms is None


@settings(max_examples=40)
@given(
    graphs(), st.lists(st.frozensets(st.sampled_from([f"c{number}" for number in range(9)])), min_size=1, max_size=3)
)
def test_on_its_own_schedule_the_same_comes_out(graph: Graph, rounds: list[frozenset[str]]) -> None:
    """With beats of different lengths, once each check has been due again."""
    bench = Bench()
    failing: set[str] = set()
    for number, (name, depends_on) in enumerate(graph.items()):
        bench.health.register(
            name, lambda name=name: name not in failing, depends_on=depends_on, interval=5.0 + number
        )  # fmt: skip
    try:
        for fails in rounds:
            failing.clear()
            failing.update(fails)
            bench.pass_time(20)
            reports = bench.health.reports()
            assert {name: report.status.value for name, report in reports.items()} == oracle(graph, fails)
    finally:
        bench.health.stop()


def test_a_check_waits_for_the_first_result_of_what_it_depends_on(bench: Bench) -> None:
    """Meanwhile it is pending, and the hung one's time-out decides."""
    hanging = Hanging()
    ran: list[str] = []
    with released([hanging]):
        bench.health.register("broker", hanging, timeout=5)
        bench.health.register("balance", lambda: ran.append("balance"), depends_on=["broker"], timeout=1)
        bench.hung = {"broker"}
        bench.pass_time(4)
        assert bench.status("balance") == "pending"
        bench.pass_time(1)
        assert bench.status("balance") == "skipped"
        assert ran == []


def test_waiting_for_a_slow_check_makes_no_result_stale(bench: Bench) -> None:
    """Its own interval and timeout are short; those of what it waits for are not, nor of what that waits for."""
    hanging = Hanging()
    with released([hanging]):
        bench.health.register("broker", hanging, timeout=60)
        bench.health.register("balance", fine, depends_on=["broker"], interval=1, timeout=1)
        bench.health.register("orders", fine, depends_on=["balance"], interval=1, timeout=1)
        bench.hung = {"broker"}
        bench.pass_time(59)
        assert (bench.status("balance"), bench.status("orders")) == ("pending", "pending")
        bench.pass_time(2)
        assert (bench.status("balance"), bench.status("orders")) == ("skipped", "skipped")
        bench.clock.now += 4.1
        assert bench.details("orders")["stale"] is True


def test_a_check_waits_for_the_first_result_of_what_replaced_what_it_depends_on(bench: Bench) -> None:
    """The results of the one before it count for nothing."""
    first, second = hanging = [Hanging(), Hanging()]
    ran: list[float] = []
    with released(hanging):
        first.release.set()
        bench.health.register("broker", first, interval=10, timeout=8)
        bench.health.register("balance", lambda: ran.append(bench.clock.now), depends_on=["broker"], interval=10)
        bench.settle()
        first.release.clear()
        bench.hung = {"broker"}
        bench.pass_time(11)
        bench.health.register("broker", second, interval=10, timeout=8)
        bench.pass_time(7)
        assert ran == [1000]
        bench.pass_time(1)
        assert bench.status("balance") == "skipped"


def test_a_skipped_check_runs_as_soon_as_what_it_depends_on_passes(bench: Bench) -> None:
    """It does not wait for a beat of its own, which may be an hour away; and the other way round."""
    up = True
    bench.health.register("broker", lambda: up, interval=10)
    bench.health.register("balance", fine, depends_on=["broker"], interval=3600)
    bench.health.register("orders", fine, depends_on=["balance"], interval=3600)
    bench.settle()
    assert bench.status("orders") == "pass"
    up = False
    bench.pass_time(10)
    assert (bench.status("balance"), bench.status("orders")) == ("skipped", "skipped")
    assert bench.details("orders") == {"skipped_because": "balance", "dependency_status": "skipped"}
    up = True
    bench.pass_time(10)
    assert (bench.status("balance"), bench.status("orders")) == ("pass", "pass")


def test_a_check_that_runs_while_what_it_depends_on_fails_is_skipped_right_after(bench: Bench) -> None:
    """Its own answer stands for no longer than it takes to tick."""
    hanging = Hanging()
    up = True
    bench.health.register("broker", lambda: up, interval=10)
    bench.settle()
    bench.health.register("balance", hanging, depends_on=["broker"], interval=3600, timeout=600)
    hanging.release.set()
    bench.settle()
    assert bench.status("balance") == "pass"
    hanging.release.clear()
    bench.hung = {"balance"}
    bench.pass_time(3601)
    assert hanging.inside
    up = False
    bench.pass_time(10)
    assert bench.status("broker") == "fail"
    hanging.release.set()
    eventually(lambda: hanging.inside == 0)
    bench.hung = set()
    bench.settle()
    assert bench.status("balance") == "skipped"


def test_what_depends_on_an_unregistered_check_is_skipped_and_says_so(bench: Bench) -> None:
    """Until the name is registered again."""
    bench.health.register("broker", fine)
    bench.health.register("balance", fine, depends_on=["broker"])
    bench.settle()
    bench.health.unregister("broker")
    bench.pass_time(31)
    assert bench.details("balance") == {"skipped_because": "broker", "dependency_status": "unregistered"}
    bench.health.register("broker", fine)
    bench.pass_time(31)
    assert bench.status("balance") == "pass"


def test_what_depends_on_a_stale_check_is_skipped(bench: Bench) -> None:
    """A stale result is a failure, for this too."""
    bench.health.register("broker", fine, interval=1, timeout=1)
    bench.health.register("balance", fine, depends_on=["broker"], interval=3)
    bench.settle()
    entry = bench.scheduler._entries["broker"]
    entry.due = 1e9
    bench.pass_time(9)
    assert bench.health.reports()["broker"].details["stale"] is True
    assert bench.status("balance") == "skipped"


def test_a_skipped_check_is_not_run_and_is_no_failure(bench: Bench) -> None:
    """It does not count for ``/health``; a critical one keeps ``/ready`` from passing."""
    bench.health.mark_ready()
    bench.health.register("broker", lambda: False)
    bench.health.register("balance", fine, depends_on=["broker"], severity="critical")
    bench.settle()
    assert bench.health.reports()["balance"].status is Status.SKIPPED
    assert bench.health.overall() == ("degraded", "warning checks failing: broker")
    assert bench.health.is_ready() == (False, "critical checks not passing: balance")


def test_what_depends_on_a_busy_check_is_not_starved(bench: Bench) -> None:
    """A check that runs nearly all the time holds up another for one run of its own, no longer."""
    ran: list[float] = []
    bench.health.register("busy", fine, interval=0.1)
    bench.health.register("after", lambda: ran.append(bench.clock.now), depends_on=["busy"], interval=0.1)
    bench.pass_time(5)
    assert len(ran) >= 45
