"""docs/ccxt.md shows what happens."""

import contextlib
import io
import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "ccxt.md").read_text()
EXAMPLE = next(text for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "kraken_exchange" in text)
SHOWN = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)[1]


def test_the_worked_example_prints_what_the_page_shows(ccxt) -> None:
    """To the letter."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(EXAMPLE, "docs/ccxt.md", "exec"), {})
    assert printed.getvalue() == SHOWN
