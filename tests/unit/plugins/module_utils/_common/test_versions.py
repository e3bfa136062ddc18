# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of two versions is newer."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.versions import is_newer, version_numbers


@pytest.mark.parametrize(
    ("version", "than", "expected"),
    [
        ("2026.8.0", "2026.7.2", True),
        ("2026.10.0", "2026.9.0", True),
        ("v2026.8.1", "2026.8.0-beta", True),
        ("2026.8.0", "2026.8.0", False),
        ("2026.7.2", "2026.8.0", False),
        ("2026.8.0", None, False),
        (None, "2026.8.0", False),
        ("latest", "2026.8.0", False),
        ("2026.8.0", "", False),
    ],
)
def test_newer(version, than, expected):
    assert is_newer(version, than) is expected


@pytest.mark.parametrize("text", [None, "", "latest", "2026.8", "x2026.8.0"])
def test_what_is_not_a_version_has_no_numbers(text):
    assert version_numbers(text) == ()
