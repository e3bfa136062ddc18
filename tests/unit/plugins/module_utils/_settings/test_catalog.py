# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalog of settings, against the recorded ones."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.catalog import (
    KNOWN_SETTINGS,
    LAST_VERSIONS,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.types import validation_error

from tests.support.tools.generate_known_settings import TABLE, generate, read


def test_the_table_is_the_recorded_one() -> None:
    _version, settings, last_versions = read()
    assert settings == KNOWN_SETTINGS
    assert last_versions == LAST_VERSIONS
    assert set(LAST_VERSIONS) < set(KNOWN_SETTINGS)
    assert TABLE.read_text(encoding="utf-8") == generate()


@pytest.mark.parametrize("kind", sorted(set(KNOWN_SETTINGS.values())))
def test_every_type_can_be_checked(kind: str) -> None:
    assert kind == "string" or validation_error(kind, "\n") is not None
