"""``events.jsonl`` as old bots left it."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_trader_telemetry.runtime_data import passed_over
from gpt_trader_telemetry.runtime_data.events import read_events
from gpt_trader_telemetry.runtime_data.lines import Block, LineReader, blocks
from gpt_trader_telemetry.runtime_data.paths import ProfilePaths
from gpt_trader_telemetry.runtime_data.skipped import Skipped, Why


def read(paths, skipped, **options):
    return [(event.kind, event.payload.get("n")) for event in read_events(paths, skipped=skipped, **options)]


def test_every_kind_of_line_is_read_or_counted(bot, paths, skipped):
    """CRLF, CR, blank lines, a byte order mark, bad UTF-8, wrong types, and what is no JSON."""
    bot.line(b'\xef\xbb\xbf{"type": "trade", "n": 1}')
    bot.line('{"event_type": "trade", "n": 2}', end="\r\n")
    bot.line('{"type": "trade", "n": 3}', end="\r")
    bot.line("", "   ", '{"type": "trade", "n": "zwölf"}', "[1,2,3]", "nonsense", '"text"', '{"n": 4}')
    bot.line(b'{"type": "trade", "n": "\xff"}')
    bot.line('{"type": 7, "n": 5}', '{"type": "trade", "n": 6}')
    assert read(paths, skipped) == [("trade", 1), ("trade", 2), ("trade", 3), ("trade", "zwölf"), ("trade", 6)]
    assert {why: count for (_, why), count in skipped.counts.items()} == {
        Why.SHAPE: 4, Why.JSON: 1, Why.ENCODING: 1,
    }  # fmt: skip


def test_the_last_line_may_be_whole_or_half(bot, paths, skipped):
    """Whole without an end it counts; half it is told apart from nonsense."""
    bot.line({"type": "trade", "n": 1}, end="")
    assert read(paths, skipped) == [("trade", 1)]
    bot.line("\n" + '{"type": "tra', end="")
    assert read(paths, skipped) == [("trade", 1)]
    assert skipped.counts == {("events_jsonl", Why.HALF): 1}


def test_metrics_of_every_generation_are_unwrapped(bot, paths, skipped):
    """Wrapped as in the database, flat with `time`, and each line twice."""
    flat = {"type": "metric", "time": "2026-03-01T00:00:00", "equity": "5", "n": 1}
    bot.line({"type": "metric", "metrics": {"event_type": "order_preview", "n": 2}}, flat, flat)
    found = list(read_events(paths, skipped=skipped))
    assert [(event.kind, event.payload["n"]) for event in found] == [("order_preview", 2), ("cycle_metrics", 1)]
    assert found[1].at == 1772323200.0
    assert skipped.counts == {("events_jsonl", Why.DUPLICATE): 1}


def test_a_line_longer_than_any_record_is_one_skipped_record(bot, paths, skipped):
    """However long, and memory stays bounded; the lines around it are read."""
    bot.line({"type": "trade", "n": 1}, "x" * (5 << 20), {"type": "trade", "n": 2}, "y" * (3 << 20))
    assert read(paths, skipped) == [("trade", 1), ("trade", 2)]
    assert skipped.counts == {("events_jsonl", Why.SIZE): 2}


@given(
    st.lists(st.sampled_from([b'{"type":"trade"}', b"", b"{", b"[1]", b"\xff", b'{"type":"fill"}']), max_size=30),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.integers(1, 40),
)
def test_events_do_not_depend_on_how_the_file_is_cut_into_blocks(lines, end, size):
    """Whatever block a line falls into, its event and offset are the same."""
    content = b"".join(line + end for line in lines)
    whole = list(LineReader(Skipped()).events(Block(0, content)))
    reader, pieces, start = LineReader(Skipped()), [], 0
    for line_end in [0] + [i + 1 for i in range(len(content)) if content[i : i + 1] == end[-1:] and i % size == 0]:
        if line_end > start:
            pieces += reader.events(Block(start, content[start:line_end]))
            start = line_end
    pieces += reader.events(Block(start, content[start:]))
    assert pieces == whole
    assert all(content[event.position :].startswith(b"{") for event in whole)


def test_blocks_end_where_lines_end(tmp_path):
    """A line that is being appended is left for later."""
    path = tmp_path / "log"
    path.write_bytes(b"a\nb\nhalf")
    with path.open("rb") as file:
        assert list(blocks(file, 0)) == [Block(0, b"a\nb\n")]
        assert list(blocks(file, 2)) == [Block(2, b"b\n")]


@pytest.mark.parametrize("kind", ["trade", "fill"])
def test_kinds_are_chosen(bot, paths, skipped, kind):
    """As from the database."""
    bot.line({"type": "trade", "n": 1}, {"type": "fill", "n": 2})
    assert [found for found, _ in read(paths, skipped, kinds={kind})] == [kind]


NEWEST = {"price_tick", "heartbeat"}
ODD = [
    '{"timestamp": 1e9, "type": "price_tick", "type": "trade"}',
    '{"timestamp": 1e9, "type": "trade", "of": {"type": "price_tick"}}',
    r'{"timestamp": 1e9, "type": "trade", "reason": "\"type\": \"price_tick\""}',
    '{"timestamp": 1e9, "event_type": "price_tick", "type": "trade"}',
    r'{"timestamp": 1e9, "\u0074ype": "trade", "event_type": "heartbeat"}',
    '{"timestamp": 1e9, "type": "metric", "event_type": "heartbeat", "equity": 1}',
    '{"type": "price_tick", "timestamp": "soon"}', '{"type": "price_tick"}', '{"type": "price_tick"', "",
]  # fmt: skip
"""Lines that name a kind and are another, or none."""


@given(st.integers(), st.integers(0, 500), st.integers(0, 300))
@settings(max_examples=150, deadline=None)
def test_what_is_passed_over_is_never_the_newest(tmp_path_factory, seed, number, until):
    """A log as far out of order as a bot's is, with odd lines in it: all other kinds come, and the newest of these."""
    chooser = random.Random(seed)
    lines = []
    for place in range(number):
        kind = chooser.choice(["price_tick", "price_tick", "heartbeat", "fill"])
        fields = {"timestamp": 1e9 + place + chooser.randrange(4), chooser.choice(["type", "event_type"]): kind}
        lines.append(json.dumps(dict(chooser.sample(list(fields.items()), 2))))
        if chooser.random() < 0.1:
            lines.append(chooser.choice(ODD))
    paths = ProfilePaths.of(tmp_path_factory.getbasetemp(), "lines")
    paths.folder.mkdir(parents=True, exist_ok=True)
    paths.events_jsonl.write_text("\n".join(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passed_over, "_KEPT", 5)
        asked = {"until": 1e9 + until, "skipped": Skipped()}
        every, some = list(read_events(paths, **asked)), list(read_events(paths, **asked, newest=NEWEST))
    assert newest(some) == newest(every)
    assert [event for event in some if event.kind not in NEWEST] == [
        event for event in every if event.kind not in NEWEST
    ]


def newest(events):
    """The time of the newest event of each kind."""
    return {kind: max((event.at for event in events if event.kind == kind), default=None) for kind in NEWEST}


def test_a_log_of_prices_is_passed_over(bot, paths, skipped):
    """All but a few for each block, whatever the order of their fields; where they are from after, none is."""
    price = '{"timestamp": %d, "price": "1.5", "symbol": "BTC-USD", "type": "price_tick"}'
    bot.lines.write_text("\n".join(price % (1e9 + at) for at in range(20_000)))
    found = list(read_events(paths, until=2e9, newest=NEWEST, skipped=skipped))
    assert found[-1].at == 1e9 + 19_999
    assert len(found) < 500
    assert len(list(read_events(paths, until=1e9 + 50, newest=NEWEST, skipped=skipped))) == 50
