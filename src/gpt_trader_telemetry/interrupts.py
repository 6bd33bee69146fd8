"""What is never kept from the bot, wherever it strikes: what its signal handlers raise."""

import signal
import threading
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any, Final

INTERRUPTS: Final = (KeyboardInterrupt, SystemExit)
"""What a signal handler raises as a rule; with what else it raises (``interrupts``) alone never kept from the bot."""

_LAYERS: Final = 8
"""Partials, methods and objects looked through from a signal handler to its code."""


def interrupts(error: BaseException) -> bool:
    """Tell whether this is never kept from the bot, but for where it ends a thread of ours."""
    return isinstance(error, INTERRUPTS) or is_of_handler(error)


def is_of_handler(error: BaseException) -> bool:
    """Tell whether a signal handler of the bot's raised this while code of ours ran: then it is the bot's."""
    if threading.get_ident() != threading.main_thread().ident:
        return False  # handlers run in the main thread alone
    trace = error.__traceback__
    handlers = {code for number in signal.valid_signals() if (code := _code_of(signal.getsignal(number))) is not None}
    while trace is not None and trace.tb_frame.f_code not in handlers:
        trace = trace.tb_next
    return trace is not None


def _code_of(handler: Any) -> CodeType | None:
    """Return the code that runs when a handler is called: a function, a method, a partial or an object."""
    if handler is None or isinstance(handler, int):
        return None
    for _ in range(_LAYERS):
        if isinstance(handler, FunctionType):
            return handler.__code__
        if isinstance(handler, MethodType):
            handler = handler.__func__
        elif isinstance(handler, partial):
            handler = handler.func
        else:
            handler = type(handler).__call__
    return None
