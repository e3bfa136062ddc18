# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The setup tool's own settings."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.document import EnvFile
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.setup_tool import BUILT_IN

RECORDINGS = Path(__file__).parents[4] / "support" / "recordings"


def test_the_built_in_settings_are_those_of_a_fresh_file() -> None:
    fresh = json.loads((RECORDINGS / "setup-rewrite.json").read_text(encoding="utf-8"))["rewrites"][0]["after"]
    assert tuple(EnvFile.parse(fresh.encode(), "file").values()) == BUILT_IN["global"]
