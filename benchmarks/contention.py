"""What a scrape does to the thread that trades, beside what any Python thread does to it.

A window is a second in which one thread calls a decorated function that does nothing, over and over, and a second
thread changes all series and then either scrapes them once, or runs pure Python for as much processor time as the
scrape of the window before took. Both kinds of window take turns; the library's own thread folds as it always does.
"""

import gc
import threading
from collections.abc import Callable
from time import perf_counter, sleep, thread_time

from benchmarks.hands import bare
from benchmarks.harness import BenchmarkError, Row, compared
from benchmarks.series import changes, label_values, our_observers, pipeline_of
from gpt_trader_telemetry import Settings, Telemetry

ACCEPT = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
"""What Prometheus asks for."""


class Neighbour:
    """The second thread's work, of which each kind takes as long as the other."""

    def __init__(self, telemetry: Telemetry, series: int) -> None:
        self._observers = our_observers(telemetry, label_values(series))
        self._values = changes()
        self._render = pipeline_of(telemetry).prometheus.render
        self._scrape_seconds = 0.0

    def scrape(self) -> None:
        """Change every series, and scrape."""
        self._change()
        begun = thread_time()
        _, answer = self._render(ACCEPT)
        self._scrape_seconds = thread_time() - begun
        if answer.count(b"_count{") < len(self._observers):
            raise BenchmarkError("a scrape has lost series")

    def spin(self) -> None:
        """Change every series, and run pure Python for as much processor time as the last scrape took."""
        self._change()
        end = thread_time() + self._scrape_seconds
        while thread_time() < end:
            total = 0
            for number in range(200):
                total += number

    def _change(self) -> None:
        for observe, value in zip(self._observers, self._values, strict=False):
            observe(value)


def window(call: Callable[..., object], neighbour: Callable[[], None], seconds: float) -> tuple[float, float]:
    """Return the calls a second and the worst single call beside a neighbour that works once."""
    failed: list[BaseException] = []

    def work() -> None:
        sleep(seconds / 10)
        try:
            neighbour()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    calls, worst = 0, 0.0
    begun = before = perf_counter()
    end = begun + seconds
    while before < end:
        call("BTC-USD", "buy", 1)
        now = perf_counter()
        if now - before > worst:  # noqa: PLR1730 - costs less than a call of max()
            worst = now - before
        before = now
        calls += 1
    thread.join()
    if failed:
        raise failed[0]
    return calls / (before - begun), worst


def run(*, quick: bool) -> list[Row]:
    """Measure windows of both kinds in turns."""
    rounds, seconds, series = (2, 0.2, 200) if quick else (25, 1.0, 10_000)
    rates: dict[str, list[float]] = {"scraped": [], "beside Python": []}
    worsts: dict[str, list[float]] = {"scraped": [], "beside Python": []}
    with Telemetry(Settings(cardinality_limit=100_000)) as telemetry:
        call = telemetry.broker_call("cancel")(bare)
        neighbour = Neighbour(telemetry, series)
        neighbour.scrape()
        gc.collect()
        for number in range(rounds + 1):
            for name, work in (("scraped", neighbour.scrape), ("beside Python", neighbour.spin)):
                rate, worst = window(call, work, seconds)
                if number:
                    rates[name].append(rate)
                    worsts[name].append(worst)
    what = f"A decorated no-op while another thread scrapes {series:,} series a second"
    return [
        compared(
            "contention-rate", what, "calls a second, beside pure Python as long",
            rates["scraped"], rates["beside Python"], unit="/s", goal=0.95, at_least=True,
        ),
        compared(
            "contention-worst", what, "its worst single call, beside pure Python as long",
            worsts["scraped"], worsts["beside Python"], goal=2.0,
        ),
    ]  # fmt: skip
