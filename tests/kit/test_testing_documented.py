"""docs/testing.md is a set of files that run, and shows what a failure looks like."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
FILES = dict(re.findall(r"```python (\S+)\n(.*?)```", PAGE, re.DOTALL))
FAILURE = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)[1]


@pytest.fixture
def documented(pytester: pytest.Pytester) -> Path:
    """The files of the page in a directory of their own."""
    for name, text in FILES.items():
        (pytester.path / name).write_text(text)
    return pytester.path


def test_the_worked_example_runs(documented: Path, run_pytest) -> None:
    """Every file of the page, with pytest and with unittest, and no warning."""
    run_pytest().assert_outcomes(passed=7)


def test_the_failure_is_the_one_that_is_shown(documented: Path, run_pytest) -> None:
    """A bot that lost its classifier fails in the very lines of the page."""
    bot = documented / "bot.py"
    broken = re.sub(r", classify=.*\)$", ")", bot.read_text(), flags=re.MULTILINE)
    assert broken != bot.read_text()
    bot.write_text(broken)
    ran = run_pytest(None, "test_bot.py")
    ran.assert_outcomes(failed=2, passed=4)
    assert FAILURE in ran.stdout.str()
    assert "Recorded telemetry" in ran.stdout.str()
