# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which version of Bitwarden is installed, which one the script would install, and which one is available."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Mapping, Optional

from .._common.errors import BitwardenError
from .._common.versions import version_numbers
from .._connectivity.http import Network, send
from .._deployment.drift import Stack

Versions = Dict[str, Optional[str]]

#: Where Bitwarden publishes the newest versions for self-hosted servers.
PUBLISHED = "https://selfhost.bitwarden.com/version.json"

# Those that have a version of their own.
_OWN = {"web": "web", "key_connector": "key-connector"}
_SCRIPT = re.compile(r"^(CORE|WEB|KEYCONNECTOR)VERSION=[\"']?([0-9][\w.+-]*)", re.MULTILINE)
_IN_SCRIPT = {"core": "CORE", "web": "WEB", "key_connector": "KEYCONNECTOR"}
_PUBLISHED = {"core": "coreVersion", "web": "webVersion", "key_connector": "keyConnectorVersion"}
_STATUS_OK = 200


class VersionError(BitwardenError):
    """The available version cannot be read; the message says why."""


def installed_versions(stack: Stack) -> Versions:
    """Return the versions by the tags of the images; None where no tag tells."""
    own = {name: stack.image_version(service) for name, service in _OWN.items()}
    return {"core": stack.version(), **own}


def script_versions(text: str) -> Versions:
    """Return the versions that ``bitwarden.sh`` installs, from its text; None where it names none."""
    found = dict(_SCRIPT.findall(text))
    return {name: found.get(variable) for name, variable in _IN_SCRIPT.items()}


def available_versions(network: Network, timeout: float) -> Versions:
    """Ask Bitwarden for the newest versions, with ``timeout`` in seconds. Raises ``BitwardenError``."""
    response = send(network, PUBLISHED, timeout)
    if response.status != _STATUS_OK:
        raise VersionError(f"{PUBLISHED} was answered with status {response.status} by {response.peer}.")
    try:
        published: Any = json.loads(response.body)["versions"]
        versions = {name: _version(published, key) for name, key in _PUBLISHED.items()}
    except (ValueError, KeyError, TypeError):
        versions = {}
    if not versions.get("core"):
        raise VersionError(f"{PUBLISHED} was answered by {response.peer}, but not with versions of Bitwarden.")
    return versions


def _version(published: Mapping[str, Any], key: str) -> Optional[str]:
    value = published.get(key)
    return value if isinstance(value, str) and version_numbers(value) else None
