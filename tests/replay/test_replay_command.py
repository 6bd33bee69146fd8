"""``replay`` as people call it."""

import json

import pytest

from gpt_trader_telemetry.cli.main import main
from gpt_trader_telemetry.errors import ConfigurationError
from gpt_trader_telemetry.replay.threshold_file import thresholds_of
from gpt_trader_telemetry.thresholds import SIGNALS, Thresholds
from support.runtime_bots import DAY, END, Bot


@pytest.fixture
def replayed(tmp_path, capsys):
    """Replay a day with a burst of seven guard trips at noon: (code, standard output, standard error)."""
    bot = Bot(tmp_path)
    noon = END - DAY / 2
    trips = [
        ("guard_triggered", noon + number, {"guard": "daily_loss", "timestamp": noon + number}) for number in range(7)
    ]
    beats = [("heartbeat", END - DAY + at, {}) for at in range(0, int(DAY), 300)]
    bot.database(*sorted([*trips, *beats], key=lambda event: event[1]))

    def replayed(*words):
        try:
            code = main(["replay", "--runtime-root", str(tmp_path), *map(str, words)])
        except SystemExit as error:
            code = error.code
        told = capsys.readouterr()
        return code, told.out, told.err

    return replayed


def test_a_threshold_can_be_tried_before_it_pages_anyone(replayed, tmp_path, monkeypatch):
    """By file, by the environment, and the file over the environment."""

    def critical(*words):
        code, out, err = replayed("--format", "json", *words)
        assert code == 0, err
        return {row["name"]: row["went_critical"] for row in json.loads(out)["signals"]}["guard_trip_count"]

    assert critical() == 0
    monkeypatch.setenv("GPT_TRADER_GUARD_TRIP_COUNT_CRIT", "5")
    assert critical() == 1
    (tmp_path / "looser.toml").write_text("[guard_trip_count]\ncrit = 8\n")
    assert critical("--thresholds", tmp_path / "looser.toml") == 0


def test_the_text_says_when_and_by_how_much(replayed):
    """Each alarm with its value and threshold, then the time in each state."""
    code, out, _ = replayed()
    assert code == 0
    assert "2026-02-28 12:00:05  guard_trip_count              warned: 5 > 3" in out
    assert "2026-02-28 12:05:05  guard_trip_count              recovered: 2 <= 3" in out
    assert all(name in out for name in SIGNALS)
    assert max(map(len, out.splitlines())) <= 80


def test_the_object_says_the_same(replayed):
    """In JSON types alone."""
    _, out, _ = replayed("--format", "json", "--from", "2026-02-28T06:00:00", "--to", "2026-02-28T18:00:00Z")
    found = json.loads(out, parse_constant=pytest.fail)
    assert (found["from"], found["to"]) == ("2026-02-28T06:00:00+00:00", "2026-02-28T17:55:05+00:00")
    assert [(row["from"], row["to"], row["value"], row["threshold"]) for row in found["changes"]] == [
        ("OK", "WARN", 5, 3), ("WARN", "OK", 2, 3),
    ]  # fmt: skip
    for row in found["signals"]:
        assert sum(row["seconds"].values()) == 12 * 3600 - 295


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--from", "2027-01-01"], 1), (["--to", "2020-01-01"], 1), (["--profile", "other"], 1),
        (["--from", "noon"], 2), (["--from", "2027"], 2), (["--to", "2027"], 2), (["--from", "2026-02-28", "--to", "2026-02-28"], 2), (["--format", "html"], 2),
        (["--thresholds", "/missing"], 2), (["--profile", "a/b"], 2),
    ],
)  # fmt: skip
def test_exit_codes(replayed, words, code):
    """1 without events of that time, 2 for wrong use; the reason on standard error and nothing else anywhere."""
    found, out, err = replayed(*words)
    assert (found, out) == (code, "")
    assert err


@pytest.mark.parametrize(
    "text",
    [
        "order_error_rate_crit = 0.2\nguard_trip_count_warn = 1\n",
        "[order_error_rate]\ncrit = 0.2\n[guard_trip_count]\nwarn = 1\n",
        "# tried\nGPT_TRADER_ORDER_ERROR_RATE_CRIT=0.2\nexport GPT_TRADER_GUARD_TRIP_COUNT_WARN='1'  \nPATH=/bin # mine\n",
        "\ufeffGPT_TRADER_ORDER_ERROR_RATE_CRIT = 0.2\r\nGPT_TRADER_GUARD_TRIP_COUNT_WARN = 1\r\n",
    ],
)
def test_thresholds_from_either_kind_of_file(tmp_path, text):
    """TOML by field or by signal, or variables; over those of the environment."""
    path = tmp_path / "thresholds"
    path.write_text(text, "utf-8", newline="")
    environ = {"GPT_TRADER_ORDER_ERROR_RATE_CRIT": "0.3", "GPT_TRADER_WS_STALENESS_SECONDS_CRIT": "90"}
    assert thresholds_of(path, environ) == Thresholds(
        order_error_rate_crit=0.2, guard_trip_count_warn=1, ws_staleness_seconds_crit=90
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("order_eror_rate_crit = 0.2", "order_error_rate_crit is"),
        ("[order_eror_rate]\nwarn = 1", "order_error_rate is"),
        ("[order_error_rate]\ncritical = 1", "it has warn and crit"),
        ("order_error_rate_crit = 'much'", "a share from 0 to 1"),
        ("order_error_rate_crit = 15", "a share from 0 to 1"),
        ("order_error_rate_warn = 0.5", "at most order_error_rate_crit"),
        ("guard_trip_count_crit = nan", "a number of at least 0"),
        ("GPT_TRADER_GUARD_TRIP_COUNT_CRIT=many", "'many' is no number"),
        ("GPT_TRADER_GUARD_TRIPS_CRIT=1", "GPT_TRADER_GUARD_TRIP_COUNT_CRIT is"),
        ("required = ['weather']", "one or more of"),
        ("required = 'ws_staleness_seconds'", "a tuple"),
        ("this is nothing", "neither TOML nor"),
        ("required = [[1]]", "required"),
        ("order_error_rate = 3", "order_error_rate"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path, text, said):
    """By its name, with what was probably meant."""
    path = tmp_path / "thresholds.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        thresholds_of(path, {})
    assert str(path) in str(raised.value)
    assert said in str(raised.value)


def test_a_file_that_is_none_is_refused(tmp_path):
    """Absent, a folder, no text."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name in ("absent", ".", "binary"):
        with pytest.raises(ConfigurationError, match=r"absent|directory|no text"):
            thresholds_of(tmp_path / name, {})
