# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the links of a set lead, told without them as the file system does where they are."""

from __future__ import annotations

import os

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.manifest import FileEntry
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore.links import Links, below_a_link

LINKS = {
    "near": "core",
    "core/up": "../logs",
    "core/out": "../../elsewhere",
    "nas": "/mnt/nas",
    "round/a": "b",
    "round/b": "a",
    "home": "{root}/core",
    "again": "home/out",
    "beside": "{root}-more",
    "back": "../{name}/core",
}


@pytest.fixture
def links(tmp_path):
    root = tmp_path / "drill"
    for folder in ("core", "round", "logs"):
        (root / folder).mkdir(parents=True)
    for path, target in LINKS.items():
        (root / path).symlink_to(target.format(root=root, name="drill"))
    files = [FileEntry(f"bwdata/{path}", link=os.readlink(root / path)) for path in LINKS]
    return Links.of([*files, FileEntry("bwdata/core/"), FileEntry("bwdata/env/uid.env", link="/etc/passwd")], str(root))


@pytest.mark.parametrize(
    "path",
    [
        "core", "core/x", "near", "near/x", "core/up/x", "near/up", "core/out", "near/out/x", "nas", "nas/x", "home/x",
        "home/up", "again", "beside", "beside/x", "core/../logs", "..",
    ],
)  # fmt: skip
def test_as_the_file_system(links, path):
    real, root = os.path.realpath(f"{links.root}/{path}"), os.path.realpath(links.root)
    assert links.lead_outside(path) == (real != root and not real.startswith(root + os.sep))


@pytest.mark.parametrize("path", ["round/a", "round/b/x", "back", "../drill"])
def test_what_leads_nowhere_or_leaves_the_folder_on_its_way_is_outside(links, path):
    assert links.lead_outside(path)


def test_a_link_that_is_not_put_there_leads_nowhere(links):
    assert not links.lead_outside("env/uid.env")


def test_files_below_a_link():
    files = [FileEntry("bwdata/"), FileEntry("bwdata/a", link="b"), FileEntry("bwdata/ab"), FileEntry("bwdata/a/c/d")]
    assert below_a_link(files) == ["bwdata/a/c/d"]
    assert below_a_link(files[:3]) == []
