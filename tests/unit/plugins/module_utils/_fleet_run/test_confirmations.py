# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One confirmation is not that of several hosts."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._fleet_run.confirmations import shared_confirmations


@pytest.mark.parametrize(
    ("confirmed", "wrong"),
    [
        ({}, []),
        ({"a": "1f"}, []),
        ({"a": "1f", "b": "2f"}, []),
        ({"a": "1f", "b": "2f", "c": "1F"}, ["a", "c"]),
    ],
)
def test_hosts_that_share_one(confirmed, wrong):
    assert sorted(shared_confirmations(confirmed)) == wrong
