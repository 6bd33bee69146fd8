"""The version stands in one place, and everything else agrees with it."""

import re
from pathlib import Path

import pytest
from packaging.version import Version

import gpt_trader_telemetry
from gpt_trader_telemetry.cli.main import main
from support.distributions import ROOT, Built

VERSION = gpt_trader_telemetry.__version__


def test_the_version_stands_in_one_file() -> None:
    """`_version.py`; pyproject.toml reads it there."""
    package = Path(gpt_trader_telemetry.__file__).parent
    stated = re.compile(rf"""["']{re.escape(VERSION)}["']""")
    assert [path.name for path in package.rglob("*.py") if stated.search(path.read_text())] == ["_version.py"]
    assert not re.search(r"^version\s*=", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)


def test_package_command_and_distributions_agree(built: Built, capsys) -> None:
    """The names of the files are what installers choose by."""
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"gpt-trader-telemetry {VERSION}\n"
    assert built.wheel.name == f"gpt_trader_telemetry-{VERSION}-py3-none-any.whl"
    assert built.sdist.name == f"gpt_trader_telemetry-{VERSION}.tar.gz"
    assert str(Version(VERSION)) == VERSION, "it is written as installers normalize it"


def test_the_changelog_is_of_this_version() -> None:
    """On top is what is not released yet, or the release itself; below come earlier ones, newest first."""
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    released = [heading for heading in headings if heading != "Unreleased"]
    assert headings[:1] in (["Unreleased"], released[:1])
    assert all(re.fullmatch(r"\S+ - \d{4}-\d{2}-\d{2}", heading) for heading in released)
    versions = [Version(heading.split()[0]) for heading in released]
    assert versions == sorted(versions, reverse=True)
    assert all(version <= Version(VERSION) for version in versions)
    if headings[0] != "Unreleased":
        assert versions[0] == Version(VERSION)
