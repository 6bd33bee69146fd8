"""``generate``: files that follow the thresholds, and a check that tells when they do not."""

import builtins
import sys
from pathlib import Path

import pytest
import yaml

from gpt_trader_telemetry.cli.main import main
from gpt_trader_telemetry.rules.artifacts import ARTIFACTS
from gpt_trader_telemetry.variables import VARIABLES as SETTINGS

COLLECTOR = Path(__file__).parents[2] / "collector"
RULES = "rules/generated.yml"


def limit_in(folder: Path) -> str:
    """Return the critical error rate of the rules in a folder."""
    rules = yaml.safe_load((folder / RULES).read_text())["groups"][0]["rules"]
    (found,) = (
        rule["expr"]
        for rule in rules
        if rule.get("alert") == "OrdersFailing" and rule["labels"]["severity"] == "critical"
    )
    return found.partition(" > ")[2]


def test_what_is_committed_is_up_to_date(capsys) -> None:
    """What CI asks: nothing under collector/ differs from what would be generated."""
    assert main(["generate", "--check", "--output", str(COLLECTOR)]) == 0, capsys.readouterr().out
    assert capsys.readouterr().out == "up to date\n"


def test_it_writes_all_files_and_then_none(tmp_path, capsys) -> None:
    """A file that is as it should be is left alone."""
    assert main(["generate", "--output", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "".join(f"wrote {tmp_path / name}\n" for name in ARTIFACTS)
    for name in ARTIFACTS:
        assert (tmp_path / name).read_bytes() == (COLLECTOR / name).read_bytes()
    assert main(["generate", "--output", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ARTIFACTS)
def test_check_tells_of_drift_and_writes_nothing(name: str, tmp_path, capsys) -> None:
    """A file edited by hand or missing ends with 1 and is named."""
    main(["generate", "--output", str(tmp_path)])
    for spoil in (lambda path: path.write_text(path.read_text() + " "), Path.unlink):
        spoil(tmp_path / name)
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        capsys.readouterr()
        assert main(["generate", "--check", "--output", str(tmp_path)]) == 1
        assert capsys.readouterr().out == f"not up to date: {tmp_path / name}\n"
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_thresholds_come_from_a_file_that_a_service_is_started_with(tmp_path) -> None:
    """As Docker and systemd read it: comments, quotes, exports, and variables of others."""
    file = tmp_path / "bot.env"
    file.write_text(
        "# the bot's\n\nexport GPT_TRADER_ORDER_ERROR_RATE_CRIT='0.2'\nOTHER=a=b\nGPT_TRADER_GUARD_TRIP_COUNT_WARN = 1\n"
    )
    assert main(["generate", "--output", str(tmp_path), "--thresholds", str(file)]) == 0
    assert limit_in(tmp_path) == "0.2"
    assert "gpt_trader:guard_trip_count > 1\n" in (tmp_path / RULES).read_text()


def test_thresholds_come_from_the_environment_only_when_asked(tmp_path, monkeypatch) -> None:
    """What is committed does not depend on who generates it."""
    monkeypatch.setenv("GPT_TRADER_ORDER_ERROR_RATE_CRIT", "0.25")
    main(["generate", "--output", str(tmp_path)])
    assert limit_in(tmp_path) == "0.15"
    assert main(["generate", "--output", str(tmp_path), "--thresholds", "environment"]) == 0
    assert limit_in(tmp_path) == "0.25"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("GPT_TRADER_ORDER_ERROR_RATE_CRIT=much\n", "GPT_TRADER_ORDER_ERROR_RATE_CRIT: 'much' is no number"),
        ("GPT_TRADER_ORDER_ERROR_RATE_CRIT=0.01\n", "order_error_rate_warn cannot be 0.05; it is at most"),
        ("# fine\nnonsense\n", "line 2 is not of the form NAME=VALUE"),
        (b"\xff\xfe\x00", "is no text"),
    ],
)
def test_thresholds_that_cannot_be_meant_are_refused_with_the_reason(text, why: str, tmp_path, capsys) -> None:
    """Exit code 2, one line, nothing written."""
    file = tmp_path / "bot.env"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["generate", "--output", str(tmp_path / "out"), "--thresholds", str(file)]) == 2
    said = capsys.readouterr().err
    assert why in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("GPT_TRADER_ORDER_ERROR_RATE_CRITICAL", "GPT_TRADER_ORDER_ERROR_RATE_CRIT"),
        ("GPT_TRADER_ORDER_EROR_RATE_CRIT", "GPT_TRADER_ORDER_ERROR_RATE_CRIT"),
        ("GPT_TRADER_ORDER_ERROR_CRIT", "GPT_TRADER_ORDER_ERROR_RATE_CRIT"),
        ("gpt_trader_order_error_rate_crit", "GPT_TRADER_ORDER_ERROR_RATE_CRIT"),
        ("order_error_rate_crit", "GPT_TRADER_ORDER_ERROR_RATE_CRIT"),
        ("GPT_TRADER_WINDOW_SECONDS", "GPT_TRADER_SIGNAL_WINDOW_SECONDS"),
        ("GPT_TRADER_SIGNALS_WINDOW_SECONDS", "GPT_TRADER_SIGNAL_WINDOW_SECONDS"),
        ("gpt_trader_guard_trips_warn", "GPT_TRADER_GUARD_TRIP_COUNT_WARN"),
    ],
)
def test_a_misspelt_threshold_is_never_taken_for_none(name: str, meant: str, tmp_path, capsys, monkeypatch) -> None:
    """In a file it is refused; in the environment, where others have names too, it is told of."""
    file = tmp_path / "bot.env"
    file.write_text(f"{name}=0.2\n")
    assert main(["generate", "--output", str(tmp_path / "out"), "--thresholds", str(file)]) == 2
    said = capsys.readouterr().err
    assert f"{name} is no threshold's name; {meant} is probably meant" in said
    assert not (tmp_path / "out").exists()
    monkeypatch.setenv(name, "0.2")
    assert main(["generate", "--output", str(tmp_path / "out"), "--thresholds", "environment"]) == 0
    assert capsys.readouterr().err == f"generate: {name} is read by nothing; {meant} is probably meant\n"


def test_a_longer_interval_widens_what_is_taken_for_silence(tmp_path) -> None:
    """Rules and dashboards: three intervals, a minute more until a bot is missed, and what must be longer than that."""
    file = tmp_path / "bot.env"
    file.write_text("OTEL_METRIC_EXPORT_INTERVAL=120000\n")
    assert main(["generate", "--output", str(tmp_path), "--thresholds", str(file)]) == 0
    rules = (tmp_path / RULES).read_text()
    assert "heartbeat_timestamp_seconds > 360 unless" in rules
    assert "<= 360\n" in rules
    assert "offset 11m" in rules
    assert "failures_total[20m]" in rules
    assert "sent nothing for 7 minutes" in rules
    for name in ARTIFACTS:
        usual = (COLLECTOR / name).read_text()
        assert "180" in usual
        assert "> 180" not in (tmp_path / name).read_text()


def test_a_shorter_interval_leaves_a_restart_its_time(tmp_path) -> None:
    """Ten seconds are no reason to miss a bot after half a minute."""
    file = tmp_path / "bot.env"
    file.write_text("OTEL_METRIC_EXPORT_INTERVAL=10000\n")
    main(["generate", "--output", str(tmp_path), "--thresholds", str(file)])
    assert (tmp_path / RULES).read_text() == (COLLECTOR / RULES).read_text()


def test_an_interval_that_leaves_alerts_blind_is_refused(tmp_path, capsys) -> None:
    """150 s are taken, more are not, with the reason."""
    file = tmp_path / "bot.env"
    for milliseconds, code in (("150000", 0), ("150001", 2)):
        file.write_text(f"OTEL_METRIC_EXPORT_INTERVAL={milliseconds}\n")
        assert main(["generate", "--output", str(tmp_path / "out"), "--thresholds", str(file)]) == code
    assert "too long to alert on" in capsys.readouterr().err


@pytest.mark.parametrize("way", ["variable", "option"])
def test_an_exporters_own_prefix_is_alerted_on(way: str, tmp_path) -> None:
    """From the variable that the exporter reads, or by the option, beside the two that the playbook names."""
    file = tmp_path / "bot.env"
    file.write_text("COINBASE_TRADER_METRIC_PREFIX=my_desk\n" if way == "variable" else "")
    more = ["--prefix", "my_desk"] if way == "option" else []
    assert main(["generate", "--output", str(tmp_path), "--thresholds", str(file), *more]) == 0
    rules = (tmp_path / RULES).read_text()
    assert rules.count('"(coinbase_trader|gpt_trader|my_desk)_metrics_timestamp_seconds"') > 3
    assert '"(coinbase_trader|gpt_trader)_metrics' not in rules


@pytest.mark.parametrize(
    "way", ["OTEL_SERVICE_NAME=momentum", "OTEL_RESOURCE_ATTRIBUTES=service.name=momentum", "option"]
)
def test_a_job_of_bots_that_is_told_is_watched_from_the_beginning(way: str, tmp_path) -> None:
    """From the name that the bot itself has, or by the option, beside the one that the playbook names."""
    file = tmp_path / "bot.env"
    file.write_text("" if way == "option" else way)
    more = ["--job", "momentum"] if way == "option" else []
    assert main(["generate", "--output", str(tmp_path), "--thresholds", str(file), *more]) == 0
    assert r'up{job=~"gpt\\-trader|momentum"}' in (tmp_path / RULES).read_text()


def test_links_lead_to_where_the_runbooks_are_published(tmp_path) -> None:
    """Of every alert and in every dashboard, so that whoever is paged has one click to go."""
    wiki = "https://wiki.example/runbooks"
    assert main(["generate", "--runbooks", f"{wiki}#", "--output", str(tmp_path)]) == 0
    groups = yaml.safe_load((tmp_path / RULES).read_text())["groups"]
    links = [rule["annotations"]["runbook_url"] for group in groups for rule in group["rules"] if "alert" in rule]
    assert links
    assert all(link.startswith(f"{wiki}#") and "##" not in link for link in links)
    for name in ARTIFACTS:
        assert "docs/runbooks.md" not in (tmp_path / name).read_text().replace(
            "Where docs/runbooks.md is published", ""
        )


def test_a_job_without_a_name_is_refused(tmp_path, capsys) -> None:
    """It would take every target for a bot that has no job."""
    assert main(["generate", "--output", str(tmp_path), "--job", ""]) == 2
    assert "a job of bots has no name" in capsys.readouterr().err


def test_a_prefix_that_begins_no_name_is_refused(tmp_path, capsys) -> None:
    """It would break the rules' own syntax."""
    assert main(["generate", "--output", str(tmp_path), "--prefix", 'x"}']) == 2
    assert "metric_prefix" in capsys.readouterr().err


def test_the_names_of_others_are_no_misspelt_thresholds(tmp_path, capsys, monkeypatch) -> None:
    """What this library reads for something else, and what the bot reads for itself."""
    names = [variable for variable, *_ in SETTINGS]
    names += [
        "GPT_TRADER_PROFILE",
        "GPT_TRADER_MAX_LEVERAGE",
        "GPT_TRADER_SIGNAL_SOURCE",
        "COINBASE_API_KEY",
        "home",
        "x",
    ]
    file = tmp_path / "bot.env"
    read = {"OTEL_METRIC_EXPORT_INTERVAL": "60000", "OTEL_RESOURCE_ATTRIBUTES": "desk=x1"}
    file.write_text("".join(f"{name}={read.get(name, 'x1')}\n" for name in names))
    assert main(["generate", "--output", str(tmp_path), "--thresholds", str(file)]) == 0
    for name in names[-6:]:
        monkeypatch.setenv(name, "1")
    assert main(["generate", "--output", str(tmp_path), "--thresholds", "environment"]) == 0
    assert capsys.readouterr().err == ""


def test_a_folder_or_file_that_is_not_to_be_had_is_named(tmp_path, capsys) -> None:
    """No traceback for what the operating system refuses."""
    assert main(["generate", "--thresholds", str(tmp_path / "none.env")]) == 2
    assert "none.env': No such file or directory" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["generate", "--output", str(tmp_path / "file")]) == 2
    assert "file/" in capsys.readouterr().err


def test_without_the_extra_it_says_which(tmp_path, capsys, monkeypatch) -> None:
    """The rest of the package works without what only this command needs."""
    real = builtins.__import__

    def without_yaml(name: str, *rest, **more):
        if name == "yaml":
            raise ModuleNotFoundError("No module named 'yaml'", name="yaml")
        return real(name, *rest, **more)

    for module in [name for name in sys.modules if name.startswith("gpt_trader_telemetry.rules") or name == "yaml"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(builtins, "__import__", without_yaml)
    assert main(["generate", "--output", str(tmp_path)]) == 2
    assert (
        capsys.readouterr().err == "generate: yaml is not installed; pip install 'gpt-trader-telemetry[monitoring]'\n"
    )
