# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalog of settings, against the recorded one of a server."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.catalog import KNOWN_SETTINGS

from tests.support.tools.generate_known_settings import RECORDING, TABLE, generate

RECORDINGS = Path(__file__).parents[4] / "support" / "recordings"


def test_the_table_is_the_recorded_one() -> None:
    recording = json.loads(RECORDING.read_text(encoding="utf-8"))
    assert recording["settings"] == KNOWN_SETTINGS
    assert TABLE.read_text(encoding="utf-8") == generate(recording)
