# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that the host modules share, and the settings request that they give."""

from __future__ import annotations

from typing import Any, Dict, MutableMapping

from .._common.masking import MASK
from .override_file import FILES
from .regions import CLOUDS
from .resolve import SettingsRequest
from .secrecy import is_secret_setting

HOST_OPTIONS: Dict[str, Dict[str, Any]] = {
    "bwdata": {"type": "path", "default": "/opt/bitwarden/bwdata"},
}

# The settings that a server should have.
DESIRED_OPTIONS: Dict[str, Dict[str, Any]] = {
    "settings": {"type": "dict", "default": {}},
    "secret_settings": {"type": "dict", "default": {}, "no_log": True},
    "cloud_communication": {"type": "bool"},
    "region": {"type": "str", "choices": sorted(CLOUDS)},
}

# The same, with how they are written.
SETTINGS_OPTIONS: Dict[str, Dict[str, Any]] = {
    "file": {"type": "str", "choices": list(FILES), "default": "global"},
    **DESIRED_OPTIONS,
    "unknown_settings": {"type": "str", "choices": ["warn", "fail", "ignore"], "default": "warn"},
    "backup": {"type": "bool", "default": False},
    "lock_timeout": {"type": "str", "default": "15m"},
}


def request_from(params: MutableMapping[str, Any]) -> SettingsRequest:
    """Take the settings request out of a module's parameters and leave masked values there.

    What remains in ``params`` can be shown (Ansible returns it as ``invocation``). A module without the options of
    writing only reads, and leaves it to the one that writes to name unknown settings.
    """
    request = SettingsRequest(
        file=params.get("file", "global"),
        settings=dict(params["settings"] or {}),
        secret_settings=dict(params["secret_settings"] or {}),
        cloud_communication=params["cloud_communication"],
        region=params["region"],
        unknown_settings=params.get("unknown_settings", "ignore"),
    )
    params["secret_settings"] = dict.fromkeys(request.secret_settings, MASK)
    params["settings"] = {
        key: MASK if is_secret_setting(key, value) else value for key, value in request.settings.items()
    }
    return request
