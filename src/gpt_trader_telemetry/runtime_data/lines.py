"""``events.jsonl``: lines read in blocks, whatever they end with and however long they are."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import BinaryIO, Final, NamedTuple

from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.record import LARGEST, METRIC, BadRecordError, event_of_line
from gpt_trader_telemetry.runtime_data.skipped import Skipped, Why

__all__ = ["EVENTS_JSONL", "Block", "LineReader", "blocks"]

EVENTS_JSONL: Final = "events_jsonl"
"""What this source is called."""
_BLOCK: Final = 1 << 20
_MARK: Final = b"\xef\xbb\xbf"


class Block(NamedTuple):
    """Whole lines that stand together in a file."""

    start: int
    content: bytes
    too_long: bool = False
    """Whether it is a piece of a line that is longer than any record."""


def blocks(file: BinaryIO, offset: int) -> Iterator[Block]:
    """Yield what the file holds from ``offset`` on, up to the last end of a line."""
    file.seek(offset)
    rest = b""
    while read := file.read(_BLOCK):
        rest += read
        end = max(rest.rfind(b"\n"), rest.rfind(b"\r")) + 1
        if end:
            yield Block(offset, rest[:end])
            offset += end
            rest = rest[end:]
        elif len(rest) > LARGEST:
            yield Block(offset, rest, too_long=True)
            offset += len(rest)
            rest = b""


class LineReader:
    """Makes events of blocks; it remembers what a line's meaning depends on of the lines before it.

    Args:
        skipped: counts what is skipped.
        passed_over: returns the places of those of a block's lines that need not be looked at.
    """

    def __init__(
        self, skipped: Skipped, passed_over: Callable[[Sequence[bytes]], Collection[int]] = lambda _lines: ()
    ) -> None:
        self._skipped = skipped
        self._passed_over = passed_over
        self._in_long_line = False
        self._last_metric = b""

    def events(self, block: Block) -> Iterator[Event]:
        """Yield the events of a block."""
        if block.too_long:
            self._in_long_line = True
            return
        position = block.start
        lines = block.content.splitlines(keepends=True)
        passed = self._passed_over(lines)
        for place, line in enumerate(lines):
            if self._in_long_line:
                self._in_long_line = False
                self._skipped.add(EVENTS_JSONL, Why.SIZE)
            elif place not in passed and (event := self.event(position, line)):
                yield event
            position += len(line)

    def last(self, position: int, line: bytes) -> Event | None:
        """Return the event of a file's last line, which nothing ends: it may be a half one."""
        if self._in_long_line:
            self._skipped.add(EVENTS_JSONL, Why.SIZE)
            return None
        return self.event(position, line, is_last=True)

    def event(self, position: int, line: bytes, *, is_last: bool = False) -> Event | None:
        """Return a line's event; None where it is blank or skipped."""
        line = line.strip()
        if position == 0:
            line = line.removeprefix(_MARK)
        if not line:
            return None
        try:
            event = event_of_line(position, line)
        except BadRecordError as error:
            self._skipped.add(EVENTS_JSONL, Why.HALF if is_last and error.why is Why.JSON else error.why)
            return None
        if METRIC.encode() in line:
            if line == self._last_metric:
                self._skipped.add(EVENTS_JSONL, Why.DUPLICATE)
                return None
            self._last_metric = line
        return event
