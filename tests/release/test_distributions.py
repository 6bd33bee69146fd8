"""The wheel and the source distribution: the same bytes each time, and what they hold."""

from email import message_from_string
from email.message import Message
from io import StringIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from readme_renderer import markdown
from trove_classifiers import classifiers

import gpt_trader_telemetry
from support.distributions import ROOT, Built, build


@pytest.fixture(scope="module")
def metadata(built: Built) -> Message:
    """Return what the wheel says about itself."""
    with ZipFile(built.wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_string(archive.read(name).decode())


def test_a_tree_builds_to_the_same_bytes_each_time(built: Built, tmp_path: Path) -> None:
    """Whoever builds a release from its tag can compare it with the one that was published."""
    again = build(ROOT, tmp_path, SOURCE_DATE_EPOCH="1790000000")
    assert again.wheel.read_bytes() == built.wheel.read_bytes()
    assert again.sdist.read_bytes() == built.sdist.read_bytes()


def test_the_source_distribution_builds_the_same_wheel_and_itself(built: Built, tmp_path: Path) -> None:
    """Distributions that build from source get what was tested."""
    tree = built.unpacked(tmp_path / "tree")
    again = build(tree, tmp_path / "again", SOURCE_DATE_EPOCH="1790000000")
    assert again.wheel.read_bytes() == built.wheel.read_bytes()
    assert again.sdist.read_bytes() == built.sdist.read_bytes()


def test_the_source_distribution_has_what_its_tests_need(built: Built) -> None:
    """All that is in the tree, so that its tests run from it."""
    kept = built.in_sdist()
    folders = ("benchmarks", "collector", "docs", "examples", "src", "tests")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    files += [ROOT / name for name in ("pyproject.toml", "uv.lock", "README.md", "CHANGELOG.md", "LICENSE")]
    wanted = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    assert wanted - kept - {"collector/.grafana-password"} == set()


def test_the_wheel_has_the_package_and_nothing_else(built: Built) -> None:
    """Types, the page and the report's style are in it; tests, examples and benchmarks are not."""
    files = built.in_wheel()
    package = Path(gpt_trader_telemetry.__file__).parent
    own = [path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    info = f"gpt_trader_telemetry-{gpt_trader_telemetry.__version__}.dist-info"
    assert {name for name in files if not name.startswith(f"{info}/")} == {
        f"gpt_trader_telemetry/{path.relative_to(package).as_posix()}" for path in own
    }
    assert {"gpt_trader_telemetry/py.typed", f"{info}/licenses/LICENSE", f"{info}/entry_points.txt"} <= files


def test_the_metadata_is_complete_for_an_index(metadata: Message) -> None:
    """What a reader of an index sees, and what tools choose by."""
    assert metadata["Name"] == "gpt-trader-telemetry"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert len(metadata["Summary"]) <= 512
    assert len(metadata["Keywords"].split(",")) >= 5
    given = metadata.get_all("Classifier")
    assert set(given) <= set(classifiers)
    assert {"Typing :: Typed", "Framework :: Pytest"} <= set(given)
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)} <= set(given)
    assert not any("License ::" in one for one in given), "the licence's expression says it"


def test_the_extras_are_these(metadata: Message) -> None:
    """What only some users need; a page says what each is for."""
    extras = set(metadata.get_all("Provides-Extra"))
    assert {"rules", "test"} <= extras
    pages = "".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
    assert {extra for extra in extras if f"`{extra}`" not in pages and f"telemetry[{extra}]" not in pages} == set()


def test_the_readme_renders_as_an_index_shows_it(metadata: Message) -> None:
    """With headings, tables and code in place."""
    warned = StringIO()
    page = markdown.render(metadata.get_payload(), stream=warned)
    assert page is not None, warned.getvalue()
    assert warned.getvalue() == ""
    assert page.count("<pre") >= 4
    assert "<table" in page
