"""One machine outgrown: twenty bots, two gateways, one Prometheus, and what happens to networks and machines."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.collector import clean, collecting
from support.proxy import proxying
from support.stores import prometheus, wait_until

pytestmark = [pytest.mark.soak, pytest.mark.alone, pytest.mark.timeout(300)]

FLEET = Path(__file__).parents[1] / "support" / "fleet.py"
BOTS = [f"bot-{number}" for number in range(20)]
AGAIN = [f"{name}-again" for name in BOTS[:5]]
MINUTE = 0.5
"""Seconds between two exports, and how long a minute lasts here."""
SUBMISSIONS = "last_over_time(gpt_trader_order_submission_total[1h])"


class Fleet:
    """Bots in processes of their own."""

    def __init__(self, folder: Path, http: int, grpc: int) -> None:
        self._folder = folder
        self._endpoints = {"http/protobuf": f"http://127.0.0.1:{http}", "grpc": f"http://127.0.0.1:{grpc}"}
        self._launchers: list[subprocess.Popen[bytes]] = []

    def start(self, names: list[str]) -> None:
        """Start bots, every other one over gRPC."""
        for turn, (protocol, endpoint) in enumerate(self._endpoints.items()):
            environment = clean({
                "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
                "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
                "OTEL_EXPORTER_OTLP_TIMEOUT": "2000",
                "OTEL_METRIC_EXPORT_INTERVAL": str(int(1000 * MINUTE)),
            })  # fmt: skip
            command = [sys.executable, str(FLEET), str(self._folder), *names[turn::2]]
            with (self._folder / "fleet.log").open("ab") as log:
                self._launchers.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        wait_until(lambda: all((self._folder / f"{name}.pid").exists() for name in names), "fleet", 60)

    def stop(self, names: list[str]) -> list[dict]:
        """End bots as an operator would; return what they wrote down."""
        for name in names:
            os.kill(int((self._folder / f"{name}.pid").read_text()), signal.SIGTERM)
        ledgers = [self._folder / f"{name}.json" for name in names]
        wait_until(lambda: all(path.exists() and path.read_text() for path in ledgers), "ledgers", 60)
        return [json.loads(path.read_text()) for path in ledgers]

    def end(self) -> None:
        """End whatever is left."""
        for path in self._folder.glob("*.pid"):
            if not path.with_suffix(".json").exists():
                os.kill(int(path.read_text()), signal.SIGKILL)
        for launcher in self._launchers:
            launcher.kill()
            launcher.wait(30)


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> Iterator[tuple]:
    """Let the fleet trade through everything that may happen; give the store, the ledgers and the gateways' logs."""
    folder = tmp_path_factory.mktemp("fleet")
    with ExitStack() as stack:
        store = stack.enter_context(prometheus(folder))
        to_store = stack.enter_context(proxying(int(store.url.rpartition(":")[2])))
        remote_write = f"http://127.0.0.1:{to_store.port}/api/v1/write"
        gateways = [
            stack.enter_context(collecting(folder / name, "gateway.yaml", GPT_TRADER_REMOTE_WRITE=remote_write))
            for name in ("one", "two")
        ]
        balancers = [
            stack.enter_context(proxying(*(gateway.ports[protocol] for gateway in gateways)))
            for protocol in ("http", "grpc")
        ]
        fleet = Fleet(folder, *(balancer.port for balancer in balancers))
        stack.callback(fleet.end)

        fleet.start(BOTS)
        wait_until(lambda: store.number(f"count(count by (instance) ({SUBMISSIONS}))") == len(BOTS), "bots", 60)
        gateways[0].kill()
        time.sleep(6 * MINUTE)
        gateways[0].start()
        time.sleep(4 * MINUTE)
        told = fleet.stop(BOTS[:5])
        fleet.start(AGAIN)
        for cut in (balancers, [to_store]):
            for network in cut:
                network.cut()
            time.sleep(8 * MINUTE)
            for network in cut:
                network.mend()
            time.sleep(8 * MINUTE)
        told += fleet.stop([*BOTS[5:], *AGAIN])
        yield store, told, gateways


def test_every_bot_was_told_that_everything_is_delivered(story):
    """Each of the twenty-five ends with DELIVERED, and traded."""
    _, told, _ = story
    assert [facts["delivery"] for facts in told] == ["DELIVERED"] * len([*BOTS, *AGAIN])
    assert all(sum(facts["ledger"].values()) > 50 for facts in told)


def test_the_totals_are_those_of_the_ledgers_exactly(story):
    """The sum over instances of last values, for each result and side: nothing lost, nothing doubled."""
    store, told, _ = story
    expected = sum((Counter(facts["ledger"]) for facts in told), Counter())
    found = store.query(f"sum by (result, side) ({SUBMISSIONS}) > 0")
    assert {
        f"{item['metric']['result']} {item['metric']['side']}": float(item["value"][1]) for item in found
    } == expected
    latencies = "sum(last_over_time(gpt_trader_broker_call_latency_seconds_count[1h]))"
    assert store.number(latencies) == expected.total()
    buckets = 'sum(last_over_time(gpt_trader_order_submission_latency_seconds_bucket{le="+Inf"}[1h]))'
    assert store.number(buckets) == expected.total()


def test_the_story_was_no_quiet_one(story):
    """Exports did fail on the way, at both ends of the gateways."""
    store, _, gateways = story
    assert store.number("sum(last_over_time(gpt_trader_telemetry_export_failures_total[1h]))") > 0
    assert "Exporting failed" in gateways[0].log + gateways[1].log


def test_each_instance_has_its_own_total_and_no_counter_ever_fell(story):
    """One instance id for each process, a restarted bot's included; samples that came late changed nothing."""
    store, told, _ = story
    found = store.query(f"sum by (instance) ({SUBMISSIONS})")
    totals = sorted(float(item["value"][1]) for item in found)
    assert totals == sorted(float(sum(facts["ledger"].values())) for facts in told)
    assert store.number("max(resets(gpt_trader_order_submission_total[1h]))") == 0


def test_the_store_refused_nothing_of_what_the_gateways_wrote(story):
    """No write was wrong in itself (a 400): all that failed was tried again by whoever sent it."""
    _, _, gateways = story
    for gateway in gateways:
        assert '"status_code": 4' not in gateway.log
        assert "Permanent error: remote write" not in gateway.log
