"""The examples of other services, run as their users run them, against receivers that take, refuse or never answer."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.receivers import RECEIVERS, Received, black_hole, free_port, http_receiver
from support.scraping import TEXT, parse

EXAMPLES = Path(__file__).parents[2] / "examples"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
ORDERS = "gpt_trader_order_submission_total"
CALLS = "gpt_trader_broker_call_latency_seconds"
FORKED_BESIDE_THREADS = "ignore:This process:DeprecationWarning"
"""What Python 3.12 says of a fork beside threads, as our own are; it is what the example shows."""
PATIENCE = 60.0
"""Seconds after which a test gives up."""
SOON = 25.0
"""Seconds in which an example has ended though nobody answers: most of them are for starting six processes at once on a
busy machine. The tight bounds on the end itself are held by the tests of the OTLP road."""


@dataclass
class Ended:
    """A process that is over."""

    code: int
    output: str
    said: str
    """What it wrote to standard error."""


def start(*command: str, **environment: str) -> subprocess.Popen[str]:
    """Start an example with nothing in its environment but what is given."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "GPT_TRADER_"))}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-W", FORKED_BESIDE_THREADS, *command],
        cwd=EXAMPLES, env={**own, "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def end_of(process: subprocess.Popen[str], patience: float = PATIENCE) -> Ended:
    """Wait for the end of an example; one that takes longer than this is ended, and that is a failure."""
    try:
        output, said = process.communicate(timeout=patience)
    finally:
        process.kill()
        process.communicate()
    return Ended(process.returncode, output, said)


def by_instance(received: Received) -> dict[str, Received]:
    """Return what each process sent."""
    found: dict[str, Received] = {}
    for request in received.requests:
        (resource,) = request.resource_metrics
        attributes = {item.key: item.value.string_value for item in resource.resource.attributes}
        found.setdefault(attributes["service.instance.id"], Received()).requests.append(request)
    return found


def counted(received: Received) -> dict[tuple[str, ...], float]:
    """Return the orders that one process counted, by reason, result and side."""
    points = received.points(ORDERS)
    return {
        tuple(value for _, value in labels): point.as_int or point.as_double
        for labels, point in points.items()
        if point.as_int or point.as_double
    }


# --- a script that pushes and exits


@pytest.mark.parametrize("protocol", RECEIVERS)
def test_a_script_has_pushed_everything_before_it_ends(protocol: str) -> None:
    """Once, with the exact totals: there is no interval that has to come round, and no second export of the same."""
    with RECEIVERS[protocol]() as received:
        ended = end_of(
            start("push_and_exit.py", **{ENDPOINT: received.endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol})
        )
    assert (ended.code, ended.said) == (0, "")
    assert ended.output.splitlines()[-1] == "pushed: DELIVERED"
    assert counted(received) == {
        ("none", "success", "buy"): 1,
        ("none", "success", "sell"): 1,
        ("invalid_size", "rejected", "buy"): 1,
    }
    assert sum(point.count for point in received.points(CALLS).values()) == 3
    assert [point.count for point in received.points("gpt_trader_cycle_duration_seconds").values()] == [1]
    assert len(received.requests) == 1


def test_a_script_with_no_endpoint_says_that_nothing_is_pushed() -> None:
    """It does its work, and nothing has failed."""
    ended = end_of(start("push_and_exit.py"))
    assert (ended.code, ended.said) == (0, "")
    assert "no OTEL_EXPORTER_OTLP_ENDPOINT is set: nothing is pushed" in ended.output
    assert "buy ETH for 14450.00 EUR: accepted" in ended.output


def test_a_script_that_is_refused_says_that_it_failed() -> None:
    """The receiver's own answer, at once."""
    with http_receiver() as received:
        received.refusing = True
        ended = end_of(start("push_and_exit.py", **{ENDPOINT: received.endpoint}))
    assert (ended.code, ended.output.splitlines()[-1]) == (1, "pushed: FAILED")
    assert "an export over OTLP was refused" in ended.said


# --- a pool of workers


@pytest.mark.parametrize(
    ("method", "attributes"),
    [("fork", "service.instance.id=bot-1"), ("spawn", "service.instance.id=bot-1"), ("fork", "")],
)
def test_each_worker_of_a_pool_delivers_what_it_counted(method: str, attributes: str) -> None:
    """Under an instance id of its own, also where the environment names one for all; together exactly what was done."""
    with http_receiver() as received:
        environment = {ENDPOINT: received.endpoint, "OTEL_RESOURCE_ATTRIBUTES": attributes}
        ended = end_of(start("worker_pool.py", method, **environment))
    assert (ended.code, ended.said) == (0, "")
    accepted = dict(re.findall(r"worker (\d+): (\d+) orders accepted", ended.output))
    total: Counter[tuple[str, ...]] = Counter()
    per_process = []
    instances = by_instance(received)
    for instance in instances.values():
        orders = counted(instance)
        total.update(orders)
        per_process.append(sum(value for (_, result, _), value in orders.items() if result == "success"))
    assert total == {
        ("none", "success", "buy"): 90,
        ("none", "success", "sell"): 100,
        ("insufficient_funds", "rejected", "buy"): 10,
    }
    assert sorted(filter(None, per_process)) == sorted(map(int, accepted.values()))
    cycles = [instance.points("gpt_trader_cycle_duration_seconds") for instance in instances.values()]
    assert [point.count for points in cycles for point in points.values()] == [1], "the cycle is the parent's alone"
    # A process that had nothing to do shows its zeros; there is none that nobody started.
    assert len(accepted) + 1 <= len(instances) <= 4
    assert ("bot-1" in instances) == bool(attributes), "the parent is who the environment says"


# --- a FastAPI service


@contextmanager
def serving(**environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the service under its real uvicorn, on a free port."""
    process = start("fastapi_service.py", PORT="0", **environment)
    said = []
    try:
        for line in process.stderr:
            said.append(line)
            address = re.search(r"http://127\.0\.0\.1:\d+", line)
            if address:
                yield process, address[0]
                return
        pytest.fail("".join(said))
    finally:
        process.kill()
        process.communicate()


def ask(url: str, body: dict[str, object] | None = None) -> tuple[int, str]:
    """Return status and body of an answer, whichever it is."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", "Accept": TEXT})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_service_serves_the_bot_under_its_mount_and_records_through_its_own_provider() -> None:
    """Its instruments and ours: one resource, one export, one scrape, the same totals on both roads."""
    with http_receiver() as received:
        with serving(**{ENDPOINT: received.endpoint}) as (process, base):
            orders = [("buy", 1), ("buy", 2), ("sell", 3), ("buy", 500)]
            statuses = [ask(f"{base}/orders", {"side": side, "quantity": quantity})[0] for side, quantity in orders]
            assert statuses == [200, 200, 200, 422]

            assert ask(f"{base}/bot/live") == (200, '{"status": "pass", "live": true}')
            assert until_ready(base)
            status, health = ask(f"{base}/bot/health")
            assert (status, json.loads(health)["status"]) == (200, "healthy")
            assert json.loads(health)["checks"]["broker"]["status"] == "pass"
            assert "<html" in ask(f"{base}/bot/")[1]
            assert [ask(f"{base}{path}")[0] for path in ("/health", "/metrics", "/bot/nothing")] == [404, 404, 404]

            scrape = parse(ask(f"{base}/bot/metrics")[1])
            assert scrape.value(ORDERS, result="success", reason="none", side="buy") == 2
            assert scrape.value(ORDERS, result="success", reason="none", side="sell") == 1
            assert scrape.value(ORDERS, result="rejected", reason="insufficient_funds", side="buy") == 1
            assert scrape.total(ORDERS) == 4
            assert scrape.value("order_service_requests_total", side="buy") == 3
            assert scrape.value("order_service_requests_total", side="sell") == 1

            process.send_signal(signal.SIGINT)
            assert end_of(process).code == 0
    assert counted(received) == {
        ("none", "success", "buy"): 2,
        ("none", "success", "sell"): 1,
        ("insufficient_funds", "rejected", "buy"): 1,
    }
    assert received.value("order_service_requests", side="buy") == 3
    assert received.value("order_service_requests", side="sell") == 1
    assert {resource["service.name"] for resource in received.resources()} == {"order-service"}
    assert len(by_instance(received)) == 1
    scopes = {scope.scope.name for scope in received.requests[-1].resource_metrics[0].scope_metrics}
    assert scopes == {"gpt_trader_telemetry", "order-service"}


def until_ready(base: str) -> bool:
    """Tell whether the bot is ready, as soon as its check has run."""
    deadline = time.monotonic() + 10
    while ask(f"{base}/bot/ready")[0] != 200 and time.monotonic() < deadline:
        time.sleep(0.02)
    return ask(f"{base}/bot/ready")[0] == 200


# --- nobody answers


@pytest.fixture(scope="module")
def unanswered() -> dict[str, tuple[Ended, float]]:
    """The examples, run at the same time while nobody answers, and how long each took to end."""
    with black_hole() as hole, serving(**{ENDPOINT: hole}) as (service, base):
        assert ask(f"{base}/orders", {"side": "buy", "quantity": 1}) == (200, '{"accepted":true}')
        processes = {
            "script, silence": start("push_and_exit.py", **{ENDPOINT: hole}),
            "script, closed": start("push_and_exit.py", **{ENDPOINT: f"http://127.0.0.1:{free_port()}"}),
            "pool, silence": start("worker_pool.py", "fork", **{ENDPOINT: hole}),
            "service, silence": service,
        }
        service.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        return {name: (end_of(process), time.monotonic() - begun) for name, process in processes.items()}


@pytest.mark.parametrize("name", ["script, silence", "script, closed"])
def test_a_script_that_nobody_answers_ends_soon_and_says_so(name: str, unanswered) -> None:
    """The work is done, the timer is told by the exit code, and people by the log."""
    ended, seconds = unanswered[name]
    assert seconds < SOON
    assert ended.code == 1
    assert "buy ETH for 14450.00 EUR: accepted" in ended.output
    assert ended.output.splitlines()[-1] == "pushed: TIMED_OUT"
    assert ended.said.count("an export over OTLP was not answered") == 1


def test_a_pool_that_nobody_answers_ends_soon_and_each_process_says_so(unanswered) -> None:
    """Nobody sees what a worker's shutdown returns; its log is where it can be found out."""
    ended, seconds = unanswered["pool, silence"]
    assert seconds < SOON
    assert ended.code == 1
    assert sum(map(int, re.findall(r"(\d+) orders accepted", ended.output))) == 190
    assert "the parent's metrics: TIMED_OUT" in ended.output
    assert ended.said.count("an export over OTLP was not answered") == 4, "three workers and the parent"


def test_a_service_that_nobody_answers_ends_soon(unanswered) -> None:
    """No request waits for an export, and its end waits no longer than it was told to."""
    ended, seconds = unanswered["service, silence"]
    assert seconds < SOON
    assert ended.code == -signal.SIGTERM, "uvicorn has ended in good order and then as the signal asks"
    assert "Application shutdown complete" in ended.said
