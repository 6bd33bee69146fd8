"""Bots of their own processes, each with a ledger: ``python fleet.py FOLDER NAME...`` runs one for each name.

What this loads is loaded once, and each bot forks off before it has a Telemetry. A bot trades until it is sent
SIGTERM. Then it delivers, writes down what it did, and ends with 0 if everything was delivered.
"""

import json
import os
import random
import signal
import sys
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

from gpt_trader_telemetry import Settings, Telemetry

PAUSE = 0.02
"""Seconds between two orders."""


def trade(name: str, folder: Path) -> int:
    """Be a bot."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    dice, ledger = random.Random(name), Counter()
    telemetry = Telemetry(Settings.from_env())

    @telemetry.order_submission(side="side")
    @telemetry.broker_call("submit")
    def submit(side: str, error: Exception | None) -> None:
        if error:
            raise error

    (folder / f"{name}.pid").write_text(str(os.getpid()))
    while not stop.wait(PAUSE):
        side, error = dice.choice(("buy", "sell")), dice.choice((None, None, None, TimeoutError()))
        with suppress(TimeoutError):
            submit(side, error)
        ledger[f"{'failed' if error else 'success'} {side}"] += 1
    delivered = telemetry.shutdown(20)
    facts = {"ledger": ledger, "delivery": delivered.name}
    (folder / f"{name}.json").write_text(json.dumps(facts))
    return 0 if delivered else 1


def main(folder: Path, names: list[str]) -> int:
    """Fork a bot for each name, and wait for all of them."""
    children = []
    for name in names:
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                code = trade(name, folder)
            finally:
                os._exit(code)
        children.append(pid)
    return max(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
