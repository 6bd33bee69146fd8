"""Which scope code runs in: the innermost of its context that is still open.

A scope that closed may stay where it was: it is passed over. So the scope of an order, once it has ended well, is
left to be replaced by the next, which spares half of the cost of following the context.
"""

import gc
import sys
from contextvars import ContextVar
from threading import get_ident
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gpt_trader_telemetry.instrument.site import Scope

_innermost: Final[ContextVar["Scope | None"]] = ContextVar("gpt_trader_telemetry_scope", default=None)

# Bound once: to look the method up at each call would double what it costs.
innermost: Final = _innermost.get
"""Give the innermost scope of this context, open or not."""

set_innermost: Final = _innermost.set
"""Make a scope the innermost of this context."""

finalizing: Final[dict[int, "Scope | None"]] = {}
"""The innermost scope of the finalizers in the thread that collects garbage, by that thread's id.

On Python 3.11 the collector may run inside ``ContextVar.set``, and a finalizer that sets a variable of the same context
frees what the interrupted ``set`` works on: the process dies. So finalizers keep their scopes here. On every Python it
may run while OpenTelemetry holds a lock of its own, which a finalizer would wait for without end: they call it later.
"""


def follow_collections(*, traced: bool) -> None:
    """Notice from now on that finalizers run, where that matters: on Python 3.11, and where spans are opened."""
    if (traced or sys.version_info < (3, 12)) and _follow_collection not in gc.callbacks:
        gc.callbacks.append(_follow_collection)


def _follow_collection(phase: str, _info: object) -> None:
    if phase == "start":
        finalizing[get_ident()] = innermost()
    else:
        finalizing.pop(get_ident(), None)


def is_finalizing() -> bool:
    """Tell whether this code is a finalizer that may set no variable of its context and call no tracer."""
    return bool(finalizing) and get_ident() in finalizing


def first_open(scope: "Scope | None") -> "Scope | None":
    """Return this scope or the next around it that is still open."""
    while scope is not None and scope.closed:
        scope = scope.outer
    return scope


def open_scope() -> "Scope | None":
    """Return the innermost scope that this code runs in and that is still open."""
    if finalizing and get_ident() in finalizing:
        return first_open(finalizing[get_ident()])
    return first_open(innermost())


def step_into(scope: "Scope") -> None:
    """Make ``scope`` the innermost of this code, and let it know the one around it."""
    if finalizing and get_ident() in finalizing:
        scope.outer = first_open(finalizing[get_ident()])
        finalizing[get_ident()] = scope
    else:
        outer = innermost()
        # One that closed in another context is let go of, or they would pile up.
        scope.outer = outer if outer is None or not outer.closed else first_open(outer)
        set_innermost(scope)


def step_out_of(scope: "Scope") -> None:
    """Make the scope around ``scope`` the innermost, unless another one is."""
    # A suspended generator may close out of order; scopes that closed meanwhile are passed over.
    if finalizing and get_ident() in finalizing:
        if finalizing[get_ident()] is scope:
            finalizing[get_ident()] = first_open(scope.outer)
    elif innermost() is scope:
        set_innermost(None if scope.outer is None else first_open(scope.outer))
