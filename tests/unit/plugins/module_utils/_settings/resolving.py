# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of settings, and requests resolved against a file, as the tests of this folder use them."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.document import EnvFile
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.resolve import (
    DesiredSettings,
    SettingsRequest,
    resolve,
)

CLOUD = "globalSettings__enableCloudCommunication"
REGION = "globalSettings__baseServiceUri__cloudRegion"
IDENTITY = "globalSettings__installation__identityUri"
API = "globalSettings__installation__apiUri"
PUSH = "globalSettings__pushRelayBaseUri"
ID = "globalSettings__installation__id"
KEY = "globalSettings__installation__key"
PORT = "globalSettings__mail__smtp__port"
EU = {
    REGION: "EU",
    IDENTITY: "https://identity.bitwarden.eu",
    API: "https://api.bitwarden.eu",
    PUSH: "https://push.bitwarden.eu",
}


def desired(current: str = "", **request: Any) -> DesiredSettings:
    return resolve(SettingsRequest(**request), EnvFile.parse(current.encode(), "file"))


def settings(values: Mapping[str, Any], **request: Any) -> Dict[str, Optional[str]]:
    return desired(settings=values, **request).values


def lines(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())
