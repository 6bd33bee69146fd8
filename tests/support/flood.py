"""How far one gateway and one store go: ``PYTHONPATH=tests uv run python -m support.flood [BOTS] [ROUNDS]``.

A real bot's own request, with a series in every row of the catalogue and the zeros of its counters, is sent again for
each simulated bot: another instance id and the time of now, as fast as eight connections carry it.
"""

# ruff: noqa: T201 - a program that prints

import http.client
import os
import sys
import tempfile
import threading
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from gpt_trader_telemetry import Settings, Telemetry
from support.collector import collecting
from support.receivers import http_receiver
from support.scraping import scrape
from support.script import play, record_every_row
from support.stores import STORES

CONNECTIONS = 8


@dataclass(frozen=True)
class Pattern:
    """One bot's export, whose id and time can be replaced in the bytes."""

    request: bytes
    instance: bytes
    time: bytes
    series: int
    """Prometheus series that it makes: a histogram's buckets, sum and count are one each."""

    def of(self, instance: bytes, nanoseconds: int) -> bytes:
        """Return the request of another bot."""
        moved = self.request.replace(self.time, nanoseconds.to_bytes(8, "little"))
        return moved.replace(self.instance, instance)


def pattern() -> Pattern:
    """Let a real bot export once to a receiver of ours."""
    instance = str(uuid.uuid4())
    with http_receiver() as received:
        settings = Settings(
            otlp_endpoint=received.endpoint, export_interval=3600, resource_attributes={"service.instance.id": instance}
        )
        with Telemetry(settings) as telemetry:
            play(telemetry)
            record_every_row(telemetry)
            telemetry.flush(10)
            series = len(scrape(telemetry).values)
            request: ExportMetricsServiceRequest = received.requests[-1]
    metric = next(iter(request.resource_metrics[0].scope_metrics[0].metrics))
    now = getattr(metric, metric.WhichOneof("data")).data_points[0].time_unix_nano
    return Pattern(request.SerializeToString(), instance.encode(), now.to_bytes(8, "little"), series)


def flood(endpoint: str, one: Pattern, bots: int, rounds: int) -> float:
    """Send so many rounds of all bots; return how many seconds that took."""
    address, instances = urlsplit(endpoint), [str(uuid.uuid4()).encode() for _ in range(bots)]
    failed: list[int] = []

    def send(mine: list[bytes]) -> None:
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        for _ in range(rounds):
            for instance in mine:
                body = one.of(instance, time.time_ns())
                connection.request("POST", "/v1/metrics", body, {"Content-Type": "application/x-protobuf"})
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    failed.append(answer.status)
        connection.close()

    threads = [threading.Thread(target=send, args=(instances[start::CONNECTIONS],)) for start in range(CONNECTIONS)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, f"{len(failed)} refused, with {failed[0]}"
    return time.perf_counter() - begun


def processor_seconds(pid: int) -> float:
    """How much processor time a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """How much memory a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(store: str, bots: int, rounds: int) -> dict[str, float]:
    """Flood a gateway before a store, and say what it cost."""
    one = pattern()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stored = stack.enter_context(STORES[store](folder))
        gateway = stack.enter_context(
            collecting(folder / "gateway", "gateway.yaml", GPT_TRADER_REMOTE_WRITE=stored.remote_write)
        )
        processes = {"gateway": gateway.process.pid, store: stored.process.pid}
        before = {name: processor_seconds(pid) for name, pid in processes.items()}
        seconds = flood(gateway.http, one, bots, rounds)
        samples = one.series * bots * rounds
        figures = {"series a bot": one.series, "series": one.series * bots, "samples a second": samples / seconds}
        for name, pid in processes.items():
            spent = processor_seconds(pid) - before[name]
            figures[f"{name}: samples a processor second"] = samples / spent
            figures[f"{name}: MiB"] = resident_mib(pid)
        return figures


if __name__ == "__main__":
    chosen = [int(argument) for argument in sys.argv[1:]]
    for each in STORES:
        print(each)
        for label, figure in measure(each, *(chosen or (100, 10))).items():
            print(f"  {label:48} {figure:12,.0f}")
