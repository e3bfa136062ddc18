# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bitwarden's setup tool: what it does to the override files when it updates or rebuilds an installation (measured)."""

from __future__ import annotations

from typing import Dict, FrozenSet, Optional, Tuple

from .._common.setting_names import (
    CLOUD_REGION,
    IDENTITY_CERTIFICATE_PASSWORD,
    INSTALLATION_ID,
    INSTALLATION_KEY,
    KEY_CONNECTOR_CERTIFICATE_PASSWORD,
    SMTP_HOST,
    SQL_CONNECTION_STRING,
    VAULT_URL,
)

# The tool's own settings of each file. One that is missing comes back with a default: an all-zero installation id,
# an empty certificate password, new random keys, region US.
BUILT_IN: Dict[str, Tuple[str, ...]] = {
    "global": (
        VAULT_URL,
        CLOUD_REGION,
        SQL_CONNECTION_STRING,
        "globalSettings__sqlServer__migrationExecutionTimeoutSeconds",
        IDENTITY_CERTIFICATE_PASSWORD,
        "globalSettings__internalIdentityKey",
        "globalSettings__oidcIdentityClientKey",
        "globalSettings__duo__aKey",
        INSTALLATION_ID,
        INSTALLATION_KEY,
        "globalSettings__yubico__clientId",
        "globalSettings__yubico__key",
        "globalSettings__mail__replyToEmail",
        SMTP_HOST,
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
        KEY_CONNECTOR_CERTIFICATE_PASSWORD,
    ),
}

# Settings that the tool itself looks up in the file, with only double quotes removed.
READ_BY_TOOL: FrozenSet[str] = frozenset(
    (
        SQL_CONNECTION_STRING,
        IDENTITY_CERTIFICATE_PASSWORD,
        KEY_CONNECTOR_CERTIFICATE_PASSWORD,
    )
)

# A push relay's URL that stands for "off".
PUSH_OFF = "REPLACE"

_ALL_BUILT_IN = {name.lower(): name for names in BUILT_IN.values() for name in names}


def built_in_name(name: str) -> Optional[str]:
    """Return the tool's own spelling of a built-in setting given in any case, ``None`` for any other."""
    return _ALL_BUILT_IN.get(name.lower())


def line_after_rewrite(line: str) -> Optional[str]:
    """Return a line (without its end) as the tool rewrites it, ``None`` when it drops it."""
    name, separator, value = line.partition("=")
    if not separator:
        return None
    if built_in_name(name) != name:
        value = value.replace('\\"', '"')
    return f"{name}={value}"


def value_read_by_tool(line: str) -> str:
    """Return the value that the tool reads from a line for its own use."""
    return line.partition("=")[2].strip('"').replace('\\"', '"')
