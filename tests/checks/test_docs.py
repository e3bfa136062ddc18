# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation: what Ansible's own linter, Galaxy's importer and a reader who follows a link find."""

from __future__ import annotations

import re
import shutil
import tarfile

import pytest

from tests.tools.commands import BIN, ROOT, WORK, check


def test_collection_docs():
    command = ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs=all", "."]
    assert check("antsibull-docs", [str(BIN / command[0]), *command[1:]]).strip() == ""


def test_galaxy_would_import_without_a_warning():
    target = WORK / "importer"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    check("galaxy-build", [str(BIN / "ansible-galaxy"), "collection", "build", "--output-path", str(target), "."])
    artifact = next(target.glob("*.tar.gz"))
    output = check(
        "galaxy-importer",
        [str(BIN / "python"), "-m", "galaxy_importer.main", str(artifact)],
        cwd=target,
        HOME=str(target),
        PYTHONPATH="",
        ANSIBLE_COLLECTIONS_PATH=str(target),
    )
    assert tarfile.is_tarfile(artifact)
    assert not [line for line in output.splitlines() if re.match(r"(WARNING|ERROR)", line)], output


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in ROOT.glob("docs/*.md"))]
)
def test_links(page):
    """Those of the README are absolute, for Galaxy shows it elsewhere; links to files of this project lead to one."""
    links = re.findall(r"\]\(([^)\s]+)\)", (ROOT / page).read_text())
    blob = "https://github.com/selfhosted/bitwarden/blob/main/"
    for link in links:
        if link.startswith(blob):
            assert (ROOT / link[len(blob) :].partition("#")[0]).exists(), link
        elif not link.startswith(("https://", "#")):
            assert page != "README.md", f"{link} is not absolute"
            assert (ROOT / page).parent.joinpath(link.partition("#")[0]).exists(), link
