"""The end of the process, whichever way it comes, and whether ``multiprocessing`` began it."""

import atexit
import sys
from collections.abc import Callable
from typing import Any


def is_child_of_multiprocessing() -> bool:
    """Tell whether ``multiprocessing`` started this process, by whichever method.

    >>> is_child_of_multiprocessing()
    False
    """
    # What has not been loaded has not started this process.
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


class AtProcessEnd:
    """Calls something once when the process ends, in children of ``multiprocessing`` too.

    Such a child leaves without the ``atexit`` functions, by finalizers of its own, and forgets those that it inherited.

    >>> ending = AtProcessEnd(lambda: print("goodbye"))
    >>> ending.cancel()
    """

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._finalizer: Any = None
        atexit.register(call)
        self._register_in_child()

    def cancel(self) -> None:
        """Let the process end without the call."""
        atexit.unregister(self._call)
        if self._finalizer is not None:
            self._finalizer.cancel()

    def rearm_after_fork(self) -> None:
        """To be called in a forked child, before ``multiprocessing`` forgets what the parent had registered."""
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            util.register_after_fork(self, AtProcessEnd._register_in_child)

    def _register_in_child(self) -> None:
        util = sys.modules.get("multiprocessing.util")
        if util is not None and is_child_of_multiprocessing():
            self._finalizer = util.Finalize(None, self._call, exitpriority=0)
