# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which settings are secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.secrecy import is_secret

from .resolving import CLOUD, ID, KEY, desired

RECORDINGS = Path(__file__).parents[4] / "support" / "recordings"


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        (KEY, True),
        (KEY.upper(), True),
        (KEY.replace("__", ":") + " ", True),
        ("globalSettings__mail__smtp__password", True),
        ("globalSettings__sqlServer__connectionString", True),
        ("SA_PASSWORD", True),
        ("https_proxy", True),
        ("globalSettings__mail__smtp__pasword", True),
        ("globalSettings__instalation_key", True),
        ("globalSettings__passwordlessAuth__knownDevicesOnly", False),
        ("globalSettings__twoFactorUserVerificationTokenLifetimeInMinutes", False),
        (CLOUD, False),
        (ID, False),
        ("globalSettings__mail__smtp__host", False),
        ("globalSettings__a__b", False),
    ],
)
def test_is_secret(key: str, secret: bool) -> None:
    assert is_secret(key) is secret
    assert is_secret(key, desired(secret_settings={CLOUD: True}).secret_keys) is (secret or key == CLOUD)
