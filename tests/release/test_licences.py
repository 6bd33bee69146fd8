"""Whatever an installation brings along may be used with this package, and is what the lock pins."""

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.distributions import ROOT

PACKAGE = "gpt-trader-telemetry"
ALLOWED = frozenset({"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "PSF-2.0"})
SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""What metadata that knows no SPDX writes."""


def required(name: str, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield what a distribution requires on this machine, and with which extras; nothing of one that is not here."""
    try:
        requirements = distribution(name).requires or ()
    except PackageNotFoundError:
        return
    for text in requirements:
        asked = Requirement(text)
        if asked.marker is None or any(asked.marker.evaluate({"extra": extra}) for extra in (extras or {""})):
            yield canonicalize_name(asked.name), frozenset(asked.extras)


def brought_along() -> set[str]:
    """Return every distribution that installing this one with the users' extras brings along."""
    users = frozenset(distribution(PACKAGE).metadata.get_all("Provides-Extra", [])) - {"test"}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = {(PACKAGE, users | {""})}
    while waiting:
        one = waiting.pop()
        seen.add(one)
        waiting |= set(required(*one)) - seen
    return {name for name, _ in seen} - {PACKAGE}


def licences_of(one: Distribution) -> set[str]:
    """Return a distribution's licences as SPDX has them, all of which apply; alternatives are one word."""
    told = one.metadata["License-Expression"]
    if told is None:
        classifiers = one.metadata.get_all("Classifier", [])
        named = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License :: OSI Approved ::")]
        told = " AND ".join(SPDX.get(name, name) for name in named) or one.metadata["License"] or "unknown"
    return {term.strip("() ") for term in re.split(r"\s+AND\s+", SPDX.get(told, told))}


@pytest.mark.parametrize("name", sorted(brought_along()))
def test_a_dependencys_licence_is_one_that_was_agreed_to(name: str) -> None:
    """docs/releasing.md lists them; another one is a decision and no detail."""
    try:
        one = distribution(name)
    except PackageNotFoundError:
        pytest.skip(f"{name}, of an extra, is not installed")
    assert {term for term in licences_of(one) if not ALLOWED & set(re.split(r"\s+OR\s+", term))} == set()


def test_the_lock_pins_every_dependency_by_digest() -> None:
    """A file that was replaced at the index does not install."""
    locked = {one["name"]: one for one in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    assert brought_along() <= set(locked)
    for name in brought_along():
        files = [*locked[name].get("wheels", ()), *filter(None, [locked[name].get("sdist")])]
        assert files
        assert all(file["hash"].startswith("sha256:") for file in files)


def test_the_licences_are_listed_for_readers() -> None:
    """The page says what the test allows."""
    page = (ROOT / "docs" / "releasing.md").read_text()
    assert {licence for licence in ALLOWED if licence not in page} == set()


@pytest.mark.skipif(shutil.which("uv") is None, reason="there is no uv")
def test_the_bill_of_materials_is_of_what_is_locked(tmp_path: Path) -> None:
    """As docs/releasing.md has it written: each dependency at its locked version, with digests, and no test tool."""
    page = (ROOT / "docs" / "releasing.md").read_text().replace("\\\n", "")
    [command] = re.findall(r"^ +(uv export .*)$", page, re.MULTILINE)
    words = command.replace("dist/sbom.cdx.json", str(tmp_path / "sbom.json")).split()
    subprocess.run([*words, "--offline"], cwd=ROOT, check=True, capture_output=True)
    bill = json.loads((tmp_path / "sbom.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    listed = {one["name"]: one for one in bill["components"]}
    locked = {one["name"]: one.get("version") for one in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    assert brought_along() <= set(listed)
    assert not {"pytest", "hypothesis", "hatchling"} & set(listed)
    for name, one in listed.items():
        assert one["version"] == locked[name]
        assert one["purl"] == f"pkg:pypi/{name}@{locked[name]}"
        assert all(source["hashes"][0]["alg"] == "SHA-256" for source in one["externalReferences"])
