"""Following a log bit by bit says the same as having seen all of it: against a model that has."""

import json
import tempfile
from pathlib import Path

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gpt_trader_telemetry.exporter.tally import COUNTED
from support.following import Follower
from support.runtime import BotFiles

KINDS = [*COUNTED, "heartbeat", "price_tick"]
COUNTS = {kind: f"{name}" for kind, name in COUNTED.items()}
BAD = ["{{half {}", "[1, 2, {}]", '"text {}"', "\N{SNOWMAN} {}"]
FIGURES = st.fixed_dictionaries(
    {},
    optional={
        "equity": st.sampled_from(["5", 7.5, None, "x", float("nan")]),
        "open_orders": st.integers(0, 9) | st.none(),
        "pnl": st.fixed_dictionaries({"total": st.sampled_from([1, None, "2.5"])}),
        "positions": st.dictionaries(
            st.sampled_from(["BTC-USD", "ETH-USD"]),
            st.fixed_dictionaries({"exposure_usd": st.sampled_from([1, "2.5", None])}),
        ),
    },
)


def usable(value):
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if number == number else None  # noqa: PLR0124


class Model:
    """What a reader that saw everything would show."""

    def __init__(self):
        self.counts = dict.fromkeys(COUNTED.values(), 0)
        self.bad = 0
        self.open = False
        self.figures = {}
        self.exposures = None

    def event(self, kind):
        if kind in COUNTED:
            self.counts[COUNTED[kind]] += 1
        elif kind.startswith("circuit_breaker"):
            self.open = kind.endswith("triggered")

    def cycle(self, fields):
        for name, value in (
            ("equity", fields.get("equity")), ("open_orders", fields.get("open_orders")),
            ("total_pnl_usd", fields.get("pnl", {}).get("total")),
        ):  # fmt: skip
            if usable(value) is not None:
                self.figures[name] = usable(value)
        if "positions" in fields:
            known = self.exposures or {}
            found = {
                symbol: usable(item["exposure_usd"]) if usable(item["exposure_usd"]) is not None else known.get(symbol)
                for symbol, item in fields["positions"].items()
            }
            self.exposures = {symbol: value for symbol, value in found.items() if value is not None}


class Following(RuleBasedStateMachine):
    """A bot, an operator and a machine do what they do; the exporter is polled and started again at any moment."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.bot = BotFiles(Path(self.folder.name))
        self.follower = Follower(self.bot)
        self.model = Model()
        self.serial = 0
        self.unread = 0

    @initialize()
    def exists(self):
        self.append("heartbeat")

    def write(self, kind, **fields):
        self.serial += 1
        self.put(kind, {"serial": self.serial, **fields})
        self.unread += 1

    @rule(kind=st.sampled_from(KINDS), number=st.integers(1, 5))
    def append_some(self, kind, number):
        for _ in range(number):
            self.append(kind)

    def append(self, kind):
        self.write(kind)
        self.model.event(kind)

    @rule(end=st.sampled_from(["triggered", "cleared"]))
    def circuit_breaker(self, end):
        self.append(f"circuit_breaker_{end}")

    @rule(fields=FIGURES)
    def append_cycle(self, fields):
        self.serial += 1
        self.put_cycle({**json.loads(json.dumps(fields)), "serial": self.serial})
        self.model.cycle(fields)
        self.unread += 1

    @rule(raw=st.sampled_from(BAD))
    def append_bad(self, raw):
        # No two rows are the same, as no two of a bot's are: each has its time.
        self.serial += 1
        self.put_bad(raw.format(self.serial))
        self.model.bad += 1
        self.unread += 1

    @rule()
    def poll(self):
        self.follower.poll()
        self.unread = 0

    @rule()
    def restart(self):
        self.follower.restart()

    @rule()
    def replace(self):
        self.poll()
        self.replaced()
        self.append("heartbeat")

    @precondition(lambda self: self.serial > 3)
    @rule(keep=st.floats(0, 1))
    def lose_the_end(self, keep):
        self.poll()
        self.shorten(keep)

    @invariant()
    def all_is_as_the_model_has_it(self):
        if self.unread:
            return
        scrape = self.follower.poll().scrape()
        found = {name: scrape.value(f"coinbase_trader_{name}") for name in self.model.counts}
        assert found == self.model.counts
        assert scrape.value("coinbase_trader_circuit_breaker_triggered") == int(self.model.open)
        for name in ("equity", "open_orders", "total_pnl_usd"):
            assert scrape.value(f"coinbase_trader_{name}") == self.model.figures.get(name)
        exposures = {
            labels["symbol"].replace("_", "-"): scrape.value("coinbase_trader_symbol_exposure_usd", **labels)
            for labels in scrape.label_sets("coinbase_trader_symbol_exposure_usd")
        }
        assert exposures == (self.model.exposures or {})
        bad = [
            labels for labels in scrape.label_sets("coinbase_trader_skipped_records_total")
            if labels["reason"] in {"json", "shape"}
        ]  # fmt: skip
        skipped = sum(scrape.value("coinbase_trader_skipped_records_total", **labels) for labels in bad)
        assert skipped == self.model.bad

    def teardown(self):
        self.poll()
        self.all_is_as_the_model_has_it()
        self.follower.profile.close()
        self.bot.close()
        self.folder.cleanup()


class FollowingRows(Following):
    """The log is events.db."""

    def put(self, kind, payload):
        self.row(kind, payload)

    def put_cycle(self, fields):
        self.row("metric", {"metrics": {"event_type": "cycle_metrics", **fields}})

    def put_bad(self, raw):
        self.row("trade", raw)

    def row(self, kind, payload):
        # It keeps out what is no JSON; not every bot's database has it.
        self.bot.connection.execute("DROP INDEX IF EXISTS idx_events_symbol")
        self.bot.row(kind, payload)

    def replaced(self):
        self.bot.remove_database()

    def shorten(self, keep):
        top = self.bot.connection.execute("SELECT max(id) FROM events").fetchone()[0] or 0
        kept = int(top * keep)
        # As after a crash of the machine: rows and the memory of their ids are gone.
        self.bot.connection.execute("BEGIN")
        self.bot.connection.execute("DELETE FROM events WHERE id > ?", (kept,))
        self.bot.connection.execute("UPDATE sqlite_sequence SET seq = ?", (kept,))
        self.bot.connection.execute("COMMIT")
        left = self.bot.connection.execute("SELECT count(*) FROM events").fetchone()[0]
        if not left:
            self.append("heartbeat")

    @rule(keep=st.integers(0, 5))
    def prune(self, keep):
        self.poll()
        self.bot.connection.execute("DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?", (keep + 1,))


class FollowingLines(Following):
    """The log is events.jsonl."""

    def __init__(self):
        super().__init__()
        self.rotations = 0
        self.half = b""

    def put(self, kind, payload):
        self.line({"type": kind, **payload})

    def put_cycle(self, fields):
        self.line({"type": "metric", "metrics": fields})

    def put_bad(self, raw):
        self.line(raw)

    def line(self, item):
        if self.half:
            self.bot.line(self.half[10:])  # its other half
            self.half = b""
        self.bot.line(item)

    @rule()
    def append_half(self):
        if not self.half:
            self.serial += 1
            self.half = json.dumps({"type": "trade", "serial": self.serial}).encode()
            self.bot.line(self.half[:10], end="")
            self.model.event("trade")
            self.unread += 1

    @rule()
    def poll(self):
        if self.half:
            self.follower.poll()  # does not take the half line
            self.line({"type": "heartbeat"})
        super().poll()

    def replaced(self):
        self.bot.lines.unlink()

    @rule()
    def rotate(self):
        # What was appended since the last poll is in the file that is moved away; one process reads it still.
        self.poll()
        self.append("trade")
        self.rotations += 1
        self.bot.lines.rename(self.bot.folder / f"events.jsonl.{self.rotations}")
        self.append("heartbeat")
        self.poll()

    @rule()
    def copy_and_truncate(self):
        self.poll()
        self.bot.lines.write_bytes(b"")

    def shorten(self, keep):
        lines = self.bot.lines.read_bytes().splitlines(keepends=True)
        self.bot.lines.write_bytes(b"".join(lines[: int(len(lines) * keep)]))


# Shrinking a failure takes minutes and says little more: it is left out.
few = settings(
    max_examples=25, stateful_step_count=30, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate)
)
TestRows = FollowingRows.TestCase
TestRows.settings = few
TestLines = FollowingLines.TestCase
TestLines.settings = few
