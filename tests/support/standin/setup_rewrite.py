# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Bitwarden's setup tool makes of ``global.override.env`` when it updates or rebuilds an installation."""

from __future__ import annotations

import re
import secrets
import string
from typing import Callable, Dict, List, Mapping, Tuple
from urllib.parse import urlsplit

PREFIX = "globalSettings__"
VAULT = PREFIX + "baseServiceUri__vault"
PUSH = PREFIX + "pushRelayBaseUri"
CONNECTION_STRING = (
    '"Data Source=tcp:mssql,1433;Initial Catalog=vault;Persist Security Info=False;User ID=sa;Password={password};'
    'Multiple Active Result Sets=False;Connect Timeout=30;Encrypt=True;Trust Server Certificate=True"'
)
_ALPHANUMERIC = string.ascii_letters + string.digits


def rewrite(before: bytes, config: Mapping[str, object]) -> bytes:
    """Return the file as the setup tool rewrites it.

    ``config`` is the content of ``config.yml``: ``url`` (text) and ``push_notifications`` (boolean, true if absent).
    Values that the tool makes up for missing lines (passwords, keys) are random.
    """
    url = str(config["url"])
    values = _parse(before)
    lines: List[Tuple[str, str]] = []
    for key, default in _defaults(urlsplit(url).hostname or url).items():
        value = values.pop(key, None)
        lines.append((key, default() if value is None else value))
    lines[0] = (VAULT, url)
    push_notifications = bool(config.get("push_notifications", True))
    if push_notifications and values.get(PUSH) == "REPLACE":
        del values[PUSH]
    elif not push_notifications:
        values.setdefault(PUSH, "REPLACE")
    lines += [(key, value.replace('\\"', '"')) for key, value in values.items()]
    return "".join(f"{key}={value}\n" for key, value in lines).encode("utf-8")


def _parse(before: bytes) -> Dict[str, str]:
    """Return key to value, in order of first appearance; the last value wins; lines without ``=`` do not count."""
    text = before.decode("utf-8", errors="replace")
    if text.startswith("\ufeff"):
        text = text[1:]
    values: Dict[str, str] = {}
    for line in re.split("\r\n|\r|\n", text):
        key, separator, value = line.partition("=")
        if separator:
            values[key] = value
    return values


def _defaults(domain: str) -> Dict[str, Callable[[], str]]:
    """Return the tool's own keys in the order in which it writes them, with what it fills in for a missing one."""

    def fixed(value: str) -> Callable[[], str]:
        return lambda: value

    def made_up(length: int) -> Callable[[], str]:
        return lambda: "".join(secrets.choice(_ALPHANUMERIC) for _count in range(length))

    defaults = {
        "baseServiceUri__vault": fixed(""),
        "baseServiceUri__cloudRegion": fixed("US"),
        "sqlServer__connectionString": lambda: CONNECTION_STRING.format(password=made_up(32)()),
        "sqlServer__migrationExecutionTimeoutSeconds": fixed(""),
        "identityServer__certificatePassword": fixed(""),
        "internalIdentityKey": made_up(64),
        "oidcIdentityClientKey": made_up(64),
        "duo__aKey": made_up(64),
        "installation__id": fixed("00000000-0000-0000-0000-000000000000"),
        "installation__key": fixed(""),
        "yubico__clientId": fixed("REPLACE"),
        "yubico__key": fixed("REPLACE"),
        "mail__replyToEmail": fixed(f"no-reply@{domain}"),
        "mail__smtp__host": fixed("REPLACE"),
        "mail__smtp__port": fixed("587"),
        "mail__smtp__ssl": fixed("false"),
        "mail__smtp__username": fixed("REPLACE"),
        "mail__smtp__password": fixed("REPLACE"),
        "disableUserRegistration": fixed("false"),
        "hibpApiKey": fixed("REPLACE"),
    }
    return {**{PREFIX + key: value for key, value in defaults.items()}, "adminSettings__admins": fixed("")}
