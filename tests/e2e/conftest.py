"""The end-to-end tests run the examples, with the help of the examples' own tests."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "examples"), str(TESTS.parent / "examples")]

collect_ignore = ["conftest.py"]
