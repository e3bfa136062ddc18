# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``ansible-galaxy`` builds and installs."""

from __future__ import annotations

import re
import tarfile

import pytest

from tests.support.tools.commands import BIN, ROOT, check

ALLOWED = [
    r"(README|CHANGELOG|CONTRIBUTING)\.(md|rst)",
    r"LICENSE",
    r"(MANIFEST|FILES)\.json",
    r"requirements\.txt",
    r"changelogs/((config|changelog)\.yaml|fragments/[\w.]+\.yml)",
    r"docs/.+\.(md|yml|ini)",
    r"meta/(runtime|execution-environment)\.yml",
    r"playbooks/(tasks/)?\w+\.yml",
    r"plugins/(action|doc_fragments|filter|module_utils|modules|plugin_utils)/[\w/]+\.py",
    r"plugins/module_utils/\w+\.json",
    r"roles/\w+/(README\.md|(defaults|meta|tasks|vars)/\w+\.yml)",
]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    target = tmp_path_factory.mktemp("artifact")
    check("artifact-build", [str(BIN / "ansible-galaxy"), "collection", "build", "--output-path", str(target), "."])
    return next(target.glob("selfhosted-bitwarden-*.tar.gz"))


@pytest.fixture(scope="module")
def names(artifact):
    with tarfile.open(artifact) as archive:
        return sorted(member.name for member in archive.getmembers() if member.isfile())


def test_it_holds_nothing_but_the_collection(names):
    assert [name for name in names if not any(re.fullmatch(pattern, name) for pattern in ALLOWED)] == []


@pytest.mark.parametrize("folder", ["plugins", "roles", "playbooks", "meta"])
def test_it_holds_the_whole_collection(names, folder):
    here = {
        str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix != ".pyc"
    }
    assert here - set(names) == set()


def test_it_installs_and_is_found(artifact, tmp_path):
    check(
        "artifact-install",
        [str(BIN / "ansible-galaxy"), "collection", "install", "-p", str(tmp_path), "--offline", str(artifact)],
        PYTHONPATH="",
        ANSIBLE_COLLECTIONS_PATH=str(tmp_path),
    )
    listed = check(
        "artifact-doc",
        [str(BIN / "ansible-doc"), "-t", "role", "-l", "selfhosted.bitwarden"],
        PYTHONPATH="",
        ANSIBLE_COLLECTIONS_PATH=str(tmp_path),
    )
    assert "selfhosted.bitwarden.families_sync" in listed


def test_it_installs_from_the_working_copy(tmp_path):
    check(
        "artifact-install-dir",
        [str(BIN / "ansible-galaxy"), "collection", "install", "-p", str(tmp_path), "--offline", "."],
        PYTHONPATH="",
        ANSIBLE_COLLECTIONS_PATH=str(tmp_path),
    )
    assert (tmp_path / "ansible_collections" / "selfhosted" / "bitwarden" / "MANIFEST.json").exists()
    assert not (tmp_path / "ansible_collections" / "selfhosted" / "bitwarden" / "tests").exists()
