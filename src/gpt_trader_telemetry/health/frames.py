"""Where another thread is at this moment: what an operator wants to know of a check or a loop that hangs."""

import asyncio
import os
import sys
import sysconfig
from types import CoroutineType, FrameType, GeneratorType
from typing import Final

DEPTH: Final = 8
"""Frames of a stack that are shown, the innermost first."""

_LIBRARIES: Final = tuple(
    {os.path.normcase(sysconfig.get_path(name)) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
_OURS: Final = os.path.normcase(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep  # noqa: PTH100, PTH120


_RUNS_A_CALLBACK: Final = asyncio.Handle._run.__code__


def stack_of(thread: int | None) -> list[str]:
    """Return the innermost frames of a thread by its identifier, ``file:line in function``; none if it ended."""
    return [_place(frame) for frame in _frames(thread)[:DEPTH]]


def blocked_at(thread: int | None) -> str | None:
    """Return the innermost frame that is the bot's own code; where there is none, the innermost one."""
    return _innermost(_frames(thread))


def callback_at(thread: int | None) -> str | None:
    """Return the same of what the event loop in a thread runs at this moment; None while it waits for something."""
    frames = _frames(thread)
    callbacks = (depth for depth, frame in enumerate(frames) if frame.f_code is _RUNS_A_CALLBACK)
    return _innermost(frames[: next(callbacks, -1) + 1])


def awaiting_at(coroutine: object) -> str | None:
    """Return the same of a coroutine that waits: of it and of the coroutines that it waits for; none if it ended."""
    frames: list[FrameType] = []
    waits = coroutine
    while True:
        if isinstance(waits, CoroutineType):
            frame, waits = waits.cr_frame, waits.cr_await
        elif isinstance(waits, GeneratorType):
            frame, waits = waits.gi_frame, waits.gi_yieldfrom
        else:  # to ask anything else would run the bot's code
            break
        if frame is not None:
            frames.insert(0, frame)
    return _innermost(frames)


def _innermost(frames: list[FrameType]) -> str | None:
    own = (frame for frame in frames if not _is_library(frame))
    frame = next(own, frames[0] if frames else None)
    return None if frame is None else _place(frame)


def _frames(thread: int | None) -> list[FrameType]:
    frame = None if thread is None else sys._current_frames().get(thread)
    frames = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames


def _is_library(frame: FrameType) -> bool:
    file = os.path.normcase(frame.f_code.co_filename)
    return file.startswith((*_LIBRARIES, _OURS, "<frozen "))


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}"
