# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that are read or removed: those that are missing, damaged, or links to others."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.files import read_json, remove, text_of


def test_json_is_read_where_there_is_any(tmp_path):
    (tmp_path / "state").write_text('{"phase": "proven"}')
    assert read_json(str(tmp_path / "state")) == {"phase": "proven"}
    assert read_json(str(tmp_path / "missing")) is None
    assert read_json(str(tmp_path / "state/below")) is None


def test_a_link_and_what_is_damaged_are_not_taken_for_missing(tmp_path):
    (tmp_path / "damaged").write_text('{"phase": ')
    (tmp_path / "link").symlink_to(tmp_path / "missing")
    with pytest.raises(ValueError, match="Expecting value"):
        read_json(str(tmp_path / "damaged"))
    with pytest.raises(OSError, match="link"):
        read_json(str(tmp_path / "link"))


def test_text_is_empty_where_it_cannot_be_read(tmp_path):
    (tmp_path / "file").write_bytes(b"a\xffb")
    assert [text_of(str(tmp_path / name)) for name in ("file", "missing")] == ["a\ufffdb", ""]


def test_what_is_removed_is_not_what_a_link_leads_to(tmp_path):
    (tmp_path / "folder/inner").mkdir(parents=True)
    (tmp_path / "folder/file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    for name in ("missing", "link"):
        remove(str(tmp_path / name))
    assert [one.name for one in tmp_path.iterdir()] == ["folder"]
    remove(str(tmp_path / "folder/file"))
    remove(str(tmp_path / "folder"))
    assert list(tmp_path.iterdir()) == []
