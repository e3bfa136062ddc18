# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``ansible-test sanity`` on the newest and the oldest ansible-core, each on its own Python and the oldest of hosts."""

from __future__ import annotations

import sys

import pytest

from tests.support.tools.commands import check


@pytest.mark.parametrize("core", ["newest", "oldest"])
def test_sanity(core):
    check(f"sanity-{core}", [sys.executable, "tests/support/tools/sanity.py", core])
