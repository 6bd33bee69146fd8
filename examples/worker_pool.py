"""A pool of processes that trade, each with telemetry of its own, whichever way the processes are started.

export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318    # a Collector
uv run examples/worker_pool.py spawn                        # or fork, or forkserver

Without an endpoint nothing is sent, and the script says so. Where nobody answers at the endpoint, the orders are placed
all the same; each worker, and then the parent, gives up two seconds after its work is done, logs it, and the exit code
is 1.
"""

import multiprocessing
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from gpt_trader_telemetry import Rejected, Settings, broker_call, configure, cycle, order_submission

WORKERS = 3
ACCOUNTS = 20
ORDERS = 10
"""Of each account; the broker refuses the last."""


def refusal(accepted: bool) -> Rejected | None:  # noqa: FBT001
    """Judge an answer: this broker says no without raising, to the call and so to the order."""
    return None if accepted else Rejected("insufficient_funds")


@order_submission(side="side", classify=refusal)
@broker_call("submit", classify=refusal)
def submit(side: str, number: int) -> bool:
    """Stand in for a broker's client."""
    time.sleep(0.001)
    return side == "sell" or number < ORDERS - 1


def trade(account: int) -> tuple[int, int]:
    """Place an account's orders, in a worker; return which process did, and how many were accepted.

    Nothing is exported here: what a worker counted leaves at intervals, and the rest when the pool lets it end.
    """
    side = "buy" if account % 2 == 0 else "sell"
    return os.getpid(), sum(submit(side, number) for number in range(ORDERS))


def main(method: str) -> int:
    """Let the pool trade every account once; return the exit code."""
    endpoint = Settings.from_env().otlp_endpoint
    print(f"pushing to {endpoint}" if endpoint else "no OTEL_EXPORTER_OTLP_ENDPOINT is set: nothing is pushed")
    telemetry = configure()
    accepted: Counter[int] = Counter()
    # A spawned worker has to configure. In a forked one, configure() returns what it inherited: begun anew, at zero,
    # under an instance id of the worker's own. The executor lets its workers finish; Pool's `with` block kills them.
    context = multiprocessing.get_context(method)
    with cycle(), ProcessPoolExecutor(WORKERS, mp_context=context, initializer=configure) as pool:
        for worker, count in pool.map(trade, range(ACCOUNTS)):
            accepted[worker] += count
    for worker, count in sorted(accepted.items()):
        print(f"worker {worker}: {count} orders accepted")
    delivery = telemetry.shutdown(timeout=2)
    print(f"the parent's metrics: {delivery.name}; a worker that could not deliver has logged it")
    return 0 if delivery else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if sys.argv[1:] else "spawn"))
