# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The molecule scenario, on the fleet."""

from __future__ import annotations

import re

import pytest

from tests.support.fleet import names
from tests.support.tools.commands import BIN, ROOT, check


@pytest.mark.fleet
def test_scenario(tmp_path):
    # Molecule keeps state in a folder of its own; with that of an earlier run it would not prepare again.
    output = check(
        "molecule",
        [str(BIN / "molecule"), "test"],
        cwd=ROOT / "extensions",
        PYTHONPATH=str(ROOT),
        BWFLEET_FOLDER=names.STATE.name,
        MOLECULE_PROJECT_DIRECTORY=str(ROOT),
        MOLECULE_EPHEMERAL_DIRECTORY=str(tmp_path),
    )
    assert re.search(r"default > idempotence: Executed: Successful", output)
    assert re.search(r"default > verify: Executed: Successful", output)
