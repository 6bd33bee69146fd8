"""A server in a process of its own, so that its work is not counted as its client's."""

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection


@contextlib.contextmanager
def served(serve: Callable[[Connection], None]) -> Iterator[Connection]:
    """Run a server, and give the link to it: it first sends what a client needs, and ends when the link does."""
    context = multiprocessing.get_context("spawn")
    link, other = context.Pipe()
    process = context.Process(target=serve, args=(other,), daemon=True)
    process.start()
    other.close()
    try:
        yield link
    finally:
        link.close()
        process.join(5)
        if process.is_alive():
            process.kill()
