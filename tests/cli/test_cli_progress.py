"""A long read says how far it has come, on standard error, and a short one says nothing."""

import io

from gpt_trader_telemetry.cli.progress import with_progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def passed(stream, seconds):
    """Pass 20,000 items on, each of which takes so long."""
    now = [0.0]

    def items():
        for number in range(20_000):
            now[0] += seconds
            yield number

    assert list(with_progress(items(), "events", to=stream, clock=lambda: now[0])) == list(range(20_000))
    return stream.getvalue()


def test_a_short_read_is_silent_where_no_terminal_is():
    """As for cron, which mails whatever is written."""
    assert passed(io.StringIO(), 0.0001) == ""


def test_a_long_read_says_so_in_lines():
    """Not before 5 s, then each 10 s."""
    assert passed(io.StringIO(), 0.00105) == "5,000 events\n15,000 events\n"


def test_on_a_terminal_one_line_is_kept_up_to_date_and_removed():
    """At once, and nothing is left of it."""
    assert passed(Terminal(), 0.0001) == "\r5,000 events\r10,000 events\r15,000 events\r20,000 events\r\x1b[K"


def test_whoever_stops_listening_ends_it():
    """An early end closes what is read from."""
    closed = []

    def items():
        try:
            yield from range(10)
        finally:
            closed.append(True)

    source = items()
    progress = with_progress(source, "events", to=io.StringIO())
    assert next(progress) == 0
    progress.close()
    source.close()
    assert closed == [True]
