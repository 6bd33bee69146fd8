"""Every example that a document shows runs, or says why it cannot run here."""

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from unittest import SkipTest

import pytest
from sybil import Document

from documents.pages import ROOT, documents, read
from documents.shell import Shell
from gpt_trader_telemetry import Telemetry
from support.receivers import free_port

TUTORIAL = ROOT / "docs" / "tutorial.md"
PAGES = [page for page in documents() if page != TUTORIAL]


@pytest.fixture
def port() -> Callable[[str], int]:
    """A free port for each of the documents' own."""
    return cache(lambda _: free_port())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like a checkout, in which an example may write."""
    for name in ("examples", "pyproject.toml", "uv.lock"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("collector", "docs"):  # which commands write to
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shell(folder: Path, port: Callable[[str], int], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Shell]]:
    """A bash in that folder, started by the first command, with this environment's programs."""
    monkeypatch.setenv("GPT_TRADER_HEALTH_PORT", str(port("8080")))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("UV_PROJECT_ENVIRONMENT", sys.prefix)
    monkeypatch.setenv("UV_NO_SYNC", "1")
    monkeypatch.setenv("UV_FROZEN", "1")
    started: list[Shell] = []

    def start() -> Shell:
        if not started:
            started.append(Shell(folder, os.environ))
        return started[0]

    yield start
    for bash in started:
        bash.close()


def run(document: Document) -> None:
    try:
        for example in document:
            with contextlib.suppress(SkipTest):
                example.evaluate()
    finally:
        for made in document.namespace.values():
            if isinstance(made, Telemetry):
                made.shutdown(timeout=0)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_examples_of_a_page_run(page: Path, folder: Path, shell: Callable[[], Shell], port) -> None:
    """In their order, as they are printed, with the output that is shown."""
    run(read(page, folder, shell, port))


@pytest.mark.parametrize("page", documents(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_is_not_run_says_why(page: Path) -> None:
    """A skip without a reason would be an example that nobody has tried."""
    for skip in re.findall(r"<!--+ *skip:.*", page.read_text()):
        assert re.fullmatch(r'<!-- skip: ((next|start) "[^"]{10,}"|end) -->', skip), f"{page}: {skip}"


@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")
@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus is not installed")
def test_the_tutorial_works_as_printed(tmp_path: Path, port: Callable[[str], int], monkeypatch) -> None:
    """A new user with an empty folder beside a checkout, and nothing of this environment."""
    (tmp_path / "gpt-trader-telemetry").symlink_to(ROOT)
    folder = tmp_path / "my-bot"
    folder.mkdir()
    own = str(Path(sys.prefix) / "bin")
    programs = [part for part in os.environ["PATH"].split(os.pathsep) if part != own]
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.base_prefix) / "bin"), *programs]))
    monkeypatch.setenv("GPT_TRADER_HEALTH_PORT", str(port("8080")))
    for name in ("UV_PYTHON", "UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV"):
        monkeypatch.delenv(name, raising=False)
    bash = Shell(folder, os.environ)
    try:
        run(read(TUTORIAL, folder, lambda: bash, port))
    finally:
        bash.close()
