# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: shared code of this collection. It can change without notice.
"""What Bitwarden's setup tool does to the override files when it updates or rebuilds an installation (measured)."""

from __future__ import annotations

from typing import Dict, FrozenSet, Optional, Tuple

# The tool's own settings of each file. One that is missing comes back with a default: an all-zero installation id,
# an empty certificate password, new random keys, region US.
BUILT_IN: Dict[str, Tuple[str, ...]] = {
    "global": (
        "globalSettings__baseServiceUri__vault",
        "globalSettings__baseServiceUri__cloudRegion",
        "globalSettings__sqlServer__connectionString",
        "globalSettings__sqlServer__migrationExecutionTimeoutSeconds",
        "globalSettings__identityServer__certificatePassword",
        "globalSettings__internalIdentityKey",
        "globalSettings__oidcIdentityClientKey",
        "globalSettings__duo__aKey",
        "globalSettings__installation__id",
        "globalSettings__installation__key",
        "globalSettings__yubico__clientId",
        "globalSettings__yubico__key",
        "globalSettings__mail__replyToEmail",
        "globalSettings__mail__smtp__host",
        "globalSettings__mail__smtp__port",
        "globalSettings__mail__smtp__ssl",
        "globalSettings__mail__smtp__username",
        "globalSettings__mail__smtp__password",
        "globalSettings__disableUserRegistration",
        "globalSettings__hibpApiKey",
        "adminSettings__admins",
    ),
    "mssql": ("SA_PASSWORD",),
    "key_connector": (
        "keyConnectorSettings__webVaultUri",
        "keyConnectorSettings__identityServerUri",
        "keyConnectorSettings__database__provider",
        "keyConnectorSettings__database__jsonFilePath",
        "keyConnectorSettings__rsaKey__provider",
        "keyConnectorSettings__certificate__provider",
        "keyConnectorSettings__certificate__filesystemPath",
        "keyConnectorSettings__certificate__filesystemPassword",
    ),
}

# Settings that the tool itself looks up in the file, with nothing but double quotes taken off.
READ_BY_TOOL: FrozenSet[str] = frozenset(
    (
        "globalSettings__sqlServer__connectionString",
        "globalSettings__identityServer__certificatePassword",
        "keyConnectorSettings__certificate__filesystemPassword",
    )
)

VAULT_URL = "globalSettings__baseServiceUri__vault"
PUSH_URL = "globalSettings__pushRelayBaseUri"
PUSH_OFF = "REPLACE"

_ALL_BUILT_IN = {name.lower(): name for names in BUILT_IN.values() for name in names}


def built_in_name(name: str) -> Optional[str]:
    """The tool's own spelling of a built-in setting given in any case, ``None`` for any other."""
    return _ALL_BUILT_IN.get(name.lower())


def line_after_rewrite(line: str) -> Optional[str]:
    """What the tool makes of one line (without its end): ``None`` when it drops it."""
    name, separator, value = line.partition("=")
    if not separator:
        return None
    if built_in_name(name) != name:
        value = value.replace('\\"', '"')
    return f"{name}={value}"


def value_read_by_tool(line: str) -> str:
    """The value that the tool takes from a line for its own use."""
    return line.partition("=")[2].strip('"').replace('\\"', '"')
